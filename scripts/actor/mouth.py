"""A mouth that speaks: the portrait's lips are parted along their seam, over a drawn inside."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actor.canvas import UNIT_PX, Array, bell, grid, mix, noise, ramp, sample, window_of
from actor.motion import MouthShape
from vcam import topology

_DARK, _TONGUE, _TOOTH = (22.0, 18.0, 40.0), (78.0, 74.0, 148.0), (184.0, 202.0, 214.0)  # BGR
TOOTH_WIDTHS = (0.0170, 0.0135, 0.0150, 0.0140, 0.0130, 0.0120, 0.0110)  # units, from the middle outwards


@dataclass(frozen=True, slots=True)
class Mouth:
    """The mouth at rest.

    Attributes:
        window: the part of the canvas that a moving jaw changes.
        seam: polynomial of the seam's y over x - middle.
        middle: x in units.
        half: half its width.
        corner_y: y of the corners.
        chin_y: y of the chin.
    """

    window: tuple[slice, slice]
    seam: NDArray[np.float64]
    middle: float
    half: float
    corner_y: float
    chin_y: float


def find_mouth(landmarks: Array) -> Mouth:
    """The portrait's mouth, which is closed."""
    inner = landmarks[topology.LIPS_INNER]
    upper, lower = inner[:11], np.concatenate([inner[10:], inner[:1]])[::-1]
    corners = landmarks[[topology.MOUTH_LEFT, topology.MOUTH_RIGHT]]
    middle, half = float(corners[:, 0].mean()), float(np.ptp(corners[:, 0])) / 2
    line = np.concatenate([(upper + lower) / 2, corners])
    seam = np.polyfit(line[:, 0] - middle, line[:, 1], 4)
    chin = float(landmarks[topology.CHIN, 1])
    window = window_of(middle - 0.38, 0.50, middle + 0.38, 1.20)
    return Mouth(window, seam, middle, half * 0.98, float(corners[:, 1].mean()), chin)


def move_mouth(picture: Array, cover: Array, mouth: Mouth, shape: MouthShape,
               depth_shift: tuple[float, float]) -> tuple[Array, Array]:  # fmt: skip
    """The mouth's window of the canvas with jaw and lips moved.

    Args:
        picture: canvas.
        cover: of the actor, (HEIGHT_PX, WIDTH_PX).
        mouth: where it is.
        shape: the mouth's.
        depth_shift: x, y in units by which the teeth, which lie deeper than the lips, seem to move as the head turns.

    Returns:
        Colour and cover of the window.
    """
    x, y = grid(mouth.window)
    x_upper, y_upper = _solve(x, y, mouth, shape, False)
    x_lower, y_lower = _solve(x, y, mouth, shape, True)
    over = np.clip((_seam_y(mouth, x_upper) - y_upper) * UNIT_PX / 1.5 + 0.5, 0, 1)
    under = np.clip((y_lower - _seam_y(mouth, x_lower)) * UNIT_PX / 1.5 + 0.5, 0, 1)
    gap = _opening(mouth, x_upper, shape)
    under = np.maximum(under, ramp(0.0045, 0.0015, gap))
    result = _draw_inside(mouth, x, y, shape, depth_shift) if gap.max() > 0.002 else sample(picture, x, y)
    apart = ramp(0.002, 0.010, gap)
    lower_lip = sample(picture, x_lower, y_lower) * _turn_in(y_lower - _seam_y(mouth, x_lower), apart)
    upper_lip = sample(picture, x_upper, y_upper) * _turn_in(_seam_y(mouth, x_upper) - y_upper, apart)
    result = mix(result, lower_lip, np.asarray(under, np.float32))
    result = mix(result, upper_lip, np.asarray(over, np.float32))
    upper_half = over > 0.5
    moved_cover = sample(cover, np.where(upper_half, x_upper, x_lower), np.where(upper_half, y_upper, y_lower))
    return result, moved_cover


def _turn_in(from_seam: Array, apart: Array) -> Array:
    """The lips' inner edge lies in their own shade once they are apart."""
    return np.asarray(1.0 - 0.38 * ramp(0.010, 0.0, from_seam) * apart, np.float32)[..., None]


def _seam_y(mouth: Mouth, x: Array) -> Array:
    within = np.clip(x - mouth.middle, -mouth.half, mouth.half)
    return np.asarray(np.polyval(mouth.seam, within), np.float32)


def _roundness(mouth: Mouth, x: Array) -> Array:
    """1 at the mouth's middle, 0 at its corners and beyond."""
    m = (x - mouth.middle) / mouth.half
    return np.asarray(np.clip(1.0 - m * m, 0.0, 1.0) ** 0.85, np.float32)


def _opening(mouth: Mouth, x: Array, shape: MouthShape) -> Array:
    return _roundness(mouth, x) * (shape.jaw + shape.upper + shape.lower)


