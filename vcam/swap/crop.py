"""Cutting the aligned crop of the target face out of the frame."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from vcam.geometry import box_of, compose, invert, transform
from vcam.swap.buffers import Buffers
from vcam.types import Affine, Image

_MARGIN_PX = 2  # bilinear reading needs one pixel beside the last


def cut_crop(image: Image, frame_to_crop: Affine, size: int, buffers: Buffers) -> Image:
    """Cut an aligned crop; the work depends on the face's size in px, never on the frame's.

    The region is halved while it is at least twice as large as the crop, so that fine texture does not alias,
    and warped with a fourth channel: OpenCV reads four channels more than twice as fast as three.

    Args:
        image: uint8 (H, W, 3) BGR.
        frame_to_crop: affine from frame px to crop px.
        size: side of the crop in px.
        buffers: scratch memory.

    Returns:
        uint8 (size, size, 3) BGR, a buffer that the next call with this size overwrites. Outside the frame its
        border pixels are repeated.
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]])
    x1, y1, x2, y2 = box_of(transform(corners, invert(frame_to_crop)))
    # Beside the frame its nearest pixels stand for the region.
    left, top = min(max(int(x1) - _MARGIN_PX, 0), width - 1), min(max(int(y1) - _MARGIN_PX, 0), height - 1)
    right, bottom = max(min(int(x2) + _MARGIN_PX, width), left + 1), max(min(int(y2) + _MARGIN_PX, height), top + 1)
    region = image[top:bottom, left:right]
    matrix = compose(frame_to_crop, np.array([[1.0, 0.0, left], [0.0, 1.0, top]]))
    region, matrix = _halve(region, matrix, buffers)
    four = cv2.cvtColor(region, cv2.COLOR_BGR2BGRA, dst=buffers.take("crop region", *region.shape[:2], 4))
    warped = cv2.warpAffine(
        four, matrix, (size, size), dst=buffers.take("crop warped", size, size, 4), borderMode=cv2.BORDER_REPLICATE
    )
    return cast(Image, cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR, dst=buffers.take(f"crop {size}", size, size, 3)))


def _halve(region: Image, region_to_crop: Affine, buffers: Buffers) -> tuple[Image, Affine]:
    """Average 2 x 2 pixels as often as the crop shrinks the region by two."""
    step = 0
    while np.hypot(region_to_crop[0, 0], region_to_crop[1, 0]) <= 0.5 and min(region.shape[:2]) >= 4:
        height, width = region.shape[0] // 2, region.shape[1] // 2
        half = buffers.take(f"crop half {step}", height, width, 3)
        region = cast(
            Image,
            cv2.resize(region[: 2 * height, : 2 * width], (width, height), dst=half, interpolation=cv2.INTER_AREA),
        )
        # Pixel x of the half picture lies between pixels 2x and 2x + 1.
        region_to_crop = compose(region_to_crop, np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5]]))
        step += 1
    return region, region_to_crop


def shrink_crop(crop: Image, size: int) -> Image:
    """An aligned crop at a smaller size; the crop itself if it has that size.

    Args:
        crop: uint8 (P, P, 3) BGR.
        size: side of the result in px, at most P.
    """
    if crop.shape[0] == size:
        return crop
    return cast(Image, cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA))
