"""Paste-back: the finished crop warped into the frame, in the face's region only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vcam.geometry import box_of, compose, transform
from vcam.swap.buffers import Buffers
from vcam.types import Affine, Image, Mask, Plane

OPAQUE_ALPHA = 255  # of the frame: beside the crop nothing of it is covered


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the frame in px: columns left..right, rows top..bottom, the latter not included."""

    left: int
    top: int
    right: int
    bottom: int


def paste_back(image_out: Image, swap: Image, mask: Mask, crop_to_frame: Affine, buffers: Buffers) -> Region | None:
    """Blend the swap into the frame where the mask says so, in place.

    The crop is packed as colour times mask plus the mask's inverse, four channels that one warp carries over;
    then frame = frame * inverse + colour, all in 8 bits. Within 2 grey levels of the same in float.

    Args:
        image_out: uint8 (H, W, 3) BGR, written to inside the returned region only.
        swap: uint8 (S, S, 3) BGR.
        mask: float32 (S, S), 0..1, 1 = take the swap. Should be 0 at the crop's border.
        crop_to_frame: affine from crop px to frame px.
        buffers: scratch memory.

    Returns:
        The region that was blended, or None if the mask is empty or lies beside the frame.

    Raises:
        ValueError: arguments of the wrong shape or type, or ``image_out`` is read-only.
    """
    _check(image_out, swap, mask)
    side = mask.shape[0]
    opacity = buffers.take("paste opacity", side, side)
    cv2.addWeighted(mask, 255.0, mask, 0.0, 0.0, dst=opacity, dtype=cv2.CV_8U)
    region = find_region(opacity, crop_to_frame, image_out.shape[1], image_out.shape[0])
    if region is None:
        return None
    packed, packed_to_frame = _shrink_far(_pack(swap, opacity, buffers), crop_to_frame)
    width, height = region.right - region.left, region.bottom - region.top
    warped = cv2.warpAffine(
        packed,
        compose(np.array([[1.0, 0.0, -region.left], [0.0, 1.0, -region.top]]), packed_to_frame),
        (width, height),
        dst=buffers.take("paste warped", height, width, 4),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0, OPAQUE_ALPHA),
    )
    covered = image_out[region.top : region.bottom, region.left : region.right]
    inverse = cv2.extractChannel(warped, 3, dst=buffers.take("paste inverse", height, width))
    inverse3 = cv2.cvtColor(inverse, cv2.COLOR_GRAY2BGR, dst=buffers.take("paste inverse 3", height, width, 3))
    colour = cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR, dst=buffers.take("paste colour", height, width, 3))
    cv2.multiply(covered, inverse3, dst=covered, scale=1 / 255)
    cv2.add(covered, colour, dst=covered)
    return region


def find_region(opacity: Plane, crop_to_frame: Affine, width: int, height: int) -> Region | None:
    """The part of a frame that a mask can touch: its warped bounding box and one px around, inside the frame.

    Args:
        opacity: uint8 (S, S), 0..255.
        crop_to_frame: affine from crop px to frame px.
        width: of the frame in px.
        height: of the frame in px.
    """
    x, y, w, h = cv2.boundingRect(opacity)
    if w == 0 or h == 0:
        return None
    corners = np.array([[x - 1, y - 1], [x + w, y - 1], [x - 1, y + h], [x + w, y + h]])
    x1, y1, x2, y2 = box_of(transform(corners, crop_to_frame))
    left, top = max(int(np.floor(x1)) - 1, 0), max(int(np.floor(y1)) - 1, 0)
    right, bottom = min(int(np.ceil(x2)) + 2, width), min(int(np.ceil(y2)) + 2, height)
    return Region(left, top, right, bottom) if right > left and bottom > top else None


def _pack(swap: Image, opacity: Plane, buffers: Buffers) -> Image:
    """Colour times opacity and inverse opacity: uint8 (S, S, 4)."""
    side = opacity.shape[0]
    packed = buffers.take("paste packed", side, side, 4)
    cv2.cvtColor(swap, cv2.COLOR_BGR2BGRA, dst=packed)
    opacity4 = cv2.cvtColor(opacity, cv2.COLOR_GRAY2BGRA, dst=buffers.take("paste opacity 4", side, side, 4))
    cv2.multiply(packed, opacity4, dst=packed, scale=1 / 255)
    cv2.insertChannel(cv2.bitwise_not(opacity), packed, 3)
    return packed


def _shrink_far(packed: Image, crop_to_frame: Affine) -> tuple[Image, Affine]:
    """For a far face, average the crop to about the size it will have, so that it does not alias."""
    scale = float(np.hypot(crop_to_frame[0, 0], crop_to_frame[1, 0]))
    if scale > 0.5:
        return packed, crop_to_frame
    side = packed.shape[0]
    small = max(round(side * scale * 1.2), 4)
    step = side / small
    shrunk = cv2.resize(packed, (small, small), interpolation=cv2.INTER_AREA)
    to_packed = np.array([[step, 0.0, step / 2 - 0.5], [0.0, step, step / 2 - 0.5]])
    return np.asarray(shrunk, np.uint8), compose(crop_to_frame, to_packed)


def _check(image_out: Image, swap: Image, mask: Mask) -> None:
    if image_out.dtype != np.uint8 or image_out.ndim != 3 or image_out.shape[2] != 3:
        raise ValueError(f"image_out must be uint8 (H, W, 3), not {image_out.dtype} {image_out.shape}")
    if not image_out.flags.writeable:
        raise ValueError("image_out is read-only; paste into a copy of the frame's image")
    side = mask.shape[0]
    if mask.dtype != np.float32 or mask.shape != (side, side) or swap.shape != (side, side, 3):
        raise ValueError(
            f"swap and mask must be uint8 (S, S, 3) and float32 (S, S), not {swap.dtype} {swap.shape} "
            f"and {mask.dtype} {mask.shape}"
        )
