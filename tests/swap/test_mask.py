"""Masks in the crop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from draw_faces import face_landmarks
from vcam.swap.mask import (
    BORDER_FEATHER,
    LOOK_EVERY,
    Rims,
    add_rims,
    believed,
    combine_masks,
    face_hull_mask,
    open_eyes_mask,
    open_mouth_mask,
    rows_of_brows,
    thin_gaps,
)
from vcam.topology import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    EYES,
    LIP_LOWER,
    LIPS,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE,
    OVAL,
)


@pytest.mark.parametrize("size", [128, 256])
def test_hull_mask_is_full_inside_and_empty_outside(size: int) -> None:
    landmarks = face_landmarks(size)
    mask = face_hull_mask(landmarks, size)
    inner = np.round(landmarks[np.concatenate([EYES, LIPS, NOSE])]).astype(int)
    assert (mask[inner[:, 1], inner[:, 0]] > 0.95).all()
    middle = landmarks[OVAL].mean(0)
    below_brows = landmarks[OVAL][landmarks[OVAL][:, 1] > landmarks[EYES][:, 1].mean()]
    outer = np.round(middle + (below_brows - middle) * 1.08).astype(int)
    outer = outer[(outer >= 0).all(1) & (outer < size).all(1)]
    assert (mask[outer[:, 1], outer[:, 0]] < 0.02).all()
    assert (mask.min(), mask.max()) == (0.0, 1.0)


def test_hull_mask_has_no_steps() -> None:
    mask = face_hull_mask(face_landmarks(256), 256)
    assert np.abs(np.diff(mask, axis=0)).max() < 0.12
    assert np.abs(np.diff(mask, axis=1)).max() < 0.12


@pytest.mark.parametrize("shift", [(0, 90), (0, -120), (100, 0), (-400, 0), (1e6, 1e6)])
def test_crop_border_never_shows(shift: tuple[float, float]) -> None:
    landmarks = face_landmarks(256) + np.array(shift, np.float32)
    mask = face_hull_mask(landmarks, 256)
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert border.max() == 0.0
    just_inside = round(BORDER_FEATHER * 256 / 4)
    assert mask[just_inside].max() < 0.3


def test_combined_by_minimum() -> None:
    a, b = np.full((4, 4), 0.7, np.float32), np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_array_equal(combine_masks(a, None, b), np.minimum(a, b))
    assert combine_masks(a) is not a


def test_an_occlusion_that_hides_nearly_all_is_not_believed() -> None:
    hull = face_hull_mask(face_landmarks(256), 256)
    half = np.ones_like(hull)
    half[:, :128] = 0
    np.testing.assert_array_equal(believed(half, hull), half)
    assert believed(np.zeros_like(hull), hull).min() == 1.0  # the parser erred: the face stays swapped
    third = np.ones_like(hull)
    third[:100] = 0
    third[150:] = 0
    share = (third * hull).sum() / hull.sum()
    assert 0.25 < share < 0.45
    assert 0 < believed(third, hull).min() < 1


@pytest.mark.parametrize("raised", [0.0, 0.08])
def test_brows_are_covered_even_when_raised(raised: float) -> None:
    landmarks = face_landmarks(256)
    brows = np.concatenate([BROW_LEFT, BROW_RIGHT])
    landmarks[brows, 1] -= raised * 256
    x, y = np.round(landmarks[brows]).astype(int).T
    assert (rows_of_brows(landmarks, 256)[y, 0] > 0.95).all()
    assert rows_of_brows(landmarks, 256)[int(landmarks[EYES, 1].max()) + 12 :].max() == 0.0
    hull = face_hull_mask(landmarks, 256)[y, x]
    assert hull.mean() > 0.8
    assert hull.min() > 0.2


def with_open_mouth(share: float) -> np.ndarray:
    """The drawn face, the lower lip let down by a share of the mouth's width."""
    landmarks = face_landmarks(256)
    width = np.ptp(landmarks[LIPS_INNER, 0])
    lower = [i for i in LIPS if landmarks[i, 1] >= landmarks[LIP_LOWER, 1] - 1]
    landmarks[lower, 1] += share * width
    return landmarks


def test_a_closed_mouth_is_swapped_whole() -> None:
    landmarks = face_landmarks(256)
    landmarks[LIPS_INNER, 1] = landmarks[LIPS_INNER, 1].mean()
    assert open_mouth_mask(landmarks, 256) is None


def test_an_open_mouth_shows_the_user_own_inside_and_no_skin() -> None:
    landmarks = with_open_mouth(0.5)
    mask = open_mouth_mask(landmarks, 256)
    assert mask is not None
    x, y = np.round(landmarks[LIPS_INNER].mean(0)).astype(int)
    assert mask[y, x] > 0.9
    assert mask.max() <= 1.0
    low, high = landmarks[LIPS_OUTER].min(0).astype(int) - 3, landmarks[LIPS_OUTER].max(0).astype(int) + 3
    outside = mask.copy()
    outside[low[1] : high[1], low[0] : high[0]] = 0
    assert outside.max() == 0.0


def test_the_mouth_opens_gradually() -> None:
    sums = [
        0.0 if (m := open_mouth_mask(with_open_mouth(s), 256)) is None else float(m.sum())
        for s in np.linspace(0, 0.5, 60)
    ]
    assert sums[-1] > 100
    assert np.abs(np.diff(sums)).max() < 0.12 * max(sums)


