"""Pixels in and out of the networks, colour matching, feathering, and the two safe pictures. Pure functions.

Convention:
    image: uint8 (H, W, 3) BGR. blob: float32 (1, 3, H, W) RGB, (value - 127.5) / 127.5.
    An ``out`` argument is a buffer of the result's shape and type that is filled and returned: fresh memory
    of more than 128 KB costs page faults on every frame, which is more than the arithmetic itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.types import Image, Mask, Plane

Blob = NDArray[np.float32]  # (1, 3, H, W) RGB, -1..1

_HALF_RANGE = 127.5  # grey levels; the middle and the half width of 0..255

_STATS_SIDE_PX = 64  # statistics of a face need no more pixels than this
_GAIN_LIMITS = (0.7, 1.4)  # a colour match stronger than this is a mistake of the mask, not of the light
_SHIFT_LIMIT = 40.0  # grey levels, the same reason
_FLAT_STD = 1.0  # grey levels; below it a channel has no contrast that a gain could match

_BLUR_SHORT_SIDE_CELLS = 6  # even a face larger than the picture is no more than 8 cells tall: nobody
_BLUR_SMOOTH_FACTOR = 8  # the cells are enlarged by this with a cubic, the rest linearly, so no cell shows

_CARD_GROUND = (34, 29, 27)  # BGR, near black
_CARD_TITLE = (238, 236, 234)
_CARD_TEXT = (168, 160, 156)


def to_blob(image: Image, out: Blob | None = None) -> Blob:
    """An image as a network's input.

    Args:
        image: uint8 (H, W, 3) BGR.
        out: float32 (1, 3, H, W), may be a view into a larger blob.

    Returns:
        float32 (1, 3, H, W) RGB in -1..1.
    """
    height, width = image.shape[:2]
    blob = np.empty((1, 3, height, width), np.float32) if out is None else out
    scale = 1.0 / _HALF_RANGE
    for plane, channel in zip(blob[0], reversed(cv2.split(image)), strict=True):
        cv2.addWeighted(channel, scale, channel, 0.0, -1.0, dst=plane, dtype=cv2.CV_32F)
    return blob


def from_blob(blob: Blob, out: Image | None = None) -> Image:
    """A network's output as an image; values outside -1..1 are cut off.

    Args:
        blob: float32 (1, 3, H, W) RGB in -1..1, finite.
        out: uint8 (H, W, 3).

    Returns:
        uint8 (H, W, 3) BGR.
    """
    planes = [
        cv2.addWeighted(plane, _HALF_RANGE, plane, 0.0, _HALF_RANGE, dtype=cv2.CV_8U) for plane in reversed(blob[0])
    ]
    return cast(Image, cv2.merge(planes, out))


def shrink(image: Image, width: int, height: int) -> Image:
    """A smaller image without aliasing, at a price that hardly depends on the size of the large one.

    ``INTER_AREA`` from full size costs 3 ms at 1080p; a linear step to twice the final size costs 0.2 ms and
    leaves half of what could alias to the area step.
    """
    if image.shape[1] > 2 * width:
        image = cast(Image, cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR))
    return cast(Image, cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def letterbox(image: Image, size_wh: tuple[int, int], multiple: int = 32) -> tuple[Blob, float]:
    """An image fitted into the top left of a blob whose sides are multiples of ``multiple``.

    Args:
        image: uint8 (H, W, 3) BGR.
        size_wh: largest width and height of the fitted image in px.
        multiple: what the network's stride asks of both sides, in px.

    Returns:
        The blob, float32 (1, 3, h, w), 0 (mid grey) beside the picture; and the scale: blob px per image px.
    """
    height, width = image.shape[:2]
    scale = min(size_wh[0] / width, size_wh[1] / height)
    fitted_w, fitted_h = max(round(width * scale), 1), max(round(height * scale), 1)
    blob = np.zeros((1, 3, _round_up(fitted_h, multiple), _round_up(fitted_w, multiple)), np.float32)
    to_blob(shrink(image, fitted_w, fitted_h), out=blob[:, :, :fitted_h, :fitted_w])
    return blob, scale


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


@dataclass(frozen=True, slots=True)
class ColourStats:
    """Mean and standard deviation of each channel, float64 (3,) BGR, in grey levels."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def measure_colour(image: Image, mask: Mask) -> ColourStats | None:
    """Colour statistics of an aligned crop where the mask is above one half; None when that is nowhere.

    Args:
        image: uint8 (S, S, 3) BGR.
        mask: float32 (S, S) 0..1.
    """
    side = (_STATS_SIDE_PX, _STATS_SIDE_PX)
    small = cv2.resize(image, side, interpolation=cv2.INTER_NEAREST)
    inside = (cv2.resize(mask, side, interpolation=cv2.INTER_NEAREST) > 0.5).astype(np.uint8)
    if not inside.any():
        return None
    mean, std = cv2.meanStdDev(small, mask=inside)
    return ColourStats(np.ravel(mean), np.ravel(std))


