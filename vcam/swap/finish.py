"""From an engine's crop to the finished one: colour, steadiness, sharpness, grain, mask."""

from __future__ import annotations

import cv2
import numpy as np

from vcam.swap.buffers import Buffers
from vcam.swap.crop import shrink_crop
from vcam.swap.detail import add_grain, sharpen
from vcam.swap.mask import (
    MASK_SIDE_PX,
    Rims,
    believed,
    combine_masks,
    face_hull_mask,
    open_eyes_mask,
    open_mouth_mask,
    rows_of_brows,
    thin_gaps,
)
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
        self._rims = Rims()
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
            occlusion: float32 (R, R) 0..1 over the whole crop, 1 where the face is not hidden.

        Returns:
            The finished swap, uint8 (P, P, 3) BGR, valid until the next call; and its mask, float32 (P, P).
        """
        target = shrink_crop(crop, self._engine_size)
        matched = self._colour(swap, target, mask, at)
        steadied = self._steady(matched, target, at)
        finished = sharpen(steadied, crop.shape[0])
        add_grain(finished, crop, landmarks_in_crop, self._buffers)
        return finished, _resized(_where(mask, landmarks_in_crop, crop, occlusion, self._rims), crop.shape[0])

    def reset(self) -> None:
        """Forget the past: another face or source follows."""
        self._colour.reset()
        self._steady.reset()
        self._rims.reset()


def _where(mask: Mask, landmarks_in_crop: Points, crop: Image, occlusion: Mask | None, rims: Rims) -> Mask:
    """Where the swap is taken, at the size at which soft masks are worked out.

    Args:
        mask: float32 (S, S) 0..1 from the engine.
        landmarks_in_crop: float32 (157, 2) px in the crop.
        crop: uint8 (P, P, 3) BGR, the target.
        occlusion: see ``Finisher.finish``.
        rims: of this face.

    Returns:
        float32 (M, M) 0..1 with M = ``MASK_SIDE_PX``: inside the face's hull where the engine or the brows say so,
        without what is before the face, thin gaps such as rims of glasses, the inside of an open mouth and open eyes.
    """
    points = np.asarray((landmarks_in_crop + 0.5) * (MASK_SIDE_PX / crop.shape[0]) - 0.5, np.float32)
    hull = face_hull_mask(points, MASK_SIDE_PX)
    taken = _resized(mask, MASK_SIDE_PX)
    covered = np.maximum(taken, rows_of_brows(points, MASK_SIDE_PX))
    hidden = None if occlusion is None else believed(_resized(occlusion, MASK_SIDE_PX), hull)
    combined = combine_masks(covered, hull, hidden)
    gaps = thin_gaps(taken)
    own = np.maximum(gaps, open_eyes_mask(points, MASK_SIDE_PX))
    if crop.shape[0] == 2 * MASK_SIDE_PX:
        rims(own, gaps, points, crop)
    mouth = open_mouth_mask(points, MASK_SIDE_PX)
    if mouth is not None:
        cv2.max(own, mouth, dst=own)
    combined *= 1 - own
    return combined


def _resized(mask: Mask, size: int) -> Mask:
    if mask.shape[0] == size:
        return mask
    how = cv2.INTER_AREA if size < mask.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (size, size), interpolation=how), np.float32)
