"""Sharpness and grain: a generated crop has neither the camera's sharpness nor its noise.

The generator's crop has 256 px, another engine's perhaps 128, where the face alone may have 300. It is sharpened,
enlarged with a cubic if need be, and on the skin the target's own finest detail (its grain, above all) is added: it has
the right strength, colour and movement by nature. Eyes, brows, lips and nostrils are left out, where that detail would
be a ghost of the old features, and it is limited to a few grey levels, so that no edge or mole comes through.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import cv2
import numpy as np

from vcam.swap.buffers import Buffers
from vcam.topology import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, LIPS_OUTER
from vcam.types import Image, Plane, Points

SHARPEN = 1.1  # of the difference to a blur of 1 px, before the enlargement
GRAIN = 1.0  # of the target's own fine detail, its difference to a blur of so many px
GRAIN_PX = 5
GRAIN_LIMIT = 9  # grey levels: sensor noise stays below, edges and moles do not
_FEATURES = (EYE_LEFT, EYE_RIGHT, BROW_LEFT, BROW_RIGHT, LIPS_OUTER)
_FEATURE_MARGIN = 0.04  # of the crop's side: twice the width that is left out round a feature
_MIDDLE = 128  # a difference of 0 in 8 bits

_STEPS = np.arange(256) - _MIDDLE
# Fades to nothing at twice the limit instead of staying at it: what is that strong is no grain.
_FADE = np.clip(2 - np.abs(_STEPS) / GRAIN_LIMIT, 0, 1)
_GRAIN_CURVE = np.round(_MIDDLE + GRAIN * _STEPS * _FADE).astype(np.uint8)


def sharpen(image: Image, size: int) -> Image:
    """A crop sharpened, and enlarged to ``size`` px if it is smaller: uint8 (size, size, 3) BGR, new.

    Args:
        image: uint8 (S, S, 3) BGR, S at most ``size``.
        size: side of the result in px.
    """
    sharp = cv2.addWeighted(image, 1 + SHARPEN, cv2.GaussianBlur(image, (5, 5), 1.0), -SHARPEN, 0.0)
    if image.shape[0] == size:
        return cast(Image, sharp)
    return cast(Image, cv2.resize(sharp, (size, size), interpolation=cv2.INTER_CUBIC))


def add_grain(swap: Image, target: Image, landmarks_in_crop: Points, buffers: Buffers) -> None:
    """Add the target's grain to the swap's skin, in place.

    Args:
        swap: uint8 (S, S, 3) BGR, written to.
        target: uint8 (S, S, 3) BGR, the same crop of the frame.
        landmarks_in_crop: float32 (157, 2) px in the crop.
        buffers: scratch memory.
    """
    side = swap.shape[0]
    smooth = cv2.blur(target, (GRAIN_PX, GRAIN_PX), dst=buffers.take("grain smooth", side, side, 3))
    grain = cv2.addWeighted(target, 1.0, smooth, -1.0, _MIDDLE, dst=smooth)
    cv2.LUT(grain, _GRAIN_CURVE, dst=grain)
    cv2.copyTo(_nothing(side), _features(landmarks_in_crop, side, buffers), grain)
    cv2.addWeighted(swap, 1.0, grain, 1.0, -_MIDDLE, dst=swap)


def _features(landmarks_in_crop: Points, side: int, buffers: Buffers) -> Plane:
    """255 on and round eyes, brows and lips."""
    plane = buffers.take("grain features", side, side)
    plane[:] = 0
    points = np.round(np.clip(landmarks_in_crop, -side, 2 * side)).astype(np.int32)
    polygons = [points[group] for group in _FEATURES]
    cv2.fillPoly(plane, polygons, (255,))
    cv2.polylines(plane, polygons, True, (255,), max(round(_FEATURE_MARGIN * side), 1))
    return plane


@lru_cache(maxsize=4)
def _nothing(side: int) -> Image:
    """A difference of nothing: uint8 (side, side, 3)."""
    return np.full((side, side, 3), _MIDDLE, np.uint8)
