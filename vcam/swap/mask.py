"""Masks in the aligned crop: where the swap is taken."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.imaging import feather
from vcam.topology import (
    BROW_LEFT,
    BROW_RIGHT,
    BROWS,
    EYE_GROWN,
    EYE_LEFT,
    EYE_RIGHT,
    LIP_LOWER,
    LIP_UPPER,
    LIPS_INNER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    OVAL,
    above_brows,
)
from vcam.types import Image, Mask, Plane, Points

HULL_FEATHER = 0.045  # of the crop's side: the width over which the face's edge is softened to each side
BORDER_FEATHER = 0.05  # of the crop's side: the crop's own border never shows
MASK_SIDE_PX = 128  # masks this soft are made no larger; feathering one costs a fifth of what it does at 256
HIDDEN_SHARE, PLAIN_SHARE = 0.25, 0.45  # of the face that an occlusion leaves: below the first it is not believed
FOREHEAD = 0.45  # how far the hull reaches above the brows, in distances from brows to mouth
PARTED, OPEN = 0.06, 0.16  # gap of the lips in mouth widths: an open mouth's inside begins to show, shows fully
MOUTH_FEATHER = 0.012  # of the crop's side
_LIDS = np.stack([EYE_LEFT, EYE_RIGHT])
_GAP_PX = 7  # wider than the rims of glasses in a mask of 128 px, narrower than an eye
_RIM_PX = 9  # of a crop of 256 px: a dark or bright line narrower than this, near such a gap, is a rim
_LENS = 0.5  # rims reach so far below the eyes, in distances between them
LOOK_EVERY = 8  # frames between two looks for glasses while there are none
_BRIDGE_HEIGHT = 0.25  # of that distance, above the eyes: there is the bridge
_LINE = 14  # grey levels: so strong a line speaks for glasses
_BELOW = (150.0, 210.0)  # pixels of 128 on such lines below the eyes: glasses begin to be believed in, are
_BRIDGE = (70.0, 90.0)  # the same across the nose, near gaps of the engine's mask
_RIM_LEVELS = (5.0, 14.0)  # grey levels of a line: begins to be seen as a rim, is one
_RIM_GAP = (0.05, 0.2)  # depth of the engine's gap beside it: the same
_TWO_BROWS = np.stack([BROW_LEFT, BROW_RIGHT])
_SHIFT_BITS = 4  # polygons are drawn to 1/16 px, or edges would tremble by whole pixels


def face_hull_mask(landmarks_in_crop: Points, size: int) -> Mask:
    """A soft mask of the face from its contour, cut off softly at the crop's border.

    Args:
        landmarks_in_crop: float32 (157, 2) px in the crop.
        size: side of the crop in px.

    Returns:
        float32 (size, size) 0..1; 0 outside the contour, 1 further inside than the feather.
    """
    side = min(size, MASK_SIDE_PX)
    radius_px = max(round(HULL_FEATHER * side), 1)
    outline = np.concatenate([landmarks_in_crop[OVAL], above_brows(landmarks_in_crop, FOREHEAD)])
    hull = (cv2.convexHull(outline)[:, 0] + 0.5) * (side / size) - 0.5
    middle = hull.mean(0)
    reach = np.sqrt(((hull - middle) ** 2).sum(1, keepdims=True))
    shrunk = middle + (hull - middle) * np.maximum(1 - radius_px / np.maximum(reach, 1), 0)
    soft = feather(fill_polygon(shrunk, side), radius_px)
    cv2.min(soft, _border_mask(side), dst=soft)
    if side != size:
        soft = np.asarray(cv2.resize(soft, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    return _as_mask(soft)


def rows_of_brows(landmarks_in_crop: Points, size: int) -> Mask:
    """The crop's rows from the brows upwards: there the swap is taken whatever the engine's mask says.

    An engine's mask may end in the middle of a raised brow. In an aligned crop the brows lie level, so a row tells.

    Args:
        landmarks_in_crop: float32 (157, 2) px in the crop.
        size: side of the crop in px.

    Returns:
        float32 (size, 1) 0..1: 1 down to the lowest brow, then a fall to 0 over the feather of the hull.
    """
    lowest = float(landmarks_in_crop[BROWS, 1].max())
    fall = (lowest - np.arange(size)) / (HULL_FEATHER * size) + 1
    return np.asarray(np.clip(fall, 0, 1)[:, None], np.float32)


def open_mouth_mask(landmarks_in_crop: Points, size: int) -> Mask | None:
    """Where the open mouth shows its inside, softly; None while it is closed.

    Args:
        landmarks_in_crop: float32 (157, 2) px in the crop.
        size: side of the crop in px.

    Returns:
        float32 (size, size) 0..1, or None. It fades in while the lips part, so that nothing jumps.
    """
    width = float(np.linalg.norm(landmarks_in_crop[MOUTH_LEFT] - landmarks_in_crop[MOUTH_RIGHT]))
    gap = float(np.linalg.norm(landmarks_in_crop[LIP_UPPER] - landmarks_in_crop[LIP_LOWER]))
    strength = float(np.clip((gap / max(width, 1.0) - PARTED) / (OPEN - PARTED), 0, 1))
    if strength == 0:
        return None
    soft = feather(fill_polygon(landmarks_in_crop[LIPS_INNER], size), max(round(MOUTH_FEATHER * size), 1))
    return _as_mask(soft, strength)


def open_eyes_mask(landmarks_in_crop: Points, size: int) -> Mask:
    """Where the eyes show between the lids, softly: the gaze is the user's own. Closed eyes show nothing.

    Args:
        landmarks_in_crop: float32 (157, 2) px in the crop.
        size: side of the crop in px.

    Returns:
        float32 (size, size) 0..1.
    """
    return _as_mask(fill_polygons(_grown_lids(landmarks_in_crop), size))


def _grown_lids(landmarks_in_crop: Points) -> NDArray[np.float32]:
    """The contours of both eyes with their lashes: float32 (2, 16, 2) px."""
    lids = landmarks_in_crop[_LIDS]
    middle = lids.mean(1, keepdims=True)
    return np.asarray(middle + EYE_GROWN * (lids - middle), np.float32)


def thin_gaps(mask: Mask) -> Mask:
    """What a mask leaves out in thin lines, such as the rims of glasses: float32 (S, S) 0..1, 1 = left out.

    Args:
        mask: float32 (S, S) 0..1.
    """
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((_GAP_PX, _GAP_PX), np.uint8))
    return np.asarray(cv2.subtract(closed, mask), np.float32)


class Rims:
    """The rims of glasses, frame after frame: added to each while there are some, looked for now and then otherwise."""

    def __init__(self) -> None:
        self._rest = 0  # frames until the next look

    def __call__(self, own: Mask, gaps: Mask, landmarks_in_crop: Points, target: Image) -> None:
        """``add_rims``, if it is time to look."""
        if self._rest > 0:
            self._rest -= 1
        elif not add_rims(own, gaps, landmarks_in_crop, target):
            self._rest = LOOK_EVERY - 1

    def reset(self) -> None:
        """Look at the next frame: it may show another face."""
        self._rest = 0


def add_rims(own: Mask, gaps: Mask, landmarks_in_crop: Points, target: Image) -> bool:
    """Add the rims of glasses to what stays the target's own, line by line, if there seem to be glasses.

    An engine's mask tells roughly where rims are, the picture exactly. Glasses are believed in where lines go across
    the nose and many lie below the eyes, more than folds of skin are. Lids and brows, lines too, are left out.

    Args:
        own: float32 (S, S) 0..1, what stays the target's own, the eyes among it; written to.
        gaps: float32 (S, S) 0..1, of ``thin_gaps``.
        landmarks_in_crop: float32 (157, 2) px of the S.
        target: uint8 (2S, 2S, 3) BGR.

    Returns:
        Whether there seem to be glasses.
    """
    size = gaps.shape[0]
    eyes = landmarks_in_crop[_LIDS]  # (2, 16, 2)
    (left, right), lowest = eyes[:, :, 0], int(eyes[:, :, 1].max()) + 2
    apart = float(right.mean() - left.mean())
    top, end = int(landmarks_in_crop[BROWS, 1].min()), int(lowest + _LENS * apart)
    nose = slice(int(left.max()) + 2, int(right.min()) - 1)
    if not 0 <= top < lowest < end <= size or not 0 <= nose.start < nose.stop <= size:
        return False
    bridge = slice(max(int(eyes[:, :, 1].mean() - _BRIDGE_HEIGHT * apart), top), lowest)
    near = _near(gaps[bridge, nose])
    if not near.any():
        return False
    across = np.count_nonzero((_rim_lines(target, bridge, nose) > _LINE) & (near > 0))
    if across <= _BRIDGE[0]:
        return False
    zone, whole = slice(top, end), slice(0, size)
    lines, near = _rim_lines(target, zone, whole), _near(gaps[zone])
    for polygons in (landmarks_in_crop[_TWO_BROWS], _grown_lids(landmarks_in_crop)):
        lines[fill_polygons(polygons, size)[zone] > 0] = 0
    reach = round(0.2 * apart)
    below = lines[lowest - top :, max(int(left.min()) - reach, 0) : int(right.max()) + reach]
    belief = min(_ramp(np.count_nonzero(below > _LINE), _BELOW), _ramp(across, _BRIDGE))
    if belief > 0:
        rims = np.float32(belief) * _ramp(lines.astype(np.float32), _RIM_LEVELS) * near
        np.maximum(own[zone], rims, out=own[zone])
    return bool(belief > 0)


def _near(gaps: Mask) -> Mask:
    """How near a gap, and how deep a one: float32 0..1, of the gaps' shape."""
    return np.asarray(_ramp(cv2.dilate(gaps, np.ones((7, 7), np.uint8)), _RIM_GAP), np.float32)


