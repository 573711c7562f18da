"""Detector, landmark fitter, embedder and regions on toy graphs: coordinates come back to the frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import onnx_toys
from draw_faces import face_landmarks
from vcam.faces.detect import Detector, suppress_overlaps
from vcam.faces.embed import Embedder
from vcam.faces.landmarks import LandmarkFitter
from vcam.faces.regions import Occlusion, RegionParser, face_mask
from vcam.geometry import FFHQ_512, iou
from vcam.inference import open_session
from vcam.topology import COUNT


def grey_frame(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 20, np.uint8)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return Detector(open_session(onnx_toys.save_detector(tmp_path_factory.mktemp("toys") / "detector.onnx"), 1))


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 480), (480, 640), (320, 192)])
def test_a_bright_block_is_found_where_it_is(detector: Detector, width: int, height: int) -> None:
    image = grey_frame(width, height)
    scale = max(width / 320, height / 192)
    cell = 8 * scale  # one cell of the toy, in frame px
    left, top = int(12 * cell), int(8 * cell)
    image[top : top + int(np.ceil(cell)), left : left + int(np.ceil(cell))] = 255
    faces = detector(image)
    assert len(faces) == 1
    middle = (faces[0].box[:2] + faces[0].box[2:]) / 2
    np.testing.assert_allclose(middle, (left + cell / 2, top + cell / 2), atol=1.0 * scale)
    assert faces[0].box[2] - faces[0].box[0] == pytest.approx(40 * scale, rel=0.01)
    assert faces[0].landmarks5.shape == (5, 2)
    assert faces[0].landmarks5[0, 0] < faces[0].landmarks5[1, 0]
    assert 0.5 <= faces[0].score <= 1.0 + 1e-6


def test_no_face_and_five_faces(detector: Detector) -> None:
    assert detector(grey_frame(640, 480)) == ()
    image = grey_frame(640, 480)
    for x in range(5):
        image[160:180, 40 + 100 * x : 60 + 100 * x] = 255
    assert len(detector(image)) == 5


def test_overlapping_boxes_are_one_face() -> None:
    boxes = np.array([[0, 0, 100, 100], [10, 5, 108, 104], [200, 0, 300, 100], [0, 0, 30, 30]], np.float32)
    assert suppress_overlaps(boxes, np.array([0.7, 0.9, 0.6, 0.8])) == [1, 3, 2]
    assert iou(boxes[0], boxes[1]) > 0.4
    assert suppress_overlaps(boxes[:0], np.zeros(0)) == []


def test_landmarks_come_back_to_the_frame(tmp_path: Path) -> None:
    """The toy's shape follows the light in its crop; turned and moved, it must turn and move in the frame."""
    shape = face_landmarks(128)
    fit = LandmarkFitter(open_session(onnx_toys.save_landmarks(tmp_path / "landmarks.onnx", shape), 1))
    image = np.full((480, 640, 3), 128, np.uint8)
    turn = np.radians(15)
    matrix = 1.6 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    place = np.array([200.0, 90.0])
    landmarks5 = ((FFHQ_512 * 128) @ matrix.T + place).astype(np.float32)
    found = fit(image, landmarks5)
    assert found.landmarks.shape == (COUNT, 2)
    np.testing.assert_allclose(found.landmarks, shape @ matrix.T + place, atol=0.05)
    assert found.visibility == pytest.approx(1.0)
    assert found.pose.shape == (3,)
    assert fit(np.zeros_like(image), landmarks5).visibility < 0.01


def test_embedding_has_unit_length_and_tells_pictures_apart(tmp_path: Path) -> None:
    embed = Embedder(open_session(onnx_toys.save_embedder(tmp_path / "embedder.onnx"), 1))
    random = np.random.default_rng(0)
    landmarks5 = (FFHQ_512 * 200 + 50).astype(np.float32)
    a, b = (embed(random.integers(0, 256, (300, 300, 3), np.uint8), landmarks5) for _ in range(2))
    assert a.shape == (512,)
    assert np.linalg.norm(a) == pytest.approx(1.0, abs=1e-5)
    assert float(a @ b) < 0.99


def test_regions_become_an_occlusion_mask(tmp_path: Path) -> None:
    parse = RegionParser(open_session(onnx_toys.save_regions(tmp_path / "regions.onnx"), 1))
    crop = np.zeros((256, 256, 3), np.uint8)
    crop[:, :128] = 255
    mask = face_mask(parse(crop))
    height, width = mask.shape
    assert (height, mask.dtype) == (width, np.float32)
    assert mask[:, : width // 2 - 2].min() > 0.95
    assert mask[:, width // 2 + 2 :].max() < 0.05


def test_a_hand_before_the_face_fades_in_and_where_it_was_nothing_is_bare(tmp_path: Path) -> None:
    occlusion = Occlusion(RegionParser(open_session(onnx_toys.save_regions(tmp_path / "regions.onnx"), 1)))
    bare, hidden = np.full((256, 256, 3), 255, np.uint8), np.zeros((256, 256, 3), np.uint8)
    seen = [occlusion(hidden if 4 <= k < 20 else bare, k / 30).mean() for k in range(40)]
    assert seen[3] == 1.0
    assert -0.5 < np.diff(seen[:20]).min() < -0.05  # no jump
    assert seen[19] < 0.1
    assert min(seen[22:]) == 1.0  # parsed again two frames later at most
    assert occlusion(hidden, 100.0).max() == 0.0  # after a gap the past says nothing
    assert occlusion(bare, 3.0).min() == 1.0  # nor does another time


def test_a_pixel_in_doubt_is_swapped() -> None:
    regions = np.zeros((9, 4, 4), np.float32)
    regions[0], regions[1] = 0.4, 0.6
    assert face_mask(regions).min() == pytest.approx(1.0)
    regions[0], regions[7] = 0.0, 0.4
    assert face_mask(regions).min() == 1.0  # glasses: the user's own eyes show in them
    regions[0], regions[1:] = 0.9, 0.0
    assert face_mask(regions).max() == 0.0
