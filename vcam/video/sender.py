"""Keeps a device at a constant rate, whatever the rest of the program does."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from vcam.errors import OutputError, OutputLost
from vcam.types import Image, Output

log = logging.getLogger(__name__)

REOPEN_EVERY_S = 0.5
RESTING_EVERY_S = 0.25  # between two pictures while nobody reads them; a reader is noticed as soon
JOIN_S = 5.0


class Pacer:
    """Deadlines on a fixed grid of time: no drift, and after a delay no burst; ticks that are past are left out.

    Two ticks are at least half a period apart, so a late tick is not followed by a hurried one.
    """

    def __init__(self, fps: float, start_s: float) -> None:
        """Begin a grid whose first deadline is its start.

        Args:
            fps: ticks a second, above 0.
            start_s: time of the first tick, seconds of any steady clock.
        """
        self._fps, self._start_s = fps, start_s
        self._tick = 0

    @property
    def deadline_s(self) -> float:
        """When the next tick is due."""
        return self._start_s + self._tick / self._fps

    def advance(self, now_s: float, ticks: int = 1) -> int:
        """Leave the tick that was due and go on to the next one that can be kept.

        Args:
            now_s: by the same clock as the start.
            ticks: how far to go on at least.

        Returns:
            How many ticks beyond those are left out.
        """
        earliest = (now_s - self._start_s) * self._fps + 0.5
        following = max(self._tick + ticks, math.ceil(earliest - 1e-6))
        left_out = following - self._tick - ticks
        self._tick = following
        return left_out


@dataclass(frozen=True, slots=True)
class SenderStats:
    """What a sender has done so far.

    Attributes:
        sent: pictures that the output took.
        failed: ticks at which no picture could be sent.
        left_out: ticks left out because the one before took too long.
        lost: how often the output was lost.
        longest_gap_ms: longest time between two pictures on one opening of the output.
    """

    sent: int = 0
    failed: int = 0
    left_out: int = 0
    lost: int = 0
    longest_gap_ms: float = 0.0


class Sender:
    """Asks for a picture at every tick and sends it; a thread around `Pacer`.

    It does not stop while the program lives. If no new picture can be had the last one is repeated. If the output is
    lost it is opened again by a second thread while the ticks go on.

    Attributes:
        resting: nobody reads the output, so a few pictures a second are enough.
    """

    def __init__(
        self,
        open_output: Callable[[], Output],
        fps: float,
        next_image: Callable[[], Image],
        on_error: Callable[[Exception], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            open_output: opens the output; called again after it was lost.
            fps: pictures a second.
            next_image: the picture for a tick; it must return at once.
            on_error: told of everything that goes wrong on the sender's threads; an outage of the output is told when
                it begins and whenever the reason changes.
            clock: seconds of a steady clock.
        """
        self._open_output, self._fps, self._next_image = open_output, fps, next_image
        self._on_error, self._clock = on_error, clock
        self.resting = False
        self._lock = threading.Lock()  # over the output and the figures
        self._output: Output | None = None
        self._last_image: Image | None = None
        self._last_sent_s: float | None = None
        self._sent = self._failed = self._left_out = self._lost = 0
        self._longest_gap_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="send", daemon=True)
        self._reopener: threading.Thread | None = None

    def start(self) -> None:
        """Open the output and begin to send.

        Raises:
            OutputError: it cannot be opened the first time.
        """
        self._output = self._open_output()
        self._thread.start()

    def close(self) -> None:
        """Stop sending and close the output."""
        self._stop.set()
        for thread in (self._thread, self._reopener):
            if thread is not None and thread.is_alive():
                thread.join(JOIN_S)
        with self._lock:
            output, self._output = self._output, None
        if output is not None:
            output.close()

    @property
    def stats(self) -> SenderStats:
        """The figures so far."""
        with self._lock:
            return SenderStats(self._sent, self._failed, self._left_out, self._lost, self._longest_gap_s * 1e3)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        pacer = Pacer(self._fps, self._clock())
        while not self._stop.wait(max(0.0, pacer.deadline_s - self._clock())):
            self._tick()
            resting_ticks = max(1, round(self._fps * RESTING_EVERY_S)) if self.resting else 1
            left_out = pacer.advance(self._clock(), resting_ticks)
            with self._lock:
                self._left_out += left_out

    def _tick(self) -> None:
        """One picture from the caller to the output."""
        try:
            self._last_image = self._next_image()
        except Exception as error:  # noqa: BLE001 -- whatever goes wrong there, the device goes on
            self._report(error)
        sent = False
        if self._output is not None and self._last_image is not None:
            try:
                self._output.send(self._last_image)
                sent = True
            except OutputLost as error:
                self._lose(error)
            except Exception as error:  # noqa: BLE001 -- the next picture may be a better one
                self._report(error)
        self._count(sent)

    def _count(self, sent: bool) -> None:
        now_s = self._clock()
        with self._lock:
            if not sent:
                self._failed += 1
                return
            self._sent += 1
            if self._last_sent_s is not None:
                self._longest_gap_s = max(self._longest_gap_s, now_s - self._last_sent_s)
            self._last_sent_s = None if self.resting else now_s

    def _lose(self, error: OutputLost) -> None:
        with self._lock:
            output, self._output = self._output, None
            self._lost += 1
            self._last_sent_s = None
        self._report(error)
        self._reopener = threading.Thread(target=self._reopen, args=(output,), name="reopen", daemon=True)
        self._reopener.start()

    def _reopen(self, lost: Output | None) -> None:
        """Close what was lost and try to open it again until that works or the sender is closed."""
        reason = ""
        try:
            if lost is not None:
                lost.close()
        except OutputError as error:
            self._report(error)
        while not self._stop.is_set():
            try:
                output = self._open_output()
            except Exception as error:  # noqa: BLE001 -- told once for each reason, then tried again
                if str(error) != reason:
                    reason = str(error)
                    self._report(error)
                self._stop.wait(REOPEN_EVERY_S)
                continue
            with self._lock:
                self._output = output  # if the sender is being closed, it closes this one after joining us
            return

    def _report(self, error: Exception) -> None:
        try:
            self._on_error(error)
        except Exception:
            log.exception("the sender's error could not be told: %s", error)
