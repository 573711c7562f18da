"""Bring any camera's picture to the output's size. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from vcam.types import Image


def fit(image: Image, width: int, height: int) -> Image:
    """The whole picture, as large as it fits, centred on black.

    Args:
        image: uint8 (H, W, 3) BGR.
        width: of the result, px.
        height: of the result, px.

    Returns:
        uint8 (height, width, 3) BGR; ``image`` itself when it has that size already.
    """
    have_height, have_width = image.shape[:2]
    if (have_width, have_height) == (width, height):
        return image
    scale = min(width / have_width, height / have_height)
    inner_width, inner_height = max(round(have_width * scale), 1), max(round(have_height * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, (inner_width, inner_height), interpolation=how)
    if (inner_width, inner_height) == (width, height):
        return np.asarray(resized, np.uint8)
    result = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    result[top : top + inner_height, left : left + inner_width] = resized
    return result