def _shift(x: Array, y: Array, mouth: Mouth, shape: MouthShape,
           lower: bool) -> tuple[Array, Array]:  # fmt: skip
    """By how much a point of the face at rest moves; above or below the lips' seam."""
    jaw = shape.jaw
    across, side = np.abs(x - mouth.middle), np.sign(x - mouth.middle)
    seam, roundness = _seam_y(mouth, x), _roundness(mouth, x)
    hanging = 0.40 * jaw * (1.0 - roundness) * ramp(0.34, 0.09, across)
    if lower:
        at_seam = hanging + roundness * (jaw + shape.lower)
        at_chin = 0.86 * jaw * ramp(0.33, 0.08, across)
        down = at_seam + (at_chin - at_seam) * ramp(seam + 0.045, seam + 0.125, y)
        down = down * ramp(mouth.chin_y + 0.24, mouth.chin_y - 0.01, y)
    else:
        reach = 0.085 + 0.13 * ramp(0.8 * mouth.half, 2.0 * mouth.half, across)
        down = (hanging - roundness * shape.upper) * ramp(seam - reach, seam - 0.012, y)
    corner = bell(across - mouth.half, 0.060) * bell(y - mouth.corner_y, 0.075)
    sideways = side * shape.apart * corner * ramp(0.0, 0.5 * mouth.half, across)
    cheek = bell(across - mouth.half - 0.05, 0.07) * bell(y - mouth.corner_y + 0.09, 0.07)
    return np.asarray(sideways, np.float32), np.asarray(down - shape.corners * (corner + 0.45 * cheek), np.float32)


def _solve(x: Array, y: Array, mouth: Mouth, shape: MouthShape,
           lower: bool) -> tuple[Array, Array]:  # fmt: skip
    """Where the point that has come to (x, y) was at rest; solved on every second pixel, which is smooth enough."""
    few_x, few_y = x[::2, ::2], y[::2, ::2]
    source_x, source_y = few_x, few_y
    for _ in range(9):
        dx, dy = _shift(source_x, source_y, mouth, shape, lower)
        source_x, source_y = source_x - 0.8 * (source_x + dx - few_x), source_y - 0.8 * (source_y + dy - few_y)
    return _enlarge(source_x - few_x, x.shape) + x, _enlarge(source_y - few_y, y.shape) + y


def _enlarge(field: Array, shape: tuple[int, ...]) -> Array:
    height, width = shape
    row, column = np.mgrid[0:height, 0:width].astype(np.float32) / 2
    return np.asarray(cv2.remap(np.ascontiguousarray(field, np.float32), column, row, cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE), np.float32)  # fmt: skip


def _draw_inside(mouth: Mouth, x: Array, y: Array, shape: MouthShape,
                 depth_shift: tuple[float, float]) -> Array:  # fmt: skip
    """Dark, a tongue that goes with the jaw, two rows of teeth."""
    dx, dy = x - mouth.middle - depth_shift[0], y - _seam_y(mouth, np.full_like(x, mouth.middle)) - depth_shift[1]
    result = np.broadcast_to(np.array(_DARK, np.float32), (*x.shape, 3))
    floor = dy - shape.jaw - shape.lower
    tongue = ramp(-0.040, -0.012, floor) * ramp(0.085, 0.045, np.abs(dx))
    result = mix(
        result, np.array(_TONGUE, np.float32) * (1 + 0.08 * noise(61, 1.0, 4.0, x.shape))[..., None], tongue * 0.75
    )
    lower_row = _draw_teeth(dx * 1.28, -(floor - 0.002), 0.017)
    result = mix(result, lower_row[..., :3] * 0.72, lower_row[..., 3] * 0.9)
    upper_row = _draw_teeth(dx, dy + 0.010, 0.030)
    result = mix(result, upper_row[..., :3], upper_row[..., 3])
    side = 1.0 - 0.80 * ramp(0.35, 0.98, np.abs(x - mouth.middle) / mouth.half)
    under_lip = 0.62 + 0.38 * ramp(-0.004, 0.012, dy + shape.upper)
    return np.asarray(result * (side * under_lip)[..., None], np.float32)


def _draw_teeth(dx: Array, dy: Array, length: float) -> Array:
    """A row that hangs from dy = 0; colour and cover in four channels."""
    edges = np.concatenate([[0.0], np.cumsum(TOOTH_WIDTHS)])
    across = np.abs(dx)
    number = np.clip(np.searchsorted(edges, across, side="right") - 1, 0, len(TOOTH_WIDTHS) - 1)
    widths = np.array(TOOTH_WIDTHS, np.float32)
    place = (across - edges[number]) / widths[number]
    round_end = 0.005 * (2 * place - 1) ** 4 + np.array((0.0, 0.0030, 0.0010, 0.0045, 0.007, 0.008, 0.009))[number]
    cover = ramp(length - round_end + 0.0012, length - round_end - 0.0012, dy) * (across < edges[-1]) * (dy > -0.03)
    cleft = 1.0 - 0.30 * np.exp(-((np.minimum(place, 1 - place) * widths[number] / 0.0011) ** 2))
    curve = 1.0 - 0.10 * (2 * place - 1) ** 2
    backwards = 1.0 - 0.62 * np.clip(across / edges[-1], 0, 1) ** 1.6
    colour = np.array(_TOOTH, np.float32) * (cleft * curve * backwards)[..., None]
    return np.concatenate([colour, cover[..., None]], -1).astype(np.float32)
