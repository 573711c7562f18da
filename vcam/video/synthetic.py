"""A camera that shows the drawn scene, with faults on order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vcam.errors import CameraLost
from vcam.types import Frame, VideoMode
from vcam.video.camera_info import DEFAULT_MODE
from vcam.video.scene import draw_scene


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, by the index of the picture.

    Attributes:
        lost_at: the camera is lost instead of giving this picture, and stays lost.
        hang_at: seconds for which reading hangs before this picture is given.
        size_change_at: width and height from this picture on.
    """

    lost_at: frozenset[int] = frozenset()
    hang_at: Mapping[int, float] = field(default_factory=dict)
    size_change_at: Mapping[int, tuple[int, int]] = field(default_factory=dict)


class SyntheticCamera:
    """The drawn scene as a camera: the picture of every index is known beforehand.

    Attributes:
        name: "synthetic".
        asked: the mode that was asked for, or None.
        mode: the mode given, which is any that was asked for; ``fps`` 0 when it is not paced.
        skipped: pictures left out because the reader came too late for them.
    """

    def __init__(
        self,
        asked: VideoMode | None = None,
        paced: bool = True,
        faults: Faults | None = None,
        start_index: int = 0,
        clock: Callable[[], float] = time.perf_counter,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Start the camera.

        Args:
            asked: size and rate.
            paced: give each picture at its time; otherwise as fast as it is read, and none is skipped.
            faults: what goes wrong, and when.
            start_index: the first picture's; a camera that is opened again can go on where it was lost.
            clock: seconds.
            wait: waits for that many seconds; the usual one ends early when the camera is closed.
        """
        self.name = "synthetic"
        self.asked = asked
        wanted = asked or DEFAULT_MODE
        self.mode = wanted if paced else replace(wanted, fps=0.0)
        self.skipped = 0
        self._faults = faults or Faults()
        self._start_index = start_index
        self._index = start_index
        self._clock = clock
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._began: float | None = None

    def read(self) -> Frame:
        """Wait for the next picture and draw it.

        Raises:
            CameraLost: closed, or a fault says so.
        """
        self._check()
        self._wait_for_turn()
        self._hang()
        self._check()
        index, self._index = self._index, self._index + 1
        return Frame(draw_scene(index, *self.size_wh_at(index)), index, self._clock())

    def close(self) -> None:
        """Stop; a read in another thread ends at once. May be called twice."""
        self._closing.set()

    def size_wh_at(self, index: int) -> tuple[int, int]:
        """Tell the size of a picture."""
        changes = [at for at in self._faults.size_change_at if at <= index]
        return self._faults.size_change_at[max(changes)] if changes else (self.mode.width, self.mode.height)

    def _check(self) -> None:
        if self._closing.is_set():
            raise CameraLost("the synthetic camera was closed")
        if any(self._start_index <= at <= self._index for at in self._faults.lost_at):
            raise CameraLost(f"the synthetic camera was lost at picture {self._index}, as its faults say")

    def _wait_for_turn(self) -> None:
        """Wait until the next picture is due; when later ones are due already, go on to the newest."""
        if self.mode.fps == 0.0:
            return
        now = self._clock()
        if self._began is None:
            self._began = now
        early_s = self._began + (self._index - self._start_index) / self.mode.fps - now
        if early_s > 0:
            self._wait(early_s)
            return
        newest = self._index + int(-early_s * self.mode.fps)
        self.skipped += newest - self._index
        self._index = newest

    def _hang(self) -> None:
        seconds = self._faults.hang_at.get(self._index, 0.0)
        if seconds > 0:
            self._wait(seconds)
