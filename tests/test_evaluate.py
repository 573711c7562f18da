"""Flicker is what movement does not explain: none in a moved picture, some in a trembling one."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from clips import write_clip
from draw_faces import draw_face, face_landmarks
from vcam.catalogue import find_clip
from vcam.cli.main import main
from vcam.evaluate import warping_errors
from vcam.swap.mask import face_hull_mask

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
    assert said["ratio"] == pytest.approx(said["swap_levels"] / said["input_levels"])
    assert code == int(said["ratio"] > 1.2)


def test_a_clip_without_a_face_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(tmp_path / "clip.mp4")
    assert main(["evaluate", "video", str(tmp_path / "clip.mp4")]) == 2
    assert "too few to judge" in capsys.readouterr().err
