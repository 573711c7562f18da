"""The actor's sweater: knitted, with a round collar."""

from __future__ import annotations

import cv2
import numpy as np

from actor.canvas import Array, bell, grid, noise, ramp

_WOOL = (104.0, 92.0, 58.0)  # BGR, petrol
_COLLAR_HALF, _COLLAR_Y, _COLLAR_DIP = 0.262, 0.950, 0.078  # units: half width, height at the neck's sides, hang
# Distance from the middle, height of the outline; units.
_SHOULDERS = (
    (0.00, 0.940), (0.20, 0.948), (0.30, 0.968), (0.42, 1.004), (0.54, 1.050), (0.64, 1.105), (0.72, 1.168),
    (0.78, 1.240), (0.83, 1.330), (0.87, 1.430), (0.95, 1.640), (2.00, 4.000),
)  # fmt: skip


def knit_sweater(middle: float) -> tuple[Array, Array]:
    """Colour and cover of the sweater; ``middle`` is the x of the neck in units."""
    x, y = grid()
    across = np.abs(x - middle)
    arc = np.sqrt(np.clip(1.0 - (across / _COLLAR_HALF) ** 2, 0, 1))
    shoulders = np.interp(across, *np.array(_SHOULDERS).T)
    edge = np.where(across < _COLLAR_HALF, _COLLAR_Y + _COLLAR_DIP * arc, shoulders).astype(np.float32)
    edge = cv2.blur(cv2.blur(edge, (31, 1)), (31, 1)) + 0.0006 * noise(53, 1.2, 4.0)
    cover = ramp(edge - 0.003, edge + 0.003, y)
    from_collar = np.hypot((x - middle) / _COLLAR_HALF, (y - _COLLAR_Y) / _COLLAR_DIP) - 1.0
    return _shade_wool(x, y, across, from_collar.astype(np.float32)), cover


def _shade_wool(x: Array, y: Array, across: Array, from_collar: Array) -> Array:
    """Ribs of the collar, stitches, folds, the sleeves' seams and the round of the shoulders."""
    band = ramp(0.34, 0.30, from_collar) * ramp(0.36, 0.26, across)
    wale = 0.0105
    slant = np.cos(2 * np.pi * (y + 0.25 * np.abs(x % wale - wale / 2)) / 0.009)
    stitches = np.cos(2 * np.pi * x / wale) * (0.6 + 0.4 * slant) * 0.045
    ribs = np.cos(np.arctan2(y - 0.94, x - 0.513) * 70.0) * 0.08
    sleeve = 0.36 + 0.35 * np.clip(y - 1.0, 0, 1)
    seam = bell(across - sleeve, 0.0035) * 0.15 - bell(across - sleeve - 0.008, 0.006) * 0.08
    pull = (
        np.sin((across * 0.9 - y) * 34.0 + 3.0 * noise(54, 40.0, 120.0)) * ramp(0.30, 0.60, across) * ramp(1.1, 1.3, y)
    )
    folds = noise(51, 22.0, 60.0) * 0.020 + noise(52, 0.8, 2.5) * 0.035 + pull * 0.035
    light = 1.04 - 0.42 * ramp(0.30, 0.95, across) - 0.14 * ramp(1.0, 1.4, y) + 0.10 * bell(x - 0.16, 0.30)
    shade = light + (1.0 - band) * stitches + band * ribs + folds - seam
    under_collar = 1.0 - 0.28 * ramp(0.56, 0.32, from_collar) * (1.0 - band) * ramp(0.40, 0.26, across)
    rim = 1.0 - 0.30 * ramp(0.06, 0.0, from_collar) * band
    return np.clip(np.array(_WOOL, np.float32) * (shade * under_collar * rim)[..., None], 0, 255).astype(np.float32)
