"""The threads of a running camera: capture, processing and sending overlap; the newest frame wins.

    camera --> capture thread --> Latest --> processing thread --> Gate --> sender thread --> output
                     |                                              ^
                     +----------------- live frame -----------------+

The sender asks the gate for a picture at every tick, so the device keeps its rate whatever the other
two do. Nothing is ever queued: a hung stage costs fresh pictures, not memory or latency.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from vcam.errors import EndOfVideo, VcamError
from vcam.pipeline.fit import fit
from vcam.pipeline.gate import Gate
from vcam.pipeline.latest import Latest
from vcam.pipeline.process import attempt
from vcam.pipeline.stats import Stats, Used
from vcam.types import Camera, Control, Frame, Image, Output, Pipeline, Shown, VideoMode, Work
from vcam.video.sender import Sender

REOPEN_S = 0.25  # pause between attempts to open a lost camera; it must be back 1 s after replugging
RESTING_S = 5.0  # the processing thread's sleep while the webcam is released; a change wakes it
IDLE_AFTER_S = 10.0  # nobody has read the output for this long: the webcam is released
JOIN_S = 2.0  # a thread that is stuck in a stage is left behind (all are daemon threads)

log = logging.getLogger(__name__)


class Runner:
    """Owns camera, pipeline and output while it runs. Use it as a context manager.

    Args:
        open_camera: opens the camera; called again after a loss.
        build_pipeline: loads the models; called once, in the processing thread, so that the device is
            there before they are.
        open_output: opens the output; called again after a loss.
        mode: size and rate of the output; every frame is fitted to it.
        control: what the user wants at the start.
        blur: see ``Gate``.
        card: draws the card (width, height, reason) -> image.
        clock: seconds, as ``time.perf_counter``.
        idle_after_s: how long nobody must have read before the webcam is released.
        wait_for_camera: a first camera that is not there, or busy, is waited for like a lost one.

    Attributes:
        control: what the user wants now; assign a new value at any time, it is read once per frame.
        preview: a mailbox that gets (camera's picture or None, picture sent) at every tick; None costs nothing.
        shown: what the last picture sent shows.
        camera_error: why there is no camera now; empty while there is one.
        output_error: why nothing can be sent now; empty while it can.
        error: the first error that cannot heal (a model is missing, the first camera cannot be opened).
        ended: set when a video that is played once has ended, or ``error`` was set.
        stats: counts and times.
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        build_pipeline: Callable[[], Pipeline],
        open_output: Callable[[], Output],
        mode: VideoMode,
        control: Control,
        *,
        blur: Callable[[Image], Image],
        card: Callable[[int, int, str], Image],
        clock: Callable[[], float] = time.perf_counter,
        idle_after_s: float = IDLE_AFTER_S,
        wait_for_camera: bool = False,
    ) -> None:
        self.control, self.mode = control, mode
        self.preview: Latest[tuple[Image | None, Image]] | None = None
        self.shown: Shown | None = None
        self.error: VcamError | None = None
        self.ended = threading.Event()
        self.stats = Stats(clock)
        self.camera_name, self.camera_asked, self.camera_mode, self.output_name = "", "", "", ""
        self.camera_error = self.output_error = ""
        self._open_camera, self._build_pipeline, self._open_output = open_camera, build_pipeline, open_output
        self._clock, self._idle_after_s, self._wait_for_camera = clock, idle_after_s, wait_for_camera
        self._stop, self._awake = threading.Event(), threading.Event()
        self._awake.set()
        self._reopen, self._rebuild = threading.Event(), threading.Event()
        self._paused = False
        self._unread_since: float | None = None
        self._captured: Latest[Frame] = Latest()
        self._cards: dict[str, Image] = {}
        self._card = card
        self._gate = Gate(blur, self._card_for)
        self._camera: Camera | None = None
        self._output: Output | None = None
        self._sender: Sender | None = None
        self._threads = [
            threading.Thread(target=self._capture, name="capture", daemon=True),
            threading.Thread(target=self._process, name="process", daemon=True),
        ]

    def __enter__(self) -> Self:
        self._sender = Sender(self._opened_output, self.mode.fps, self._next_image, self._sender_failed, self._clock)
        self._sender.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._awake.set()
        self._captured.wake()
        camera = self._camera
        if camera is not None:
            camera.close()  # ends a read that still waits
        for thread in self._threads:
            thread.join(JOIN_S)
        if self._sender is not None:
            self._sender.close()

    @property
    def idle(self) -> bool:
        """Nobody reads the output, and the webcam is released."""
        return not self._awake.is_set()

    @property
    def paused(self) -> bool:
        """The user wants a rest: the webcam is released and a card is shown."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        if paused:
            self._awake.clear()
        else:
            self._awake.set()

    @property
    def live_picture(self) -> Image | None:
        """The camera's newest picture; None while it is gone or at rest. Not to be written to."""
        live = self._gate.live
        return None if live is None else live.image

    def reopen_camera(self) -> None:
        """Open the camera afresh: another one was chosen, or the computer has slept."""
        self._reopen.set()
        camera = self._camera
        if camera is not None:
            camera.close()  # ends a read that still waits

    def rebuild_pipeline(self, build_pipeline: Callable[[], Pipeline]) -> None:
        """Take another pipeline between two frames; until it is ready, the gate shows what is safe."""
        self._build_pipeline = build_pipeline
        self.error = None
        self._rebuild.set()
        self._captured.wake()

    def status_line(self) -> str:
        """What happens now, for a person: camera, output, what is shown, rates."""
        if self.idle:
            return f"{self.output_name}: nobody is watching, the camera is off"
        return f"{self.camera_name} -> {self.output_name}: {self.stats.line()}"

    def report(self, engine: str, provider: str) -> dict[str, object]:
        """The statistics so far, in the form of ``--stats-json``."""
        camera = (self.camera_name, self.camera_asked, self.camera_mode)
        used = Used(*camera, self.output_name, str(self.mode), engine, provider)
        return self.stats.report(self._captured.dropped, used)

    # --- capture thread -----------------------------------------------------------------------------

    def _capture(self) -> None:
        while not self._stop.is_set():
            self._awake.wait()
            try:
                self._read_until_lost()
            except EndOfVideo:
                self.ended.set()
                return
            except VcamError as error:
                if self._reopen.is_set() or self._stop.is_set():
                    continue
                if not self.camera_name and not self._wait_for_camera:
                    self._give_up(error)
                    return
                self.camera_error = str(error)
                log.warning("camera: %s", error)
                self._gate.forget(str(error))
                self._stop.wait(REOPEN_S)
            except Exception:
                log.exception("the camera failed")
                self._gate.forget("The camera failed")
                self._stop.wait(REOPEN_S)

    def _read_until_lost(self) -> None:
        self._reopen.clear()
        camera = self._camera = self._open_camera()
        try:
            self.camera_error = ""
            if self.camera_name:
                self.stats.count("reopened")
            self.camera_name, self.camera_mode = camera.name, str(camera.mode)
            self.camera_asked = str(camera.asked or "")
            log.info("camera %s: %s (asked for %s)", camera.name, camera.mode, camera.asked or "nothing")
            while not (self._stop.is_set() or self._reopen.is_set()) and self._awake.is_set():
                frame = camera.read()
                image = fit(frame.image, self.mode.width, self.mode.height)
                fitted = Frame(image, frame.index, frame.captured_at)
                self.stats.count("captured")
                self._gate.see(fitted)
                self._captured.put(fitted)
        finally:
            camera.close()
            self._camera = None
        self._captured.clear()
        self._gate.forget("Paused" if self._paused else "Waking up")

    # --- processing thread --------------------------------------------------------------------------

    def _process(self) -> None:
        while not self._stop.is_set():
            self._rebuild.clear()
            pipeline = self._built_pipeline()
            while not (self._stop.is_set() or self._rebuild.is_set()):
                frame = self._captured.take(RESTING_S if self.idle else 0.1)
                control = self.control
                if frame is not None and control.enabled and pipeline is not None:
                    work = Work(frame, control, frame.image)
                    attempt(pipeline, work, self._gate, self.stats, None, self._clock)

    def _built_pipeline(self) -> Pipeline | None:
        try:
            pipeline = self._build_pipeline()
        except VcamError as error:
            self._give_up(error)
        except Exception as error:
            log.exception("the models could not be loaded")
            self._give_up(VcamError(f"the models could not be loaded: {error}"))
        else:
            return pipeline
        return None

    # --- sender thread ------------------------------------------------------------------------------

    def _opened_output(self) -> Output:
        self._output = self._open_output()
        self.output_error = ""
        self.output_name = self._output.name
        log.info("output %s: %s", self._output.name, self._output.mode)
        return self._output

    def _next_image(self) -> Image:
        now = self._clock()
        self._notice_readers(now)
        chosen = self._gate.choose(self.control, now)
        latency_ms = None if chosen.captured_at is None else (now - chosen.captured_at) * 1e3
        self.shown = chosen.shown
        preview = self.preview
        if preview is not None:
            preview.put((self.live_picture, chosen.image))
        self.stats.sent(chosen.shown, latency_ms)
        return chosen.image

    def _notice_readers(self, now: float) -> None:
        watched = self._output.watched() if self._output is not None else None
        unread = watched is False and self.preview is None
        if not self._paused:
            self._wake_or_rest(unread, now)
        if self._sender is not None:
            self._sender.resting = self.idle and unread  # a pause is read at the full rate too

    def _wake_or_rest(self, unread: bool, now: float) -> None:
        if not unread:
            self._unread_since = None
            self._awake.set()
        elif self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since >= self._idle_after_s:
            self._awake.clear()

    def _sender_failed(self, error: Exception) -> None:
        self.output_error = str(error)
        log.warning("output: %s", error)

    def _card_for(self, reason: str) -> Image:
        if reason not in self._cards:
            self._cards.clear()
            self._cards[reason] = self._card(self.mode.width, self.mode.height, reason)
        return self._cards[reason]

    def _give_up(self, error: VcamError) -> None:
        self.error = self.error or error
        self._gate.forget(str(error))
        self.ended.set()
