"""Steadiness without ghosts."""

from __future__ import annotations

import cv2
import numpy as np

from draw_faces import draw_face, face_landmarks
from vcam.swap.steady import GAP_S, ColourMatch, Steadier

SIDE = 128
MASK = np.ones((SIDE, SIDE), np.float32)


def flickering(frames: int, seed: int = 0) -> list[np.ndarray]:
    """One swap with a tremble of its own in each frame, coarse like a generator's."""
    random = np.random.default_rng(seed)
    swap = draw_face(face_landmarks(SIDE), SIDE, skin=(110, 140, 190)).astype(np.float32)
    trembles = random.normal(0, 5, (frames, 16, 16, 3)).repeat(8, 1).repeat(8, 2)
    return [np.clip(swap + tremble, 0, 255).astype(np.uint8) for tremble in trembles]


def test_still_face_flickers_less() -> None:
    target = draw_face(face_landmarks(SIDE), SIDE)
    steadier = Steadier()
    given = flickering(40)
    steadied = [steadier(swap, target, i / 30).copy() for i, swap in enumerate(given)]
    flicker, steady = (np.abs(np.diff(np.asarray(x[10:], np.float32), axis=0)).mean() for x in (given, steadied))
    assert steady < 0.6 * flicker


def test_large_crop_is_steadied_too() -> None:
    target = draw_face(face_landmarks(256), 256)
    steadier = Steadier()
    given = [cv2.resize(swap, (256, 256)) for swap in flickering(40)]
    steadied = [steadier(swap, target, i / 30).copy() for i, swap in enumerate(given)]
    flicker, steady = (np.abs(np.diff(np.asarray(x[10:], np.float32), axis=0)).mean() for x in (given, steadied))
    assert steady < 0.6 * flicker


def test_opening_mouth_is_not_held_back() -> None:
    steadier = Steadier()
    for index in range(10):
        shut = face_landmarks(SIDE)
        steadier(draw_face(shut, SIDE, skin=(110, 140, 190)), draw_face(shut, SIDE), index / 30)
    opened = face_landmarks(SIDE, mouth_open=0.6)
    swap = draw_face(opened, SIDE, skin=(110, 140, 190))
    steadied = steadier(swap, draw_face(opened, SIDE), 10 / 30)
    mouth = (slice(86, 100), slice(56, 72))
    assert np.abs(steadied[mouth].astype(int) - swap[mouth]).mean() < 3


def test_moving_face_leaves_no_ghost() -> None:
    steadier = Steadier()
    for index in range(12):
        shift = np.array([index * 1.5 - 9, 0], np.float32)
        landmarks = face_landmarks(SIDE) + shift
        swap = draw_face(landmarks, SIDE, skin=(110, 140, 190), seed=index)
        steadied = steadier(swap, draw_face(landmarks, SIDE, seed=index), index / 30)
    assert np.abs(steadied.astype(int) - swap).mean() < 2.5
    assert np.percentile(np.abs(steadied.astype(int) - swap), 99) < 20


def test_gap_and_reset_start_afresh() -> None:
    target, swap = draw_face(face_landmarks(SIDE), SIDE), flickering(1)[0]
    steadier = Steadier()
    steadier(np.zeros_like(swap), target, 0.0)
    np.testing.assert_array_equal(steadier(swap, target, GAP_S + 0.1), swap)
    steadier.reset()
    np.testing.assert_array_equal(steadier(swap, target, GAP_S + 0.13), swap)


def test_colour_is_matched_and_changes_smoothly() -> None:
    target = draw_face(face_landmarks(SIDE), SIDE, skin=(140, 170, 215))
    swap = draw_face(face_landmarks(SIDE), SIDE, skin=(110, 150, 200))
    match = ColourMatch()
    first = match(swap, target, MASK, 0.0)
    assert np.abs(first.mean((0, 1)) - target.mean((0, 1))).max() < 1.5
    darker = (target * 0.8).astype(np.uint8)
    next_frame = match(swap, darker, MASK, 1 / 30)
    assert abs(float(next_frame.mean()) - float(first.mean())) < 0.3 * (target.mean() - darker.mean())
    for index in range(2, 60):
        settled = match(swap, darker, MASK, index / 30)
    assert abs(float(settled.mean()) - float(darker.mean())) < 2


def test_empty_mask_leaves_the_colour_alone() -> None:
    swap = flickering(1)[0]
    assert ColourMatch()(swap, swap, 0 * MASK, 0.0) is swap
