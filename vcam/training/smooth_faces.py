"""Faces smoother than any camera's: averages of many, and what a beauty filter makes of one.

Stains and lines that real skin hides show on them, and people do wear such faces: drawn ones, filtered ones, and the
averages that the built-in faces are shown on.

Convention:
    images: uint8 RGB (256, 256, 3). landmarks: float32 (157, 2) in their pixels, order of ``vcam.topology``.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.training.pairs import thin_plate_field

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]

_EVERY = 2  # of the landmarks is an anchor of the warp
_FILTER_PX = 9
_FILTER_LEVELS = (15.0, 60.0)  # grey levels that a beauty filter takes for the same skin: hardly any, and nearly all
_FILTER_REACH_PX = (2.0, 5.0)


def average_face(images: Sequence[Picture], landmarks: Sequence[Points], shape: Points) -> Picture:
    """The mean of faces warped to one shape by thin-plate splines (Bookstein, 1989).

    Args:
        images: one or more.
        landmarks: of each of them.
        shape: the landmarks that the mean shall have.
    """
    side = len(images[0])
    ends = (0.5, side / 2 + 0.5, side - 1.5)
    border = np.array([[x, y] for x in ends for y in ends if (x, y) != (ends[1], ends[1])], np.float32)
    wanted = np.vstack([shape[::_EVERY], border])
    total = np.zeros(images[0].shape, np.float32)
    for image, points in zip(images, landmarks, strict=True):
        field = thin_plate_field(np.vstack([points[::_EVERY], border]), wanted, side)
        total += cv2.remap(image, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray((total / len(images)).round(), np.uint8)


def beautified(image: Picture, rng: np.random.Generator) -> Picture:
    """As a beauty filter shows it: skin flattened, edges kept (bilateral filter, Tomasi and Manduchi, 1998)."""
    levels, reach = rng.uniform(*_FILTER_LEVELS), rng.uniform(*_FILTER_REACH_PX)
    return np.asarray(cv2.bilateralFilter(image, _FILTER_PX, levels, reach), np.uint8)
