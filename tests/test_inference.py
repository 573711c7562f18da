"""Networks by the real ONNX Runtime."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import onnx_toys
from vcam.errors import ModelCorrupt, ModelMissing, SwapError
from vcam.inference import CPU, open_session


def test_a_network_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    net = open_session(onnx_toys.save_generator(tmp_path / "generator.onnx"), threads=1)
    assert net.name == "generator"
    assert net.inputs == {"target": (1, 3, 128, 128), "style": (1, 48)}
    assert net.outputs == ("swap", "mask")
    found = net.run(target=np.zeros((1, 3, 128, 128), np.float32), style=np.zeros((1, 48), np.float32))
    assert found["swap"].shape == (1, 3, 128, 128)
    assert found["mask"].max() == 1


def test_open_dimensions_are_none(tmp_path: Path) -> None:
    net = open_session(onnx_toys.save_detector(tmp_path / "detector.onnx"), threads=1)
    assert net.inputs == {"image": (1, 3, None, None)}


@pytest.mark.parametrize("accelerators", [(), ("NoSuchProvider",), ("CUDAExecutionProvider",)])
def test_what_does_not_run_here_is_passed_over(tmp_path: Path, accelerators: tuple[str, ...]) -> None:
    net = open_session(onnx_toys.save_identity(tmp_path / "identity.onnx"), 1, accelerators)
    assert net.provider in (CPU, *accelerators)
    assert net.run(embedding=np.ones((1, 512), np.float32))["style"].shape == (1, 48)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"nothing\.onnx is missing"):
        open_session(tmp_path / "nothing.onnx")


@pytest.mark.parametrize("content", [b"", b"no network at all", b"\x08\x08" * 100])
def test_corrupt_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"broken\.onnx cannot be run"):
        open_session(path)


def test_truncated_network_is_corrupt(tmp_path: Path) -> None:
    path = onnx_toys.save_embedder(tmp_path / "embedder.onnx")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelCorrupt, match="embedder"):
        open_session(path)


def test_wrong_shape_is_a_swap_error_that_names_it(tmp_path: Path) -> None:
    net = open_session(onnx_toys.save_identity(tmp_path / "identity.onnx"), 1)
    with pytest.raises(SwapError, match=r"identity failed on .*\(1, 7\)"):
        net.run(embedding=np.zeros((1, 7), np.float32))
    with pytest.raises(SwapError, match="identity failed"):
        net.run(wrong_name=np.zeros((1, 512), np.float32))


def test_an_idle_network_costs_nothing(tmp_path: Path) -> None:
    """No thread spins after a run: ONNX Runtime's own default burns the second core for a while."""
    net = open_session(onnx_toys.save_regions(tmp_path / "regions.onnx"), threads=2)
    crop = np.zeros((1, 3, 128, 128), np.float32)
    net.run(crop=crop)
    began_cpu, began = time.process_time(), time.perf_counter()
    while time.perf_counter() - began < 0.2:
        time.sleep(0.02)
    assert time.process_time() - began_cpu < 0.05
