"""Small real fakes: cameras whose every picture is known, and stages that do as they are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from promise import bare_frame
from vcam.errors import CameraLost, EndOfVideo
from vcam.types import Frame, VideoMode


class BareFaceCamera:
    """Gives ``promise.bare_frame`` at its rate, stamped with the present time.

    Args:
        fps: pictures a second.
        lost_at: indices at which it is lost instead; reading goes on behind them after it is opened again.
        length: it ends there, as a file does.
        resize: makes the picture of an index another size.
        counter: shared by the camera's openings, so that the indices go on.
    """

    name = "bare face"

    def __init__(
        self,
        fps: float = 60,
        lost_at: Collection[int] = (),
        length: int | None = None,
        resize: Callable[[Frame], Frame] | None = None,
        counter: list[int] | None = None,
    ) -> None:
        self.asked = None
        self.mode = VideoMode(64, 36, fps)
        self.closed = threading.Event()
        self._lost_at, self._length, self._resize = lost_at, length, resize
        self._next = counter if counter is not None else [0]
        self._due = time.perf_counter()

    def read(self) -> Frame:
        self._due = max(self._due + 1 / self.mode.fps, time.perf_counter())
        if self.closed.wait(self._due - time.perf_counter()):
            raise CameraLost("the camera was closed")
        index = self._next[0]
        self._next[0] += 1
        if self._length is not None and index >= self._length:
            raise EndOfVideo("the end")
        if index in self._lost_at:
            raise CameraLost("the camera was unplugged")
        frame = Frame(bare_frame(index).image, index, time.perf_counter())
        return self._resize(frame) if self._resize else frame

    def close(self) -> None:
        self.closed.set()
