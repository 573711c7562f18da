"""Collages: every label lies on the face that was drawn; cells, matches and boxes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.faces_by_hand import drawn_faces, oval_mesh  # noqa: E402
from vcam import topology  # noqa: E402
from vcam.training import augment, collages, detector  # noqa: E402

pytestmark = pytest.mark.train


def make_maker(split: str = "train") -> collages.CollageMaker:
    return collages.CollageMaker(drawn_faces(), augment.Backgrounds(None), split)


class BlackGround(augment.Backgrounds):
    """A background on which nothing can be mistaken for a face."""

    def draw(self, rng: np.random.Generator, height: int, width: int) -> augment.Picture:
        return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize("seed", range(6))
def test_boxes_and_landmarks_lie_on_the_drawn_faces(seed: int) -> None:
    maker = make_maker()
    scene = collages.Scene(height_px=(30, 120), counts=(0, 1.0))
    collage = maker.draw(np.random.default_rng(seed), 192, 320, scene, faults=False)
    for box, landmarks in zip(collage.boxes, collage.landmarks, strict=True):
        x, y = np.round(landmarks[2]).astype(int)  # the nose: the oval's middle, whatever the roll
        if 0 <= x < 320 and 0 <= y < 192:
            red, green, _ = collage.image[y, x]
            assert red > 180
            assert green < 90
        assert (landmarks[:, 0] > box[0] - 30).all()
        assert landmarks[0, 0] < landmarks[1, 0]
        assert landmarks[3, 0] < landmarks[4, 0]


def test_box_of_an_upright_oval_has_the_fitted_margins() -> None:
    oval = oval_mesh((64, 70), (30, 40))[np.array(topology.MESH)[topology.OVAL], :2]
    box = collages.box_from_oval(oval)
    assert box == pytest.approx([34, 30 - 0.11 * 80, 94, 110 + 0.02 * 80], abs=0.6)


def test_the_same_seed_gives_the_same_collage() -> None:
    maker = make_maker()
    a, b = (maker.draw(np.random.default_rng(4), 96, 160) for _ in range(2))
    assert np.array_equal(a.image, b.image)
    assert np.array_equal(a.boxes, b.boxes)


def test_a_scene_without_faces_has_none() -> None:
    collage = make_maker().draw(np.random.default_rng(0), 96, 160, collages.Scene(counts=(1.0,)))
    assert collage.boxes.shape == (0, 4)
    assert collage.landmarks.shape == (0, 5, 2)


@pytest.mark.parametrize(("height_px", "levels"), [(12, [8]), (28, [8, 16]), (60, [16]), (80, [16, 32]), (150, [32])])
def test_a_face_is_learnt_on_the_levels_of_its_size(height_px: int, levels: list[int]) -> None:
    box = np.array([[80, 10, 80 + height_px, 10 + height_px]], np.float32)
    collage = collages.Collage(np.zeros((192, 320, 3), np.uint8), box, np.zeros((1, 5, 2), np.float32))
    positive, boxes, _ = detector.assign_cells(collage)
    sizes = [192 * 320 // s**2 for s in (8, 16, 32)]
    parts = np.split(positive, np.cumsum(sizes)[:-1])
    assert [s for s, part in zip((8, 16, 32), parts, strict=True) if part.any()] == levels
    assert (boxes[positive] == box[0]).all()


def test_matches_and_false_boxes_are_counted() -> None:
    box = np.array([[10, 10, 50, 60], [100, 20, 140, 70]], np.float32)
    collage = collages.Collage(np.zeros((96, 160, 3), np.uint8), box, np.zeros((2, 5, 2), np.float32))
    found = detector.Detections(
        np.array([0.9, 0.8], np.float32),
        np.array([[12, 9, 51, 58], [60, 60, 90, 90]], np.float32),
        np.zeros((2, 5, 2), np.float32),
    )
    assert detector.count_matches(found, collage) == (1, 1)


def test_select_drops_doubles_and_low_scores() -> None:
    boxes = np.array([[10, 10, 50, 50], [11, 11, 51, 51], [80, 80, 99, 99]], np.float32)
    found = detector.select(np.array([0.7, 0.9, 0.3], np.float32), boxes, np.zeros((3, 10), np.float32))
    assert found.scores == pytest.approx([0.9])


def test_likeness_of_equal_and_distant_boxes() -> None:
    a = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    b = torch.tensor([[0.0, 0, 10, 10], [30, 0, 40, 10]])
    iou, apart = detector.box_likeness(a, b)
    assert iou.tolist() == pytest.approx([1, 0])
    assert apart.tolist() == pytest.approx([0, 900 / 1700])
