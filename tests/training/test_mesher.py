"""FaceMesh asked several times, on a toy net that gives every pixel it is asked for back as a point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.train
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from vcam import topology  # noqa: E402
from vcam.training.mesher import MESH_POINTS, MESH_SIZE, Mesher, join_looks, to_side, twins  # noqa: E402


def save_bright_spot_finder(folder: Path) -> None:
    """A net whose 468 points all lie at the centre of brightness: of the picture's x, y sums over its sum."""
    rows, columns = np.mgrid[0:MESH_SIZE, 0:MESH_SIZE].astype(np.float32)
    weights = np.stack([columns, rows, rows * 0, rows * 0 + 1])[:, None]  # (4, 1, 192, 192)
    arrays = {
        "w": np.repeat(weights / 3, 3, 1),
        "first": np.array([0, 0, 0, 0]),
        "middle": np.array([0, 3, 0, 0]),
        "last": np.array([1, 4, 1, 1]),
        "end": np.array([1, 3, 1, 1]),
        "many": np.array([MESH_POINTS, 1, 1, 1]),
        "shape": np.array([1, 1, 1, 3 * MESH_POINTS]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["sums"], kernel_shape=[MESH_SIZE, MESH_SIZE]),
        helper.make_node("Slice", ["sums", "first", "end"], ["moments"]),
        helper.make_node("Slice", ["sums", "middle", "last"], ["sum"]),
        helper.make_node("Div", ["moments", "sum"], ["place"]),
        helper.make_node("Tile", ["place", "many"], ["places"]),
        helper.make_node("Reshape", ["places", "shape"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, MESH_SIZE, MESH_SIZE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "toy", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "FaceMesh.onnx"))


def test_every_look_is_brought_back_to_the_crop(tmp_path: Path) -> None:
    save_bright_spot_finder(tmp_path)
    crop = np.zeros((MESH_SIZE, MESH_SIZE, 3), np.uint8)
    crop[58:63, 120:127] = 255
    plain, mirrored = Mesher(tmp_path).looks(crop)
    for points in (plain, mirrored):
        np.testing.assert_allclose(points[:, :2], np.tile([[123, 60]], (MESH_POINTS, 1)), atol=0.1)


def test_a_mirrored_look_gives_each_point_its_twins_place() -> None:
    rng = np.random.default_rng(0)
    face = rng.uniform(20, 170, (1, MESH_POINTS, 3)).astype(np.float32)
    known = np.array(topology.MESH)
    mirrored = face.copy()
    mirrored[:, known[topology.mirrored_order()]] = face[:, known]
    joined = join_looks(face, mirrored)
    np.testing.assert_allclose(joined[:, known], face[:, known], atol=1e-4)


def test_twins_are_mutual_where_they_are_known() -> None:
    face = np.random.default_rng(0).uniform(20, 170, (3, MESH_POINTS, 3)).astype(np.float32)
    twin, known = twins(face), np.array(topology.MESH)
    assert np.array_equal(twin[twin[known]], known)


def test_a_pixels_middle_stays_its_middle() -> None:
    middle = np.full((1, 1, 3), (MESH_SIZE - 1) / 2, np.float32)
    np.testing.assert_allclose(to_side(middle, 128)[0, 0], [63.5, 63.5, 95.5 * 128 / 192])
