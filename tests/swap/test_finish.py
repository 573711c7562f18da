"""Sharpness, grain, and the chain from an engine's crop to the finished one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from draw_faces import draw_face, face_landmarks
from vcam.swap.buffers import Buffers
from vcam.swap.detail import GRAIN_LIMIT, add_grain, sharpen
from vcam.swap.finish import PASTE_SIZE_PX, Finisher
from vcam.swap.mask import face_hull_mask
from vcam.topology import EYE_LEFT, NOSE_TIP

LANDMARKS = face_landmarks(256)
FLAT = np.full((256, 256, 3), 130, np.uint8)


def test_grain_has_the_targets_strength_on_skin_and_none_on_eyes() -> None:
    random = np.random.default_rng(0)
    target = np.clip(130 + random.normal(0, 3, FLAT.shape), 0, 255).astype(np.uint8)
    swap = FLAT.copy()
    add_grain(swap, target, LANDMARKS, Buffers())
    x, y = np.round(LANDMARKS[NOSE_TIP]).astype(int)
    assert 1.5 < swap[y - 12 : y + 12, x - 12 : x + 12].std() < 3.5
    x, y = np.round(LANDMARKS[EYE_LEFT].mean(0)).astype(int)
    assert swap[y - 3 : y + 3, x - 8 : x + 8].std() == 0


def test_edges_of_the_target_do_not_come_through() -> None:
    target = FLAT.copy()
    target[:, 128:] = 220
    swap = FLAT.copy()
    add_grain(swap, target, LANDMARKS, Buffers())
    assert np.abs(swap.astype(int) - 130).max() <= GRAIN_LIMIT


@pytest.mark.parametrize(("size", "gain"), [(128, 1.3), (256, 1.1)])
def test_sharpened_is_sharper_than_interpolated(size: int, gain: float) -> None:
    given = draw_face(face_landmarks(size), size)
    before = given.copy()
    sharp, plain = sharpen(given, 256), cv2.resize(given, (256, 256))
    assert cv2.Laplacian(sharp, cv2.CV_32F).std() > gain * cv2.Laplacian(plain, cv2.CV_32F).std()
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("engine_size", [128, 256])
def test_finished_crop(engine_size: int) -> None:
    crop = draw_face(LANDMARKS, PASTE_SIZE_PX)
    swap = draw_face(face_landmarks(engine_size), engine_size, skin=(100, 130, 180), seed=9)
    mask = face_hull_mask(face_landmarks(engine_size), engine_size)
    finisher = Finisher(engine_size)
    occlusion = np.ones((PASTE_SIZE_PX, PASTE_SIZE_PX), np.float32)
    occlusion[:, :128] = 0
    before = swap.copy(), mask.copy(), crop.copy()
    for index in range(3):
        finished, soft = finisher.finish(swap, mask, crop, LANDMARKS, index / 30, occlusion)
    for kept, given in zip(before, (swap, mask, crop), strict=True):
        np.testing.assert_array_equal(kept, given)
    assert finished.shape == crop.shape
    assert soft.shape == (PASTE_SIZE_PX, PASTE_SIZE_PX)
    assert soft[:, :126].max() == 0
    assert soft[140, 160] > 0.99
    inside = soft > 0.9
    assert np.abs(finished[inside].mean(0) - crop[inside].mean(0)).max() < 6
