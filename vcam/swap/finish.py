"""From an engine's crop to the finished one: colour, steadiness, sharpness, grain, mask."""

from __future__ import annotations

import cv2
import numpy as np

from vcam.swap.buffers import Buffers
from vcam.swap.crop import shrink_crop
from vcam.swap.detail import add_grain, enlarge
from vcam.swap.mask import believed, brow_mask, combine_masks, face_hull_mask, open_mouth_mask
from vcam.swap.steady import ColourMatch, Steadier
from vcam.types import Image, Mask, Points

PASTE_SIZE_PX = 256  # of the finished crop: a face of 300 px in the frame shows its full sharpness


class Finisher:
    """Finishes the crops of one face, frame after frame.

    Args:
        engine_size: side of the engine's crops in px: colour is matched at this size.
    """

    def __init__(self, engine_size: int) -> None:
        self._engine_size = engine_size
        self._colour = ColourMatch()
        self._steady = Steadier()
        self._buffers = Buffers()

    def finish(self, swap: Image, mask: Mask, crop: Image, landmarks_in_crop: Points, at: float,
               occlusion: Mask | None = None) -> tuple[Image, Mask]:  # fmt: skip
        """Finish one crop.

        Args:
            swap: uint8 (S, S, 3) BGR from the engine.
            mask: float32 (S, S) 0..1 from the engine.
            crop: uint8 (P, P, 3) BGR, the target at ``PASTE_SIZE_PX``.
            landmarks_in_crop: float32 (157, 2) px in ``crop``.
            at: time of the frame in seconds.
            occlusion: float32 (P, P) 0..1, 1 where the face is not hidden.

        Returns:
            The finished swap, uint8 (P, P, 3) BGR, valid until the next call; and its mask, float32 (P, P).
        """
        target = shrink_crop(crop, self._engine_size)
        matched = self._colour(swap, target, mask, at)
        steadied = self._steady(matched, target, at)
        finished = enlarge(steadied, crop.shape[0])
        add_grain(finished, crop, landmarks_in_crop, self._buffers)
        size_wh = (crop.shape[1], crop.shape[0])
        if mask.shape != crop.shape[:2]:
            mask = np.asarray(cv2.resize(mask, size_wh, interpolation=cv2.INTER_LINEAR), np.float32)
        hull = face_hull_mask(landmarks_in_crop, crop.shape[0])
        mask = np.asarray(cv2.max(mask, brow_mask(landmarks_in_crop, crop.shape[0])), np.float32)
        combined = combine_masks(mask, hull, None if occlusion is None else believed(occlusion, hull))
        mouth = open_mouth_mask(landmarks_in_crop, crop.shape[0])
        if mouth is not None:
            combined *= 1 - mouth
        return finished, combined

    def reset(self) -> None:
        """Forget the past: another face or source follows."""
        self._colour.reset()
        self._steady.reset()
