"""Glasses, drawn and real, so that the generator learns to leave their rims alone.

What stands between the lenses' rims is swapped, the rims themselves stay the target's own. No set tells where rims
are: they are drawn on faces that wear none, and found on faces that do, as a closed line round each eye and a bridge.
Where a picture has thin lines round the eyes that are no such glasses, nobody knows what they are.

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
_RIM_LEVELS = 18  # and is one if it goes round both eyes, nowhere much weaker than this, and across the nose
_RIM_MOST = 40.0  # stronger lines count as this
_FAINT, _FULL = 5, 17  # grey levels between which a line along the rims begins to be one, and is one wholly
_RAYS = np.linspace(0, 2 * np.pi, 64, endpoint=False)  # from an eye's middle, clockwise from the image's right
_LOW_RAYS = np.sin(_RAYS) > 0.25  # below the eye there is nothing but a rim, or folds of skin
_REACH = np.linspace(0.62, 1.55, 40)  # along a ray, where 1 is the usual rim
_USUAL_RIM = (0.44, 0.33)  # half width and height in distances between the eyes
_BEND = np.array([4.0, 1, 0, 1, 4])  # what a step of -2 ... 2 along the reach costs from one ray to the next
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


def find_rims(image: Picture, landmarks: Points) -> Plane | None:
    """Where the rims, the bridge and the beginning of the temples are; None if the face seems to wear no glasses.

    Round each eye the closed line is sought, by dynamic programming over rays from the eye's middle, that goes along
    the strongest dark or bright lines with the fewest bends. Of the portraits of CelebAMask-HQ labelled with glasses
    63 % are found (34 of 54), of 400 without that label 7 are, some of them rightly.

    Args:
        image: uint8 RGB (S, S, 3).
        landmarks: in its pixels.

    Returns:
        uint8 (S, S), 255 on the rims.
    """
    lines = _thin_lines(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8), 9)
    eyes = np.stack([landmarks[eye].mean(0) for eye in (topo.EYE_LEFT, topo.EYE_RIGHT)]).astype(np.float64)
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    if apart < 1:
        return None
    right = (eyes[1] - eyes[0]) / apart
    down = np.array([-right[1], right[0]])
    lids, brows = np.zeros_like(lines), np.zeros_like(lines)
    for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
        middle = landmarks[eye].mean(0)
        cv2.fillPoly(lids, [np.round(middle + 1.5 * (landmarks[eye] - middle)).astype(np.int32)], (255,))
    for brow in (topo.BROW_LEFT, topo.BROW_RIGHT):
        cv2.fillConvexPoly(brows, cv2.convexHull(np.round(landmarks[brow]).astype(np.int32)), (255,))
    brows = np.asarray(cv2.dilate(brows, np.ones((5, 5), np.uint8)), np.uint8)
    seen = np.where(lids > 0, 0, np.where(brows > 0, lines // 3, lines)).astype(np.uint8)
    outward = np.cos(_RAYS)[:, None] * right * _USUAL_RIM[0] + np.sin(_RAYS)[:, None] * down * _USUAL_RIM[1]
    outlines = []
    for side, eye in zip((-1, 1), eyes, strict=True):
        centre = eye + apart * (0.04 * down + 0.03 * side * right)
        places = centre + _REACH[None, :, None] * outward[:, None] * apart  # (rays, reach, 2)
        strength = _strength_at(seen, places)
        path = _closed_path(strength)
        if np.percentile(strength[np.arange(len(path)), path][_LOW_RAYS], 20) < _RIM_LEVELS:
            return None
        outlines.append(places[np.arange(len(path)), path])
    half = len(_RAYS) // 2
    bridge = np.concatenate([outlines[0][[-6, 3]], outlines[1][[half - 3, half + 6]]])
    if _weakest_across(seen, bridge) < _RIM_LEVELS:
        return None
    band = np.zeros_like(lines)
    for outline in outlines:
        cv2.polylines(band, [np.round(outline).astype(np.int32)], True, (255,), 5)
    cv2.fillConvexPoly(band, cv2.convexHull(np.round(bridge).astype(np.int32)), (255,))
    for outline, ray, side in ((outlines[0], half + 4, -1), (outlines[1], -4, 1)):
        temple = np.stack([outline[ray], outline[ray] + 0.35 * side * apart * right])
        cv2.polylines(band, [np.round(temple).astype(np.int32)], False, (255,), 9)
    share = np.clip((lines.astype(np.float32) - _FAINT) / (_FULL - _FAINT), 0, 1)
    return np.asarray(np.where((band > 0) & (lids == 0), 255 * share, 0), np.uint8)


def _strength_at(lines: Plane, places: NDArray[np.float64]) -> NDArray[np.float32]:
    """The lines' strength at some places (N, M, 2): float32 (N, M)."""
    x, y = places.astype(np.float32).transpose(2, 0, 1)
    found = cv2.remap(lines, np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR)
    return np.minimum(found.astype(np.float32), np.float32(_RIM_MOST))


def _closed_path(strength: NDArray[np.float32]) -> NDArray[np.intp]:
    """The strongest way round: for each ray (N, M) its place along the reach, (N,). Walked twice, it closes."""
    rays, steps = strength.shape
    total = strength[0].copy()
    came_from = np.zeros((2 * rays, steps), np.intp)
    reach = len(_BEND) // 2
    for i in range(1, 2 * rays):
        padded = np.pad(total, reach, constant_values=-np.inf)
        ways = np.stack([padded[k : k + steps] - bend for k, bend in enumerate(_BEND)])
        came_from[i] = np.arange(steps) + ways.argmax(0) - reach
        total = ways.max(0) + strength[i % rays]
    path = np.zeros(2 * rays, np.intp)
    path[-1] = total.argmax()
    for i in range(2 * rays - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return np.roll(path[rays // 2 : rays // 2 + rays], rays // 2)


def _weakest_across(lines: Plane, corners: NDArray[np.float64]) -> float:
    """How strong a line leads from left to right through a quadrilateral, where it is weakest (the lowest tenth)."""
    inside = np.zeros_like(lines)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.round(corners).astype(np.int32)), (255,))
    columns = np.flatnonzero(inside.any(0))
    strongest = np.where(inside > 0, lines, 0)[:, columns].max(0)
    return float(np.percentile(strongest, 10)) if len(columns) else 0.0


def _thin_lines(grey: NDArray[np.uint8], width: int) -> Plane:
    """How much darker or brighter than both sides each pixel is, for lines narrower than ``width``: uint8 (H, W)."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    dark, bright = (cv2.morphologyEx(grey, how, kernel) for how in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT))
    return np.asarray(cv2.max(dark, bright), np.uint8)


def lines_round_eyes(image: Picture, landmarks: Points) -> Plane:
    """Thin dark or bright lines round the eyes, outside lids and brows: rims perhaps, or folds of skin.

    Args:
        image: uint8 RGB (S, S, 3), S = 128.
        landmarks: in its pixels.

    Returns:
        uint8 (S, S), 0 or 255.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    lines = _thin_lines(np.asarray(grey, np.uint8), 5)
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
