"""The generator's table: files run as the program runs them, groups of people, and bars."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("onnx")

import onnx_toys
from training.faces_by_hand import oval_mesh
from vcam.training import bars, details, pairs_report
from vcam.training.data import labels_of
from vcam.training.measure_small import time_against_product

pytestmark = pytest.mark.train


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    onnx_toys.save_identity(tmp_path / "identity.onnx", away=0.1)
    onnx_toys.save_generator(tmp_path / "generator.onnx")
    onnx_toys.save_embedder(tmp_path / "embedder.onnx")
    return tmp_path


def test_the_files_of_a_pack_swap_inside_their_mask(pack: Path) -> None:
    targets = np.random.default_rng(0).integers(0, 255, (3, 128, 128, 3), np.uint8)
    embeddings = details.embed_with(pack)(np.random.default_rng(1).integers(0, 255, (3, 112, 112, 3), np.uint8))
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    swaps = pairs_report.swap_with_files(pack)(targets, embeddings, embeddings[::-1])
    assert (swaps.shape, swaps.dtype) == (targets.shape, np.uint8)
    assert np.array_equal(swaps[:, :8], targets[:, :8])
    middle = targets[0, 64, 64].astype(int)
    assert swaps[0, 64, 64].astype(int) == pytest.approx((middle[::-1] - 127.5) * 0.8 + 127.5, abs=15)


def test_labels_come_from_the_file_name() -> None:
    assert labels_of("faces/utk/utk_32_0_2_2017.webp") == ("age 25-39", "male", "asian")
    assert labels_of("faces/utk/utk_61_1_1_2017.webp") == ("age 60-120", "female", "black")
    assert labels_of("faces/lfw/Somebody_0001.webp") == ()


def test_a_group_that_is_served_worse_is_seen() -> None:
    count = 40
    origin = np.arange(count) % 2
    images = np.zeros((count, 128, 128, 3), np.uint8)
    images[origin == 1] = 200
    images[:, 0, 0, 0] = np.arange(count)  # who it is
    faces = SimpleNamespace(
        set=np.array(["utk"] * count), split=np.array(["val"] * count), images=images, crops112=images,
        mesh=np.stack([oval_mesh()] * count), file=np.array([f"faces/utk/utk_30_0_{t}_x.webp" for t in origin]),
    )  # fmt: skip

    def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        made, wanted = (pictures.mean((1, 2, 3)) > 100 for pictures in (a, b))
        return np.where(made == wanted, 1.0, 0.5)

    bench = SimpleNamespace(
        faces=faces,
        lineups={name: SimpleNamespace(likeness=likeness) for name in ("judge", "sface")},
        swapped=lambda rows, swaps: swaps,
        portraits=lambda rows: images[rows],
        attributes=SimpleNamespace(pose=lambda pictures: pictures.mean((1, 2, 3))[:, None].repeat(3, 1)),
        large_rows=lambda rows: images[rows].repeat(2, 1).repeat(2, 2),
    )

    def swap(targets: np.ndarray, identities: np.ndarray, wearers: np.ndarray) -> np.ndarray:
        assert (identities != wearers).any(1).all()
        return np.zeros_like(targets)  # everybody looks like the first group, and turns away in the second

    found = pairs_report.measure_groups(bench, swap, lambda crops: crops[:, 0, 0])
    assert isinstance(found, dict)
    groups = found["by_group"]
    assert groups["white"]["identity"] == pytest.approx(1 / 0.75)
    assert groups["black"]["identity"] == found["identity_least"] == pytest.approx(0.5 / 0.75)
    assert groups["black"]["identity_sface"] == groups["black"]["identity"]
    assert groups["black"]["pose"] == found["pose_most"] == pytest.approx(2.0, rel=1e-4)
    assert groups["male"]["people"] == count
    faces.split[:] = "train"
    assert "not measured" in pairs_report.measure_groups(bench, swap, lambda crops: crops[:, 0, 0])


def test_a_net_of_two_inputs_and_one_with_open_sides_are_timed(pack: Path) -> None:
    for path in (pack / "generator.onnx", onnx_toys.save_detector(pack / "detector.onnx")):
        figures = time_against_product(pairs_report.open_session(path, 1, ()), runs=2)
        assert figures["ratio"] == pytest.approx(figures["ms"] / figures["product_ms"])


def test_a_verdict_can_be_written_as_json() -> None:
    bar = bars.Bar("recall", "recall", bars.AT_LEAST, 0.5)
    assert [bar.holds(np.float64(value)) for value in (0.4, 0.6)] == [False, True]
    assert isinstance(bar.holds(np.float64(0.6)), bool)


def test_a_figure_that_is_no_number_never_holds() -> None:
    for sense in (bars.AT_LEAST, bars.AT_MOST):
        bar = bars.Bar("x", "x", sense, 0.5)
        assert bar.holds(0.5)
        assert not bar.holds(float("nan"))


def test_a_pasted_photo_is_measured_inside_the_face_alone() -> None:
    count, rng = 2, np.random.default_rng(0)
    photos, targets = rng.integers(0, 255, (2, count, 256, 256, 3), np.uint8)
    rows = np.arange(count)
    given = []

    def measure(swap: pairs_report.Swap, embed: object) -> tuple[dict[str, float], np.ndarray]:
        given.append(swap(targets, rows, rows))
        return {"judge_top1": 0.5, "lattice": 1.0}, given[0]

    bench = SimpleNamespace(
        pairs=SimpleNamespace(source=rows, target=rows),
        faces=SimpleNamespace(mesh=np.stack([oval_mesh()] * count)),
        large_rows=lambda asked: photos[asked],
        targets=targets,
        measure=measure,
    )
    assert pairs_report.measure_pasted(bench, lambda crops: crops) == {"judge_top1": 0.5}
    changed = (given[0] != targets).any((0, 3))
    assert changed[100:160, 100:160].mean() > 0.5
    assert not changed[:, :8].any()
