"""The gate: the only way out. It decides what the next picture shows, and keeps the bare face in.

While the swap is on, a picture leaves only if it was swapped; otherwise the last good one is held for
a moment, and then a blur or a card stands in. Raw pictures leave only while the swap is off or while
the user has chosen ``Safe.RAW``.

A small state machine without clock or thread of its own: the capture thread tells it the live frame,
the processing thread tells it each outcome, the sender asks it for a picture at every tick.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from vcam.types import Control, Frame, Image, Safe, Shown

HOLD_S = 0.5  # a good picture is repeated at most this long after it was made
LIVE_S = 1.0  # an older camera frame is no longer called live; a card is shown in its place


@dataclass(frozen=True, slots=True)
class Chosen:
    """The picture for one tick.

    Attributes:
        image: uint8 (H, W, 3) BGR, of the output's size.
        shown: what it shows.
        captured_at: seconds; when the frame behind it left the camera. None for a picture that was
            sent before and for a card, whose age says nothing about latency.
    """

    image: Image
    shown: Shown
    captured_at: float | None


@dataclass(frozen=True, slots=True)
class _Good:
    image: Image
    captured_at: float
    made_at: float


class Gate:
    """Chooses what is shown. All methods may be called from any thread.

    Args:
        blur: makes a picture in which no recogniser finds anybody (``imaging.privacy_blur``).
        card: draws the card for the reason given.
    """

    def __init__(self, blur: Callable[[Image], Image], card: Callable[[str], Image]) -> None:
        self._blur, self._card = blur, card
        self._lock = threading.Lock()
        self._live: Frame | None = None
        self._good: _Good | None = None
        self._good_sent = False
        self._live_sent = -1
        self._failed = False
        self._blurred: tuple[Frame, Image] | None = None
        self.reason = "Starting"

    @property
    def live(self) -> Frame | None:
        """The newest frame of the camera; None while it is gone or at rest."""
        return self._live

    def see(self, frame: Frame) -> None:
        """A new frame came from the camera (already of the output's size)."""
        with self._lock:
            self._live = frame

    def swapped(self, image: Image, frame: Frame, made_at: float) -> None:
        """A frame was swapped and its picture passed every check.

        Raises:
            ValueError: the picture is the camera's own array, so nothing was put on it.
        """
        if image is frame.image or image.base is frame.image:
            raise ValueError("a picture called swapped is the camera's own frame")
        with self._lock:
            self._good, self._good_sent, self._failed = _Good(image, frame.captured_at, made_at), False, False

    def failed(self, reason: str) -> None:
        """A frame could not be swapped."""
        with self._lock:
            self._failed, self.reason = True, reason

    def forget(self, reason: str) -> None:
        """The camera is gone or at rest: there is no live frame to blur; a good picture is still held its time."""
        with self._lock:
            self._live = self._blurred = None
            self._failed, self.reason = True, reason

    def choose(self, control: Control, now: float) -> Chosen:
        """The picture to send at time ``now`` (seconds)."""
        with self._lock:
            live = self._live if self._live is not None and now - self._live.captured_at <= LIVE_S else None
            good, fresh, failed, reason = self._good, not self._good_sent, self._failed, self.reason
            new_live = live is not None and live.index != self._live_sent
            self._good_sent = self._good_sent or good is not None
            if live is not None:
                self._live_sent = live.index
        if control.enabled and good is not None and now - good.made_at <= HOLD_S:
            shown = Shown.HELD if failed else Shown.SWAPPED
            return Chosen(good.image, shown, good.captured_at if fresh else None)
        if live is None or (control.enabled and control.safe is Safe.HOLD_CARD):
            return Chosen(self._card(reason), Shown.CARD, None)
        captured_at = live.captured_at if new_live else None
        if not control.enabled or control.safe is Safe.RAW:
            return Chosen(live.image, Shown.RAW, captured_at)
        return Chosen(self._blur_once(live), Shown.BLURRED, captured_at)

    def _blur_once(self, live: Frame) -> Image:
        if self._blurred is None or self._blurred[0] is not live:
            self._blurred = (live, self._blur(live.image))
        return self._blurred[1]
