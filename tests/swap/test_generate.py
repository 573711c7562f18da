"""The AEI engine on toy graphs, and the checks on what a generator gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import onnx_toys
from draw_faces import draw_face, face_landmarks
from vcam.errors import ModelCorrupt, SwapRejected
from vcam.inference import open_session
from vcam.swap.generate import Generator, check_swap

CROP = draw_face(face_landmarks(128), 128)


def unit_vector(seed: int = 0) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(512)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def open_toy(folder: Path, fault: str = "") -> Generator:
    identity = open_session(onnx_toys.save_identity(folder / "identity.onnx"), 1)
    return Generator(identity, open_session(onnx_toys.save_generator(folder / "generator.onnx", fault=fault), 1))


def test_swap_of_a_crop(tmp_path: Path) -> None:
    generator = open_toy(tmp_path)
    style = generator.prepare(unit_vector())
    swap, mask = generator.generate(CROP, style)
    assert generator.size == 128
    assert style.shape == (1, 48)
    assert (swap.shape, swap.dtype) == ((128, 128, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((128, 128), np.float32)
    # The toy turns the colour order and dims by 0.8: blue becomes what red was.
    expected = (CROP[..., 2].astype(float) - 127.5) * 0.8 + 127.5 + float(style.mean()) * 0.2 * 127.5
    assert np.abs(swap[..., 0] - expected).max() <= 1


def test_what_a_style_loses_for_its_wearer(tmp_path: Path) -> None:
    wearer = unit_vector(1)
    generator_net = open_session(onnx_toys.save_generator(tmp_path / "generator.onnx"), 1)
    without = Generator(open_session(onnx_toys.save_identity(tmp_path / "old.onnx"), 1), generator_net)
    assert not without.away(wearer).any()
    telling = Generator(open_session(onnx_toys.save_identity(tmp_path / "new.onnx", away=0.25), 1), generator_net)
    np.testing.assert_allclose(telling.away(wearer), 0.25 * telling.prepare(wearer))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("nan", "no numbers"),
        ("constant", "flat"),
        ("black", "black"),
        ("empty", "covers 0.00"),
        ("same", "bare face"),
    ],
)
def test_faults_are_refused(tmp_path: Path, fault: str, says: str) -> None:
    generator = open_toy(tmp_path, fault)
    with pytest.raises(SwapRejected, match=says):
        generator.generate(CROP, generator.prepare(unit_vector()))


def test_half_covered_face_passes_and_weak_mask_does_not() -> None:
    swap = draw_face(face_landmarks(128), 128, skin=(90, 110, 160), seed=1)
    mask = np.zeros((128, 128), np.float32)
    mask[:, :64] = 1
    check_swap(swap, mask, CROP)
    with pytest.raises(SwapRejected, match=r"covers 0\.20"):
        check_swap(swap, np.full((128, 128), 0.2, np.float32), CROP)


def test_a_generator_of_open_size_is_refused(tmp_path: Path) -> None:
    identity = open_session(onnx_toys.save_identity(tmp_path / "identity.onnx"), 1)
    with pytest.raises(ModelCorrupt, match="target"):
        Generator(identity, open_session(onnx_toys.save_detector(tmp_path / "detector.onnx"), 1))