def colour_transfer(given: ColourStats, wanted: ColourStats) -> NDArray[np.float32]:
    """The affine that gives an image the wanted statistics (Reinhard et al., 2001, per channel).

    Returns:
        float32 (3, 4): gains on the diagonal, shifts in the last column, both limited.
    """
    flat = given.std < _FLAT_STD
    gain = np.where(flat, 1.0, np.clip(wanted.std / np.where(flat, 1.0, given.std), *_GAIN_LIMITS))
    centre_shift = np.clip(wanted.mean - given.mean, -_SHIFT_LIMIT, _SHIFT_LIMIT)
    return np.hstack([np.diag(gain), (given.mean + centre_shift - gain * given.mean)[:, None]]).astype(np.float32)


def apply_colour(image: Image, transfer: NDArray[np.float32], out: Image | None = None) -> Image:
    """``transfer`` (3, 4) applied to every pixel of a uint8 (H, W, 3) BGR image."""
    return cast(Image, cv2.transform(image, transfer, out))


def feather(mask: Plane, radius_px: int) -> Plane:
    """Soften a mask's edge by ``radius_px`` to both sides. Outside the picture the mask counts as 0.

    Two box blurs make a smooth ramp and cost a tenth of a Gaussian of that size.

    Args:
        mask: uint8 (H, W), 0 or 255.
        radius_px: at least 1.
    """
    side = (2 * (radius_px // 2) + 1,) * 2
    once = cv2.blur(mask, side, borderType=cv2.BORDER_CONSTANT)
    return cast(Plane, cv2.blur(once, side, borderType=cv2.BORDER_CONSTANT))


def privacy_blur(image: Image) -> Image:
    """The picture so blurred that nobody can be told: 6 cells on the short side, smoothly enlarged.

    Args:
        image: uint8 (H, W, 3) BGR.

    Returns:
        A new uint8 (H, W, 3).
    """
    height, width = image.shape[:2]
    cell_px = min(height, width) / _BLUR_SHORT_SIDE_CELLS
    cells_wh = max(round(width / cell_px), 1), max(round(height / cell_px), 1)
    few = _average_cells(image, cells_wh)
    smooth_wh = min(cells_wh[0] * _BLUR_SMOOTH_FACTOR, width), min(cells_wh[1] * _BLUR_SMOOTH_FACTOR, height)
    smooth = cv2.resize(few, smooth_wh, interpolation=cv2.INTER_CUBIC)
    return cast(Image, cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))


def _average_cells(image: Image, cells_wh: tuple[int, int]) -> Image:
    """Every cell's mean, from a 16-fold subsample of it in each direction: enough to be steady, and cheap."""
    samples_wh = min(cells_wh[0] * 16, image.shape[1]), min(cells_wh[1] * 16, image.shape[0])
    samples = cv2.resize(image, samples_wh, interpolation=cv2.INTER_LINEAR)
    return cast(Image, cv2.resize(samples, cells_wh, interpolation=cv2.INTER_AREA))


def draw_card(width: int, height: int, text: str) -> Image:
    """A calm card for moments without a picture: the camera's name, and one line that says why.

    Args:
        width: of the card in px.
        height: of the card in px.
        text: one short sentence; made smaller when it would not fit.

    Returns:
        uint8 (height, width, 3) BGR.
    """
    card = np.empty((height, width, 3), np.uint8)
    card[:] = _CARD_GROUND
    unit = min(height, width * 9 / 16)
    _write_centred(card, "FaceWarp Cam", height / 2 - unit * 0.01, unit * 0.085, 600, _CARD_TITLE)
    _write_centred(card, text, height / 2 + unit * 0.075, unit * 0.042, 400, _CARD_TEXT)
    return card


def _write_centred(card: Image, text: str, baseline: float, size_px: float, weight: int,
                   colour: tuple[int, int, int]) -> None:  # fmt: skip
    font = cv2.FontFace("sans")
    width = card.shape[1]
    size = max(round(size_px), 8)
    box = cv2.getTextSize((width, card.shape[0]), text, (0, 0), font, size, weight)
    if box[2] > 0.9 * width:
        size = max(int(size * 0.9 * width / box[2]), 6)
        box = cv2.getTextSize((width, card.shape[0]), text, (0, 0), font, size, weight)
    cv2.putText(card, text, ((width - box[2]) // 2, round(baseline)), colour, font, size, weight)