def _rim_lines(target: Image, rows: slice, columns: slice) -> Plane:
    """How strong a dark or bright thin line goes through each place, in grey levels.

    Args:
        target: uint8 (2S, 2S, 3) BGR.
        rows: of the S.
        columns: of the S.

    Returns:
        uint8 (rows, columns), the most of 2 x 2.
    """
    grey = cv2.cvtColor(
        target[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop], cv2.COLOR_BGR2GRAY
    )
    kernel = np.ones((_RIM_PX, _RIM_PX), np.uint8)
    lines = cv2.max(*(cv2.morphologyEx(grey, how, kernel) for how in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)))
    height, width = lines.shape
    return np.asarray(lines.reshape(height // 2, 2, width // 2, 2).max((1, 3)), np.uint8)


def _ramp(value: Any, ends: tuple[float, float]) -> Any:
    """0 up to the first end, 1 from the second on."""
    return np.clip((value - ends[0]) / (ends[1] - ends[0]), 0, 1)


def _as_mask(plane: Plane, strength: float = 1.0) -> Mask:
    """0..255 as float32 0..strength."""
    return np.asarray(cv2.addWeighted(plane, strength / 255, plane, 0.0, 0.0, dtype=cv2.CV_32F), np.float32)


def fill_polygon(points: NDArray[np.number], size: int) -> Plane:
    """uint8 (size, size): 255 inside the polygon (N, 2), 0 outside, with smooth edges."""
    return fill_polygons(points[None], size)


def fill_polygons(polygons: NDArray[np.number], size: int) -> Plane:
    """The same with several polygons (K, N, 2), none over another."""
    plane = np.zeros((size, size), np.uint8)
    fixed = np.round(np.clip(polygons, -size, 2 * size) * (1 << _SHIFT_BITS)).astype(np.int32)
    cv2.fillPoly(plane, list(fixed), (255,), cv2.LINE_AA, _SHIFT_BITS)
    return plane


def believed(occlusion: Mask, hull: Mask) -> Mask:
    """An occlusion mask, weakened the less of the face it leaves: a parser that errs must not bare the user's face.

    Args:
        occlusion: float32 (S, S) 0..1, 1 where the face is not hidden.
        hull: float32 (S, S) 0..1, 1 where the face is.

    Returns:
        A new float32 (S, S): the mask as it is while 45 % of the face are seen, 1 everywhere below 25 %.
    """
    share = float(np.vdot(occlusion, hull)) / max(float(hull.sum()), 1.0)
    weight = min(max((share - HIDDEN_SHARE) / (PLAIN_SHARE - HIDDEN_SHARE), 0.0), 1.0)
    return np.asarray(1 - np.float32(weight) * (1 - occlusion), np.float32)


def combine_masks(*masks: Mask | None) -> Mask:
    """The minimum of all masks that are there; a new float32 (S, S).

    Args:
        *masks: float32 (S, S) 0..1, at least one that is not None.
    """
    there = [mask for mask in masks if mask is not None]
    combined = there[0].copy()
    for mask in there[1:]:
        cv2.min(combined, mask, dst=combined)
    return combined


@lru_cache(maxsize=4)
def _border_mask(size: int) -> Plane:
    """255 inside, falling to 0 at the crop's border."""
    from_border = np.minimum(np.arange(size), np.arange(size)[::-1])
    ramp = np.clip(from_border / (BORDER_FEATHER * size), 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)  # smoothstep: no crease where the ramp begins
    return np.asarray(np.round(255 * np.minimum(ramp[:, None], ramp[None, :])), np.uint8)
