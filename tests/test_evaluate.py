"""Flicker is what movement does not explain; sharpness is what a blur takes away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from clips import write_clip
from draw_faces import draw_face, face_landmarks
from vcam.catalogue import find_clip
from vcam.cli.main import main
from vcam.evaluate import sharpness_of, warping_errors
from vcam.swap.buffers import Buffers
from vcam.swap.mask import face_hull_mask
from vcam.types import Crop

LANDMARKS = face_landmarks(128)
HULL = face_hull_mask(LANDMARKS, 128)


def test_movement_is_no_flicker_and_brightness_is() -> None:
    face = cv2.GaussianBlur(draw_face(LANDMARKS, 128), (0, 0), 1)
    moved = cv2.warpAffine(face, np.array([[1, 0, 1.5], [0, 1, 0.5]]), (128, 128), borderMode=cv2.BORDER_REPLICATE)
    still, same = warping_errors((face, face), (moved, moved), HULL)
    unexplained = np.abs(moved.astype(float) - face)[HULL > 0.5].mean()
    assert still == same
    assert still < 0.6 * unexplained
    brighter = cv2.add(moved, (6, 6, 6, 0))
    _, flickering = warping_errors((face, face), (moved, brighter), HULL)
    assert flickering == pytest.approx(still + 6, abs=1.5)


def test_the_clip_of_nobody_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["evaluate", "video", str(find_clip()), "--frames", "14", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == said["swapped"] == 14
    assert said["flicker"] == pytest.approx(said["swap_levels"] / said["input_levels"])
    assert code == int(said["flicker"] > 1.2 or not 0.8 <= said["sharpness"] <= 1.2)
    assert 100 < said["face_px"] < 700


def test_a_blur_costs_sharpness_and_a_larger_frame_does_not() -> None:
    rng = np.random.default_rng(0)
    face = draw_face(face_landmarks(400), 400)
    noisy = np.clip(face + rng.normal(0, 6, face.shape), 0, 255).astype(np.uint8)
    crop = Crop(noisy, np.array([[0.5, 0, 0], [0, 0.5, 0.0]]), face_landmarks(200))
    crop = replace(crop, image=cv2.resize(noisy, (200, 200)))
    own, same, height = sharpness_of(noisy, noisy, crop, Buffers())
    assert own == same > 1
    _, blurred, _ = sharpness_of(noisy, cv2.GaussianBlur(noisy, (0, 0), 3), crop, Buffers())
    assert blurred < 0.5 * own
    points = face_landmarks(400)
    assert height == pytest.approx(np.ptp(points[:, 1]), rel=0.25)


def test_a_clip_without_a_face_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(tmp_path / "clip.mp4")
    assert main(["evaluate", "video", str(tmp_path / "clip.mp4")]) == 2
    assert "too few to judge" in capsys.readouterr().err
