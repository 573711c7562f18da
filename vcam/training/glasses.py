"""Glasses, drawn on faces that wear none, so that the generator learns to leave their rims alone.

What stands between the lenses' rims is swapped, the rims themselves stay the target's own. No set tells where rims
are, so they are drawn; where a real picture has thin lines round the eyes, nobody knows what they are.

Convention:
    images: uint8 RGB (256, 256, 3). landmarks: float32 (157, 2) in their pixels, order of ``vcam.topology``.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology as topo

Picture = NDArray[np.uint8]
Plane = NDArray[np.uint8]
Points = NDArray[np.float32]

_FINE = 2  # rims are drawn at twice the resolution: half pixels of thickness show
_SHIFT = 4  # and to a sixteenth of a pixel
_TURNS = np.linspace(0, 2 * np.pi, 49)
_FRAME = np.r_[19:49, 1:6]  # of the turns: over the top, and down both sides
_LOWER = np.arange(25)
_LINE_LEVELS = 9  # a line of so many grey levels round the eyes may be a rim
_MATERIALS = (((8, 8, 10), 25), ((60, 38, 24), 25), ((120, 120, 124), 40), ((165, 135, 80), 30), ((90, 30, 40), 60))


def draw_glasses(landmarks: Points, size: int, rng: np.random.Generator) -> tuple[Picture, Plane]:
    """Rims, bridge and temples of one pair of glasses.

    Args:
        landmarks: of the face that shall wear them.
        size: S, side of the picture in px.
        rng: every choice comes from here.

    Returns:
        The glasses' colour (S, S, 3) and where they are (S, S), 0..255.
    """
    eyes = [landmarks[eye].mean(0).astype(np.float64) for eye in (topo.EYE_LEFT, topo.EYE_RIGHT)]
    widths = np.array([np.linalg.norm(np.ptp(landmarks[eye], axis=0)) for eye in (topo.EYE_LEFT, topo.EYE_RIGHT)])
    across = eyes[1] - eyes[0]
    apart = float(np.linalg.norm(across))
    right = across / max(apart, 1.0)
    down = np.array([-right[1], right[0]])
    half_width, half_height = rng.uniform(0.36, 0.52) * apart, rng.uniform(0.22, 0.42) * apart
    half_width = min(half_width, 0.47 * apart)
    outward, below = rng.uniform(0, 0.06) * apart, rng.uniform(0, 0.1) * apart
    roundness = rng.uniform(1.6, 5)
    thick = np.exp(rng.uniform(np.log(0.9), np.log(6.0))) * size / 256
    rim = thick * (rng.choice([0.0, 0.5]) if rng.random() < 0.25 else 1.0)  # the lower half: none, thinner, the same
    plane = np.zeros((_FINE * size, _FINE * size), np.uint8)
    inner, outer = [], []
    for side, eye, width in zip((-1, 1), eyes, widths / max(widths.mean(), 1e-3), strict=True):
        seen = float(np.clip(width, 0.6, 1.3))  # a turned head shows one lens narrower
        centre = eye + side * outward * right + below * down
        turns = np.stack([np.cos(_TURNS), np.sin(_TURNS)], 1)
        edge = np.sign(turns) * np.abs(turns) ** (2 / roundness) * [half_width * seen, half_height]
        outline = centre + edge[:, :1] * right + edge[:, 1:] * down
        _line(plane, outline[_FRAME], thick)
        _line(plane, outline[_LOWER], rim)
        inner.append(centre - side * half_width * seen * right - 0.1 * half_height * down)
        outer.append(centre + side * half_width * seen * right - rng.uniform(0.1, 0.5) * half_height * down)
    top = (inner[0] + inner[1]) / 2 - rng.uniform(0, 0.25) * half_height * down
    _line(plane, np.stack([inner[0], top, inner[1]]), thick)
    for side, start in zip((-1, 1), outer, strict=True):
        _line(
            plane,
            np.stack(
                [start, start + side * rng.uniform(0.25, 0.5) * apart * right + rng.uniform(-0.1, 0.05) * apart * down]
            ),
            thick,
        )
    plane = np.asarray(cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    base, spread = _MATERIALS[rng.integers(len(_MATERIALS))]
    shine = cv2.resize(rng.normal(0, spread, (8, 8, 1)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    colour = np.clip(np.asarray(base, np.float32) + rng.normal(0, 12) + shine[..., None], 0, 255)
    opaque = rng.uniform(0.75, 1.0)
    return np.asarray(colour, np.uint8), np.asarray(plane * opaque, np.uint8)


def _line(plane: Plane, points: NDArray[np.floating], thick: float) -> None:
    """A smooth line; one thinner than a fine pixel is fainter instead."""
    if len(points) < 2 or thick <= 0:
        return
    pixels = max(round(thick * _FINE), 1)
    fixed = np.round(((points + 0.5) * _FINE - 0.5) * (1 << _SHIFT)).astype(np.int32)
    drawn = np.zeros_like(plane)
    cv2.polylines(drawn, [fixed], False, (int(255 * min(thick * _FINE, 1.0)),), pixels, cv2.LINE_AA, _SHIFT)
    np.maximum(plane, drawn, out=plane)


def lines_round_eyes(image: Picture, landmarks: Points) -> Plane:
    """Thin dark or bright lines round the eyes, outside lids and brows: rims perhaps, or folds of skin.

    Args:
        image: uint8 RGB (S, S, 3), S = 128.
        landmarks: in its pixels.

    Returns:
        uint8 (S, S), 0 or 255.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    kernel = np.ones((5, 5), np.uint8)
    lines = np.maximum(
        cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel), cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel)
    )
    apart = float(np.linalg.norm(landmarks[topo.EYE_LEFT].mean(0) - landmarks[topo.EYE_RIGHT].mean(0)))
    around, features = np.zeros_like(grey), np.zeros_like(grey)
    hull = cv2.convexHull(np.round(landmarks[topo.EYES]).astype(np.int32))
    cv2.fillConvexPoly(around, hull, (255,))
    reach = max(int(0.45 * apart) * 2 + 1, 3)
    around = np.asarray(cv2.dilate(around, np.ones((reach, reach), np.uint8)), np.uint8)
    for group in (topo.EYE_LEFT, topo.EYE_RIGHT, topo.BROW_LEFT, topo.BROW_RIGHT):
        cv2.fillPoly(features, [np.round(landmarks[group]).astype(np.int32)], (255,))
    features = np.asarray(cv2.dilate(features, np.ones((5, 5), np.uint8)), np.uint8)
    return np.asarray(np.where((lines > _LINE_LEVELS) & (around > 0) & (features == 0), 255, 0), np.uint8)
