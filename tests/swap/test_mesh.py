"""The mesh engine on drawn faces: identity of the source, expression of the target."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from draw_faces import draw_face, face_landmarks
from vcam.errors import BadPhoto
from vcam.swap.mesh import MeshEngine, find_skin, match_light, triangulate
from vcam.topology import CHEEKS, EYE_LEFT, LIPS_INNER, LIPS_OUTER, OVAL

SIDE = 256
SOURCE = draw_face(face_landmarks(SIDE), SIDE, skin=(150, 175, 205), seed=3)


@pytest.fixture(scope="module")
def engine() -> MeshEngine:
    return MeshEngine(SOURCE, face_landmarks(SIDE))


def composite(swap: np.ndarray, mask: np.ndarray, crop: np.ndarray) -> np.ndarray:
    return crop + (swap.astype(np.float32) - crop) * mask[..., None]


def test_same_landmarks_give_the_source_back(engine: MeshEngine) -> None:
    swap, mask = engine.generate(SOURCE, face_landmarks(SIDE))
    assert np.abs(swap.astype(int) - SOURCE)[mask > 0.9].mean() < 2.5


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("mouth_open", [0.0, 0.3, 0.8])
def test_mouth_opening_is_kept(engine: MeshEngine, size: int, mouth_open: float) -> None:
    """The inside of the target's mouth stays; lips lie round it."""
    landmarks = face_landmarks(size, mouth_open=mouth_open)
    target = draw_face(landmarks, size, skin=(100, 130, 180), seed=4)
    swap, mask = engine.generate(target, landmarks)
    picture = composite(swap, mask, target)
    column = round(float(landmarks[LIPS_INNER, 0].mean()))
    rows = slice(round(0.6 * size), round(0.88 * size))
    dark, dark_target = (np.count_nonzero(p[rows, column].sum(-1) < 170) for p in (picture, target))
    assert abs(dark - dark_target) <= max(2, 0.03 * size)


def test_blinks_are_followed(engine: MeshEngine) -> None:
    """The white of the photo's eyes is seen as far as the target's lids are open."""
    white = []
    for eyes_open in (0.0, 0.5, 1.0):
        landmarks = face_landmarks(SIDE, eyes_open=eyes_open)
        swap, mask = engine.generate(draw_face(landmarks, SIDE, seed=5), landmarks)
        assert mask[tuple(np.round(landmarks[EYE_LEFT].mean(0)).astype(int)[::-1])] > 0.99
        left, top = landmarks[EYE_LEFT].min(0).astype(int) - 6
        right, bottom = landmarks[EYE_LEFT].max(0).astype(int) + 6
        white.append(np.count_nonzero(swap[top:bottom, left:right, 0] > 200))
    assert white[0] < white[1] < white[2]
    assert white[0] < 0.55 * white[2]  # a line of it stays: the bend is smoothed over the lids' edge


def test_landmarks_of_the_source_come_to_lie_on_the_targets(engine: MeshEngine) -> None:
    """A turned, wider target: the red of the lips is where the target's lips are."""
    landmarks = face_landmarks(SIDE, mouth_open=0.4)
    middle = landmarks.mean(0)
    landmarks = ((landmarks - middle) @ np.array([[1.05, 0.12], [-0.12, 0.95]], np.float32) + middle).astype(np.float32)
    grey = np.full((SIDE, SIDE, 3), 120, np.uint8)
    swap, _ = engine.generate(grey, landmarks)
    redness = swap[..., 2].astype(int) - swap[..., 1]
    lips = (landmarks[LIPS_OUTER] + landmarks[LIPS_INNER]) / 2
    inside = np.round(lips).astype(int)
    around = redness[round(0.5 * SIDE), round(0.35 * SIDE)]
    assert np.median(redness[inside[:, 1], inside[:, 0]]) > around + 15


def test_light_of_the_target_is_taken(engine: MeshEngine) -> None:
    landmarks = face_landmarks(SIDE)
    target = draw_face(landmarks, SIDE, skin=(70, 90, 120), seed=6)
    swap, mask = engine.generate(target, landmarks)
    cheek = np.round(landmarks[CHEEKS].mean(0)).astype(int)
    patch = (slice(cheek[1] - 8, cheek[1] + 8), slice(cheek[0] - 40, cheek[0] - 25))
    assert np.abs(swap[patch].mean((0, 1)) - target[patch].mean((0, 1))).max() < 12
    assert mask.max() > 0.98


def test_light_match_leaves_equal_pictures_alone() -> None:
    matched = match_light(SOURCE, SOURCE, np.ones((SIDE, SIDE), np.float32))
    assert np.abs(matched.astype(int) - SOURCE).max() <= 1


def test_fringe_is_not_worn() -> None:
    landmarks = face_landmarks(SIDE)
    fringed = SOURCE.copy()
    top = int(landmarks[OVAL, 1].min())
    fringed[top : top + 40] = (30, 40, 50)
    skin = find_skin(fringed, landmarks)
    assert skin[top + 20, SIDE // 2] < 10
    assert skin[round(0.6 * SIDE), SIDE // 2] > 250
    assert cv2.countNonZero(skin) > 0.1 * skin.size


def test_triangles_cover_the_face_once() -> None:
    points = face_landmarks(SIDE, mouth_open=0.4)
    triangles = triangulate(points)
    area = 0.0
    for a, b, c in points[triangles].astype(np.float64):
        area += abs((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]) / 2
    assert area == pytest.approx(cv2.contourArea(cv2.convexHull(points)), rel=0.03)


def test_landmarks_without_extent_are_refused() -> None:
    with pytest.raises(BadPhoto, match="span no face"):
        MeshEngine(SOURCE, np.zeros((157, 2), np.float32))