@pytest.mark.parametrize("size", [128, 256])
def test_open_eyes_show_between_the_lids_and_no_skin(size: int) -> None:
    landmarks = face_landmarks(size)
    mask, margin = open_eyes_mask(landmarks, size), round(0.03 * size)
    rest = mask.copy()
    for eye in (EYE_LEFT, EYE_RIGHT):
        x, y = np.round(landmarks[eye].mean(0)).astype(int)
        assert mask[y, x] > 0.9
        low, high = np.floor(landmarks[eye].min(0)).astype(int), np.ceil(landmarks[eye].max(0)).astype(int)
        rest[low[1] - margin : high[1] + margin, low[0] - margin : high[0] + margin] = 0
    assert rest.max() == 0.0


def test_closed_eyes_are_swapped_nearly_whole() -> None:
    opened, closed = (float(open_eyes_mask(face_landmarks(256, eyes_open=o), 256).sum()) for o in (1.0, 0.0))
    assert closed < 0.25 * opened


def test_rims_are_thin_gaps_and_eyes_and_edges_are_not() -> None:
    mask = np.zeros((128, 128), np.float32)
    mask[20:110, 20:110] = 1
    mask[60:63, 30:100] = 0.2
    mask[80:92, 40:64] = 0
    gaps = thin_gaps(mask)
    np.testing.assert_allclose(gaps[61, 35:95], 0.8, atol=1e-6)
    assert gaps[86, 52] == 0
    assert gaps[:20].max() == gaps[40:55].max() == 0


def glasses_on(skin: np.ndarray, landmarks: np.ndarray, thick: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 256 px with dark rims and a bridge, and where they are."""
    where = np.zeros(skin.shape[:2], np.uint8)
    eyes = [landmarks[eye].mean(0) * 2 + 0.5 for eye in (EYE_LEFT, EYE_RIGHT)]
    apart = float(eyes[1][0] - eyes[0][0])
    for x, y in eyes:
        cv2.ellipse(where, (round(x), round(y + 2)), (round(0.42 * apart), round(0.34 * apart)), 0, 0, 360, 255, thick)
    x, y = np.mean(eyes, 0)
    for height in (0, round(0.1 * apart)):
        cv2.ellipse(where, (round(x), round(y + height)), (round(0.12 * apart), 4), 0, 180, 360, 255, thick)
    return np.where(where[..., None] > 0, np.uint8(40), skin), where


def test_rims_stay_where_the_engine_is_in_doubt_and_the_picture_has_lines() -> None:
    landmarks = face_landmarks(128)
    skin = np.full((256, 256, 3), 160, np.uint8)
    worn, where = glasses_on(skin, landmarks)
    doubt = cv2.GaussianBlur(cv2.resize(where, (128, 128), interpolation=cv2.INTER_AREA), (0, 0), 2) / np.float32(255)
    own = np.zeros((128, 128), np.float32)
    add_rims(own, doubt, landmarks, worn)
    rims = cv2.resize(where, (128, 128), interpolation=cv2.INTER_AREA) > 250
    for x, y in np.round(landmarks[[*EYES, *BROW_LEFT, *BROW_RIGHT]]).astype(int):
        rims[y - 3 : y + 4, x - 3 : x + 4] = False  # lids and brows are left out
    assert rims.sum() > 30
    assert own[rims].min() > 0.8
    assert own[round(float(landmarks[LIPS, 1].min())) :].max() == 0
    for eye in (EYE_LEFT, EYE_RIGHT):
        x, y = np.round(landmarks[eye].mean(0)).astype(int)
        assert own[y, x] == 0


@pytest.mark.parametrize("lacking", ["lines", "doubt", "bridge"])
def test_no_rims_are_seen_without_lines_doubt_and_a_bridge(lacking: str) -> None:
    landmarks = face_landmarks(128)
    worn, where = glasses_on(np.full((256, 256, 3), 160, np.uint8), landmarks)
    doubt = cv2.GaussianBlur(cv2.resize(where, (128, 128), interpolation=cv2.INTER_AREA), (0, 0), 2) / np.float32(255)
    if lacking == "lines":
        worn[:] = 160
    if lacking == "doubt":
        doubt[:] = 0
    if lacking == "bridge":
        left, right = (int(2 * edge) for edge in (landmarks[EYE_LEFT, 0].max() + 1, landmarks[EYE_RIGHT, 0].min() - 1))
        worn[:, left:right] = 160
    own = np.zeros((128, 128), np.float32)
    add_rims(own, doubt, landmarks, worn)
    assert own.max() == 0


def test_a_face_half_outside_the_crop_has_no_rims() -> None:
    landmarks = face_landmarks(128) - np.float32(70)
    own = np.zeros((128, 128), np.float32)
    add_rims(own, np.ones((128, 128), np.float32), landmarks, np.full((256, 256, 3), 160, np.uint8))
    assert own.max() == 0


def test_glasses_put_on_are_seen_soon_and_then_in_every_frame() -> None:
    landmarks = face_landmarks(128)
    skin = np.full((256, 256, 3), 160, np.uint8)
    worn, where = glasses_on(skin, landmarks)
    doubt = cv2.GaussianBlur(cv2.resize(where, (128, 128), interpolation=cv2.INTER_AREA), (0, 0), 2) / np.float32(255)
    rims, shown = Rims(), []
    for picture in [skin] * 2 + [worn] * (LOOK_EVERY + 4):
        own = np.zeros((128, 128), np.float32)
        rims(own, doubt, landmarks, picture)
        shown.append(own.max() > 0)
    assert shown == [False] * LOOK_EVERY + [True] * 6
    rims(np.zeros((128, 128), np.float32), doubt, landmarks, skin)
    rims.reset()
    own = np.zeros((128, 128), np.float32)
    rims(own, doubt, landmarks, worn)
    assert own.max() > 0
