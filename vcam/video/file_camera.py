"""A video file that plays like a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

from vcam.errors import BadVideo, CameraLost, EndOfVideo
from vcam.types import Frame, Image, VideoMode
from vcam.video.files import VideoReader

MAX_SKIPPING_S = 0.25  # longer than this, one read does not chase a reader that is too slow


class FileCamera:
    """A video file that plays like a camera.

    Attributes:
        name: the file's name.
        asked: the mode that was asked for, or None; a file gives what is in it.
        mode: the file's size and mean rate; ``fps`` 0 when it is not paced.
        skipped: pictures left out because the reader came too late for them.
        errors: damaged pieces met so far.
    """

    def __init__(
        self,
        path: Path | str,
        asked: VideoMode | None = None,
        loop: bool = True,
        paced: bool = True,
        clock: Callable[[], float] = time.perf_counter,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: the video file.
            asked: only kept, to be reported.
            loop: begin again after the end, instead of raising ``EndOfVideo``.
            paced: give each picture at its time; otherwise as fast as it is read, and none is skipped.
            clock: seconds.
            wait: waits for that many seconds; the usual one ends early when the camera is closed.

        Raises:
            BadVideo: not there, not a video, or without a picture that can be decoded.
        """
        self.name = Path(path).name
        self.asked = asked
        self.skipped = 0
        self._path = Path(path)
        self._loop = loop
        self._paced = paced
        self._clock = clock
        self._in_use = threading.Lock()
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._earlier_errors = 0
        self._reader = VideoReader(path)
        facts = self._reader.facts
        self.mode = VideoMode(facts.width, facts.height, float(facts.fps) if paced else 0.0)
        self._frame_s = float(1 / facts.fps)
        self._frames = self._play()
        self._index = -1
        self._began: float | None = None

    @property
    def errors(self) -> int:
        """Damaged pieces met so far, in all rounds."""
        return self._earlier_errors + self._reader.errors

    def read(self) -> Frame:
        """Give the picture whose time has come, waiting for it.

        Raises:
            EndOfVideo: after the last picture, when the file is not looped.
            CameraLost: closed, or gone since it was opened.
        """
        with self._in_use:
            started = self._clock()
            while True:
                image, time_s = self._take()
                if not self._paced:
                    break
                late_s = self._lateness(time_s)
                if late_s <= self._frame_s:
                    self._wait_until_due(-late_s)
                    break
                if self._clock() - started > MAX_SKIPPING_S:
                    self._began = self._clock() - time_s  # the reader is too slow for the file: play it slower
                    break
                self.skipped += 1
            return Frame(image, self._index, self._clock())

    def close(self) -> None:
        """Close the file; a read in another thread ends at once. May be called twice."""
        self._closing.set()
        with self._in_use:
            self._frames.close()
            self._reader.close()

    def _take(self) -> tuple[Image, float]:
        if self._closing.is_set():
            raise CameraLost(f"{self.name} was closed")
        taken = next(self._frames, None)
        if taken is None:
            raise EndOfVideo(f"{self.name} has ended")
        self._index += 1
        return taken

    def _lateness(self, time_s: float) -> float:
        """Seconds by which a picture is late, negative when it is early; the first is on time."""
        now = self._clock()
        if self._began is None:
            self._began = now - time_s
        return now - (self._began + time_s)

    def _wait_until_due(self, early_s: float) -> None:
        if early_s > 0:
            self._wait(early_s)
        if self._closing.is_set():
            raise CameraLost(f"{self.name} was closed")

    def _play(self) -> Generator[tuple[Image, float], None, None]:
        """Yield images with their time since the first round began."""
        round_began_s = 0.0
        while True:
            end_s = 0.0
            for frame, time_s in self._reader:
                end_s = time_s + self._frame_s
                yield frame.image, round_began_s + time_s
            if not self._loop:
                return
            round_began_s += end_s
            self._begin_again()

    def _begin_again(self) -> None:
        self._earlier_errors += self._reader.errors
        self._reader.close()
        try:
            self._reader = VideoReader(self._path)
        except BadVideo as error:
            raise CameraLost(f"{self.name} can no longer be read: {error}") from error
