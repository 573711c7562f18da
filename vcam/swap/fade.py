"""From one worn face to the next: the old one fades out in the aligned crop, where it follows the head."""

from __future__ import annotations

import cv2
import numpy as np

from vcam.types import Image

FADE_S = 0.3


class CrossFade:
    """Mixes the last swap of the face worn before into those of the next. Both are swaps, so nothing raw is in it."""

    def __init__(self) -> None:
        self._last: tuple[Image, float] | None = None
        self._old: tuple[Image, float] | None = None

    def begin(self, wanted: bool) -> None:
        """Another face follows; call it before the next swap is made.

        Args:
            wanted: False switches at once.
        """
        self._old = (self._last[0].copy(), self._last[1]) if wanted and self._last is not None else None

    def __call__(self, swap: Image, at: float) -> Image:
        """What to show of a finished swap.

        Args:
            swap: uint8 (S, S, 3) BGR; kept by reference until the next call.
            at: time of the frame in seconds.

        Returns:
            ``swap`` itself, or a new picture of its size within ``FADE_S`` of the last swap of the face before.
        """
        shown = swap
        if self._old is not None:
            old, old_at = self._old
            weight = (at - old_at) / FADE_S
            if 0 <= weight < 1:
                shown = np.asarray(cv2.addWeighted(old, 1 - weight, swap, weight, 0), np.uint8)
            else:
                self._old = None
        self._last = (shown, at)
        return shown
