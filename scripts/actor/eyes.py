"""Eyes that look and blink: drawn eyeballs, over which the portrait's lids are drawn down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actor.canvas import (
    HEIGHT_PX,
    UNIT_PX,
    WIDTH_PX,
    Array,
    bell,
    blur,
    grid,
    mix,
    ramp,
    sample,
    spread,
    window_of,
)
from vcam import topology

IRIS_RADIUS = 0.0240  # units: 11.7 mm where the eyes' centres are 63 mm apart
GAZE_RADIUS = 0.046  # units: the eyeball's
LID_FOLD = 0.031  # units above the margin, over which the upper lid is drawn out
_SCLERA = (172.0, 179.0, 188.0)  # BGR
_CORNER = (132.0, 140.0, 188.0)
_IRIS_INNER, _IRIS_OUTER = (36.0, 60.0, 86.0), (26.0, 40.0, 56.0)
_LASH = (26.0, 28.0, 38.0)


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye at rest.

    Attributes:
        window: the part of the canvas that it and its lids cover.
        centre: x, y in units.
        upper: polynomial of the upper margin's y over x - centre x.
        lower: the same for the lower margin.
        corners: x of the left and right corner.
        outwards: -1 or 1: the direction of the temple.
    """

    window: tuple[slice, slice]
    centre: tuple[float, float]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    corners: tuple[float, float]
    outwards: float


def find_eyes(landmarks: Array) -> tuple[Eye, Eye]:
    """The two eyes of the portrait, image's left and right."""
    return _find_eye(landmarks[topology.EYE_LEFT], -1.0), _find_eye(landmarks[topology.EYE_RIGHT], 1.0)


def _find_eye(lids: Array, outwards: float) -> Eye:
    x1, x2 = float(lids[:, 0].min()), float(lids[:, 0].max())
    middle = (x1 + x2) / 2
    upper, lower = lids[:9], np.concatenate([lids[8:], lids[:1]])
    ends = np.array([8.0, *[1.0] * 7, 8.0])
    top = np.polyfit(upper[:, 0] - middle, upper[:, 1], 4, w=ends)
    bottom = np.polyfit(lower[:, 0] - middle, lower[:, 1], 4, w=ends)
    bottom[-1] += 0.0015
    y = (np.polyval(top, 0.0) + np.polyval(bottom, 0.0)) / 2
    window = window_of(x1 - 0.05, y - 0.12, x2 + 0.05, y + 0.10)
    return Eye(window, (middle, float(y)), top, bottom, (x1, x2), outwards)


def clear_eyes(colour: Array, eyes: tuple[Eye, Eye]) -> Array:
    """Paint the portrait's own eyes out with the skin round them, so that none shines through a closed lid."""
    known = np.ones((HEIGHT_PX, WIDTH_PX), np.float32)
    for eye in eyes:
        x, y = grid(eye.window)
        upper, lower, _ = _margins(eye, x)
        inside = (y > upper - 0.012) & (y < lower + 0.008) & (x > eye.corners[0] - 0.014) & (x < eye.corners[1] + 0.014)
        known[eye.window] = 1.0 - cv2.dilate(inside.astype(np.float32), np.ones((5, 5), np.uint8))
    return mix(colour, spread(colour, known, 6.0), ramp(0.1, 0.9, blur(1.0 - known, 3.0)))


def _margins(eye: Eye, x: Array) -> tuple[Array, Array, Array]:
    """Height y of the upper and lower margin over x, and how far inside the corners x lies (0..1)."""
    left, right = eye.corners
    within = np.clip(x, left, right) - eye.centre[0]
    share = ramp(0.0, 0.16, np.minimum(x - left, right - x) / (right - left))
    upper, lower = np.polyval(eye.upper, within), np.polyval(eye.lower, within)
    middle = (upper + lower) / 2
    return (
        np.asarray(middle + (upper - middle) * share, np.float32),
        np.asarray(middle + (lower - middle) * share, np.float32),
        share,
    )


def move_eye(picture: Array, eye: Eye, closed: float, gaze: tuple[float, float]) -> Array:
    """The eye's window of ``picture`` with the eyeball drawn in and the lids where they belong.

    Args:
        picture: canvas whose eyes have been cleared.
        eye: which one.
        closed: 0 open, 1 closed.
        gaze: x, y in units by which the iris is off the eye's middle.
    """
    x, y = grid(eye.window)
    upper, lower, share = _margins(eye, x)
    follow = 0.30 * gaze[1]  # the upper lid goes with the eyeball
    meeting = upper + (lower - upper) * 0.84
    new_upper = upper + (meeting - upper) * closed + follow * share * (1 - closed)
    new_lower = lower + (meeting - lower) * closed
    y_upper = _solve(y, lambda source: (new_upper - upper) * np.clip(1 - (upper - 0.004 - source) / LID_FOLD, 0, 1))
    y_lower = _solve(y, lambda source: (new_lower - lower) * np.clip(1 - (source - lower) / 0.03, 0, 1))
    shut = ramp(0.006, 0.0015, new_lower - new_upper)
    over = np.clip((new_upper - y) * UNIT_PX / 1.6 + 0.5, 0, 1)
    under = np.maximum(np.clip((y - new_lower) * UNIT_PX / 1.6 + 0.5, 0, 1), shut)
    result = _draw_eyeball(eye, x, y, gaze, new_upper, new_lower)
    result = mix(result, sample(picture, x, y_lower), np.asarray(under, np.float32))
    result = mix(result, sample(picture, x, np.minimum(y_upper, y)), np.asarray(over, np.float32))
    return _draw_lashes(result, eye, x, y, new_upper, new_lower, share, closed)


