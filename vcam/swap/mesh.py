"""The mesh engine: the source photo's face, bent triangle by triangle onto the target's landmarks. No network.

The expression is the target's by construction: every landmark of the photo comes to lie on the target's, lids and
lips too. The open mouth's inside, which a photo cannot give, stays the target's own. The eyes are the photo's: with
the target's eyes a recogniser still sees the target (cosine 0.24 instead of 0.17); the price is that they look where
the photo looks.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.errors import BadPhoto
from vcam.swap.mask import face_hull_mask, fill_polygon
from vcam.topology import (
    BROW_LEFT,
    BROW_RIGHT,
    CHEEKS,
    COUNT,
    EYES,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE,
    OVAL,
)
from vcam.types import Image, Mask, Plane, Points

RING_GROWTH = 1.3  # a second contour outside the face, so that the bend goes on smoothly under the mask's edge
MAP_STEP_PX = 2  # the map is made on every second pixel; within a triangle it is linear anyway
MAP_SMOOTH_PX = 3  # over the triangles' edges, where the bend has its creases
CUT_SOFTNESS_PX = 3  # edge of the mouth's opening in the mask, at a crop of 256 px
LIGHT_SIDE_PX = 32  # the light is compared at this size
LIGHT_SIGMA_PX = 4.0  # of these px: broad enough for light and skin tone, too broad for features
SKIN_TOLERANCE = np.array([45.0, 11.0, 11.0], np.float32)  # L, a, b in 8 bits: beyond it, it is hair or cloth
SKIN_EDGE_PX = 7  # softness of the skin mask's edge, at a crop of 256 px
MIN_DOUBLE_AREA_PX = 0.05  # a triangle flatter than this (a shut mouth) covers no pixel


class MeshEngine:
    """One source photo, ready to be bent.

    Args:
        source_crop: uint8 (S, S, 3) BGR aligned crop of the source, ``ffhq_512`` template.
        source_landmarks_in_crop: float32 (157, 2) px in it.

    Raises:
        BadPhoto: the landmarks span no face.
    """

    def __init__(self, source_crop: Image, source_landmarks_in_crop: Points) -> None:
        if not np.isfinite(source_landmarks_in_crop).all() or np.ptp(source_landmarks_in_crop, axis=0).min() < 8:
            raise BadPhoto(
                "the source photo's landmarks span no face; choose a photo that shows the face from the front"
            )
        skin = find_skin(source_crop, source_landmarks_in_crop)
        self._source = cv2.merge([*cv2.split(source_crop), skin])
        self._vertices = _with_ring(source_landmarks_in_crop)
        self._triangles = triangulate(_with_ring(_opened(source_landmarks_in_crop)))

    def generate(self, crop: Image, landmarks_in_crop: Points) -> tuple[Image, Mask]:
        """Put the source's face on a target crop.

        Args:
            crop: uint8 (S, S, 3) BGR aligned crop of the target; its size need not be the source's.
            landmarks_in_crop: float32 (157, 2) px in it.

        Returns:
            The swap, uint8 (S, S, 3) BGR in the target's light; and its mask, float32 (S, S) 0..1.
        """
        size = crop.shape[0]
        crop_to_source = self._map(landmarks_in_crop, size)
        bent = cv2.remap(  # type: ignore[call-overload]
            self._source, crop_to_source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        swap, skin = cv2.cvtColor(bent, cv2.COLOR_BGRA2BGR), cv2.extractChannel(bent, 3)
        mask = face_hull_mask(landmarks_in_crop, size)
        cv2.min(mask, _outside(landmarks_in_crop[LIPS_INNER], size), dst=mask)
        cv2.multiply(mask, skin, dst=mask, scale=1 / 255, dtype=cv2.CV_32F)
        return match_light(cast(Image, swap), crop, mask), mask

    def _map(self, landmarks_in_crop: Points, size: int) -> NDArray[np.float32]:
        """For each pixel of the crop, where to read the source: float32 (size, size, 2) px."""
        vertices = _with_ring(landmarks_in_crop)
        coefficients = _affines(vertices[self._triangles], self._vertices[self._triangles])
        few = -(-size // MAP_STEP_PX)
        owner = np.zeros((few, few), np.int32)
        corners = np.round(np.clip(vertices, -size, 2 * size) * (16 / MAP_STEP_PX)).astype(np.int32)
        for number, triangle in enumerate(corners[self._triangles]):
            cv2.fillConvexPoly(owner, triangle, (number,), shift=4)
        a = coefficients[owner]  # (few, few, 3, 2)
        steps = np.arange(few, dtype=np.float32) * MAP_STEP_PX
        coarse = a[:, :, 0] * steps[None, :, None] + a[:, :, 1] * steps[:, None, None] + a[:, :, 2]
        coarse = np.asarray(cv2.blur(coarse, (MAP_SMOOTH_PX, MAP_SMOOTH_PX)), np.float32)
        # Coarse pixel i stands at crop pixel 2i, so the enlargement is by a warp, not by a resize.
        enlarge = np.array([[MAP_STEP_PX, 0.0, 0.0], [0.0, MAP_STEP_PX, 0.0]])
        fine = cv2.warpAffine(coarse, enlarge, (size, size), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(fine, np.float32)


def find_skin(crop: Image, landmarks_in_crop: Points) -> Plane:
    """Where a source crop shows face: a fringe or a scarf inside the contour is not worn along.

    Between brows and lips everything counts as face; outside of that, what has about the colour of the cheeks.

    Args:
        crop: uint8 (S, S, 3) BGR.
        landmarks_in_crop: float32 (157, 2) px in it.

    Returns:
        uint8 (S, S), 255 = face.
    """
    size = crop.shape[0]
    lab = cv2.cvtColor(crop, cv2.COLOR_BGR2LAB)
    cheeks = fill_polygon(cv2.convexHull(landmarks_in_crop[CHEEKS])[:, 0], size)
    skin = np.asarray(cv2.mean(lab, mask=cheeks)[:3], np.float32)
    distance = np.linalg.norm((lab - skin) / SKIN_TOLERANCE, axis=2)
    alike = (255 * np.clip(2 - distance, 0, 1)).astype(np.uint8)
    middle = np.concatenate([BROW_LEFT, BROW_RIGHT, EYES, NOSE, LIPS_OUTER])
    cv2.max(alike, fill_polygon(cv2.convexHull(landmarks_in_crop[middle])[:, 0], size), dst=alike)
    edge_px = 2 * (SKIN_EDGE_PX * size // 512) + 1
    alike = cast(Plane, cv2.erode(alike, np.ones((edge_px, edge_px), np.uint8)))
    return cast(Plane, cv2.blur(alike, (2 * edge_px + 1, 2 * edge_px + 1)))


def triangulate(points: Points) -> NDArray[np.intp]:
    """Delaunay triangles of (N, 2) points as indices, (M, 3)."""
    low, high = points.min(0) - 10, points.max(0) + 10
    division = cv2.Subdiv2D((int(low[0]), int(low[1]), int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1))
    number_of = {}
    for number, (x, y) in enumerate(points.astype(np.float32).tolist()):
        number_of[x, y] = number
        division.insert((x, y))
    corners = np.reshape(division.getTriangleList(), (-1, 3, 2)).tolist()
    named = [[number_of.get((x, y)) for x, y in triangle] for triangle in corners]
    return np.array([triangle for triangle in named if None not in triangle], np.intp)


def match_light(swap: Image, target: Image, mask: Mask) -> Image:
    """The swap with the target's broad light and skin tone: uint8 (S, S, 3) BGR, new.

    What differs between the two under a wide blur, looked at inside the mask only, is added. At the face's edge
    this does what a Poisson blend does there, at a hundredth of its price.

    Args:
        swap: uint8 (S, S, 3) BGR.
        target: uint8 (S, S, 3) BGR.
        mask: float32 (S, S) 0..1.
    """
    small_wh = (LIGHT_SIDE_PX, LIGHT_SIDE_PX)
    swap_small, target_small, weight = (
        cv2.resize(value, small_wh, interpolation=cv2.INTER_AREA).astype(np.float32) for value in (swap, target, mask)
    )
    weight = weight[..., None] + 1e-3
    blurred = cv2.GaussianBlur((target_small - swap_small) * weight, (0, 0), LIGHT_SIGMA_PX)
    difference = np.asarray(blurred, np.float32) / cv2.GaussianBlur(weight, (0, 0), LIGHT_SIGMA_PX)[..., None]
    size_wh = (swap.shape[1], swap.shape[0])
    shift = cv2.resize(difference, size_wh, interpolation=cv2.INTER_LINEAR)
    return cast(Image, cv2.add(swap, shift, dtype=cv2.CV_8U))


def _with_ring(landmarks: Points) -> Points:
    """The landmarks and a grown copy of the contour: float32 (157 + 36, 2)."""
    middle = landmarks[OVAL].mean(0)
    return np.vstack([landmarks, middle + (landmarks[OVAL] - middle) * RING_GROWTH]).astype(np.float32)


def _opened(landmarks: Points) -> Points:
    """The same face with parted lips: triangles found on it are right for shut and for open mouths."""
    opened = landmarks.copy()
    opened[LIPS_INNER] = 0.6 * landmarks[LIPS_INNER] + 0.4 * landmarks[LIPS_OUTER]
    # Points that coincide would be one vertex; a thousandth of a px tells them apart.
    return opened + np.linspace(0, 1e-2, COUNT, dtype=np.float32)[:, None]


def _affines(from_triangles: Points, to_triangles: Points) -> NDArray[np.float32]:
    """Affine of each triangle: float32 (M, 3, 2), ``to = x * c[0] + y * c[1] + c[2]``; 0 for flat triangles.

    Args:
        from_triangles: (M, 3, 2).
        to_triangles: (M, 3, 2).
    """
    start, edge1, edge2 = _edges(from_triangles)
    to_start, to_edge1, to_edge2 = _edges(to_triangles)
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    inverse = np.where(np.abs(area) < MIN_DOUBLE_AREA_PX, 0.0, 1 / np.where(area == 0, 1.0, area))[:, None]
    by_x = (to_edge1 * edge2[:, 1:] - to_edge2 * edge1[:, 1:]) * inverse
    by_y = (to_edge2 * edge1[:, :1] - to_edge1 * edge2[:, :1]) * inverse
    constant = to_start - by_x * start[:, :1] - by_y * start[:, 1:]
    return np.stack([by_x, by_y, constant], 1).astype(np.float32)


def _edges(triangles: Points) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    wide = triangles.astype(np.float64)
    return wide[:, 0], wide[:, 1] - wide[:, 0], wide[:, 2] - wide[:, 0]


def _outside(polygon: Points, size: int) -> Mask:
    """1 outside the polygon, 0 inside, softly: float32 (size, size)."""
    side = 2 * max(round(CUT_SOFTNESS_PX * size / 512), 1) + 1
    inside = cv2.blur(fill_polygon(polygon, size), (side, side))
    return np.asarray(cv2.addWeighted(inside, -1 / 255, inside, 0.0, 1.0, dtype=cv2.CV_32F), np.float32)