def _solve(y: Array, shift: Callable[[Array], Array]) -> Array:
    """The source y with ``source + shift(source) = y``."""
    source = y.copy()
    for _ in range(14):
        source = source - (source + shift(source) - y) * 0.62
    return np.asarray(source, np.float32)


def _draw_eyeball(eye: Eye, x: Array, y: Array, gaze: tuple[float, float], upper: Array, lower: Array) -> Array:
    left, right = eye.corners
    iris_x, iris_y = eye.centre[0] + gaze[0], eye.centre[1] - 0.0055 + gaze[1]
    along = (x - left) / (right - left)
    inner = along if eye.outwards > 0 else 1 - along
    ball = np.hypot((x - eye.centre[0]) / 0.075, (y - eye.centre[1]) / 0.05)
    white = np.array(_SCLERA, np.float32) * (1.0 - 0.34 * np.clip(ball, 0, 1.4) ** 2)[..., None]
    white = mix(white, _CORNER, ramp(0.15, 0.02, np.asarray(inner, np.float32)) * 0.85)
    radius = np.hypot(x - iris_x, y - iris_y) / IRIS_RADIUS
    result = mix(white, _iris_colour(x - iris_x, y - iris_y, radius), ramp(1.04, 0.94, radius))
    result = mix(result, (10.0, 10.0, 12.0), ramp(0.44, 0.36, radius))
    shadow = 1.0 - 0.52 * ramp(0.020, 0.0, y - upper) - 0.12 * ramp(0.006, 0.0, lower - y)
    result = result * shadow[..., None]
    window = ramp(0.0062, 0.0040, np.hypot((x - iris_x + 0.0085) * 1.15, y - iris_y + 0.0085))
    lamp = ramp(0.0034, 0.0020, np.hypot(x - iris_x - 0.009, y - iris_y - 0.006)) * 0.25
    return mix(result, (246.0, 244.0, 240.0), np.maximum(window * 0.88, lamp))


def _iris_colour(dx: Array, dy: Array, radius: Array) -> Array:
    angle = np.arctan2(dy, dx)
    rays = sum(np.cos(k * angle + p) / k**0.5 for k, p in ((9, 0.3), (17, 1.9), (29, 4.0), (41, 2.2), (57, 5.1)))
    share = ramp(0.42, 0.95, radius + 0.05 * rays)
    colour = mix(np.broadcast_to(np.array(_IRIS_INNER, np.float32), (*radius.shape, 3)), _IRIS_OUTER, share)
    light = 1.0 + 0.10 * rays + 0.45 * bell(np.hypot(dx - 0.006, dy - 0.010), 0.012)  # light gathers across the pupil
    limbus = 1.0 - 0.62 * ramp(0.80, 1.0, radius)
    return np.asarray(colour * (light * limbus)[..., None], np.float32)


def _draw_lashes(picture: Array, eye: Eye, x: Array, y: Array, upper: Array, lower: Array, share: Array,
                 closed: float) -> Array:  # fmt: skip
    along = (x - eye.centre[0]) / (eye.corners[1] - eye.corners[0]) * eye.outwards
    full = share * (0.75 + 0.5 * along)
    line = bell(y - upper + 0.0020, 0.0052) * np.clip(1.25 * full, 0, 1) * 0.96
    comb = 0.5 + 0.5 * np.cos((x - eye.centre[0]) * 900.0 + (y - upper) * 260.0 * eye.outwards)
    reach = 0.004 + 0.007 * np.clip(along + 0.5, 0, 1)
    side = (y - upper) * (1.0 if closed > 0.55 else -1.0)
    hairs = ramp(reach, 0.0, side) * (side > -0.002) * comb * np.clip(full, 0, 1) * 0.5
    below = bell(y - lower, 0.0026) * share * 0.30 * (1 - closed)
    result = mix(picture, (112.0, 124.0, 168.0), bell(y - lower + 0.002, 0.0022) * share * 0.35 * (1 - closed))
    return mix(result, _LASH, np.maximum(np.maximum(line, hairs), below))
