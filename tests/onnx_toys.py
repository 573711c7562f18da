"""Tiny real ONNX graphs with the interfaces of the pack, run by the real ONNX Runtime.

Each ``save_*`` writes one file and returns its path. The "networks" do something simple that a test can follow:
the toy detector finds bright blocks, the toy landmark net follows the brightest mass of its crop, the toy
generator tints the target.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


def save_graph(path: Path, nodes: list, inputs: dict, outputs: dict, constants: dict[str, NDArray]) -> Path:
    """Write a graph. ``inputs`` and ``outputs`` map names to shapes."""
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def save_detector(path: Path, stride: int = 8, face_px: float = 40.0) -> Path:
    """Every cell of ``stride`` px whose mean is bright is a face of ``face_px`` px round the cell's centre."""
    points = np.array([-0.2, -0.15, 0.2, -0.15, 0.0, 0.05, -0.15, 0.25, 0.15, 0.25], np.float32) * face_px
    corners = np.array([-0.5, -0.5, 0.5, 0.5], np.float32) * face_px
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["cells"], kernel_shape=[stride] * 2, strides=[stride] * 2),
        helper.make_node("Shape", ["cells"], ["cells_shape"]),
        helper.make_node("Relu", ["cells"], ["positive"]),
        helper.make_node("Reshape", ["positive", "flat"], ["scores"]),
        helper.make_node("ConstantOfShape", ["cells_shape"], ["ones"], value=_tensor(np.array([True]))),
        helper.make_node("NonZero", ["ones"], ["at"]),  # (4, cells): batch, channel, row, column
        helper.make_node("Gather", ["at", "xy_rows"], ["at_xy"], axis=0),
        helper.make_node("Cast", ["at_xy"], ["at_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["at_float"], ["xy"], perm=[1, 0]),
        helper.make_node("Mul", ["xy", "stride"], ["origin"]),
        helper.make_node("Add", ["origin", "half"], ["centre"]),
        helper.make_node("Tile", ["centre", "twice"], ["centre2"]),
        helper.make_node("Add", ["centre2", "corners"], ["flat_boxes"]),
        helper.make_node("Unsqueeze", ["flat_boxes", "first"], ["boxes"]),
        helper.make_node("Tile", ["centre", "five"], ["centre5"]),
        helper.make_node("Add", ["centre5", "points"], ["flat_points"]),
        helper.make_node("Unsqueeze", ["flat_points", "first"], ["landmarks"]),
    ]
    constants = {
        "flat": np.array([1, -1], np.int64), "xy_rows": np.array([3, 2], np.int64),
        "stride": np.array(float(stride), np.float32), "half": np.array(stride / 2 - 0.5, np.float32),
        "twice": np.array([1, 2], np.int64), "five": np.array([1, 5], np.int64), "first": np.array([0], np.int64),
        "corners": corners, "points": points,
    }  # fmt: skip
    outputs = {"scores": [1, None], "boxes": [1, None, 4], "landmarks": [1, None, 10]}
    return save_graph(path, nodes, {"image": [1, 3, None, None]}, outputs, constants)


def save_landmarks(path: Path, shape: NDArray, side: int = 128) -> Path:
    """``shape`` (157, 2) in crop px, moved by the offset of the crop's brightness from its centre.

    Visibility is 1 in a crop with something bright in it, 0 in a black one.
    """
    ramp = np.arange(side, dtype=np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["crop"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Add", ["grey", "one"], ["light"]),
        helper.make_node("Mul", ["light", "light"], ["mass"]),
        helper.make_node("ReduceSum", ["mass", "space"], ["total_raw"], keepdims=0),
        helper.make_node("Add", ["total_raw", "small"], ["total"]),
        helper.make_node("Mul", ["mass", "ramp_x"], ["mass_x"]),
        helper.make_node("Mul", ["mass", "ramp_y"], ["mass_y"]),
        helper.make_node("ReduceSum", ["mass_x", "space"], ["sum_x"], keepdims=0),
        helper.make_node("ReduceSum", ["mass_y", "space"], ["sum_y"], keepdims=0),
        helper.make_node("Concat", ["sum_x", "sum_y"], ["sums"], axis=1),
        helper.make_node("Div", ["sums", "total"], ["mean_xy"]),
        helper.make_node("Sub", ["mean_xy", "middle"], ["offset"]),
        helper.make_node("Add", ["shape", "offset"], ["landmarks"]),
        helper.make_node("Identity", ["no_pose"], ["pose"]),
        helper.make_node("Mul", ["total_raw", "steep"], ["much"]),
        helper.make_node("Clip", ["much", "zero", "one_scalar"], ["visibility"]),
    ]
    constants = {
        "one": np.ones((1, 1, 1, 1), np.float32), "space": np.array([2, 3], np.int64),
        "small": np.array(1e-6, np.float32), "ramp_x": ramp[None, None, None, :], "ramp_y": ramp[None, None, :, None],
        "middle": np.array((side - 1) / 2, np.float32), "shape": np.asarray(shape, np.float32)[None],
        "no_pose": np.zeros((1, 3), np.float32), "steep": np.array(0.01, np.float32),
        "zero": np.array(0.0, np.float32), "one_scalar": np.array(1.0, np.float32),
    }  # fmt: skip
    outputs = {"landmarks": [1, len(shape), 2], "pose": [1, 3], "visibility": [1, 1]}
    return save_graph(path, nodes, {"crop": [1, 3, side, side]}, outputs, constants)


def save_embedder(path: Path, side: int = 112) -> Path:
    """A fixed random projection of the crop, shrunk to 7 x 7 px, to 512 numbers."""
    weights = np.random.default_rng(7).standard_normal((3 * 7 * 7, 512)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["crop"], ["small"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["small"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["embedding"]),
    ]
    return save_graph(path, nodes, {"crop": [1, 3, side, side]}, {"embedding": [1, 512]}, {"weights": weights})


def save_regions(path: Path, side: int = 128, count: int = 9, least: float = 0.0) -> Path:
    """Pixels brighter than ``least`` (-1..1) are skin (class 1), the others background (class 0)."""
    logits = np.zeros((count, 3, 1, 1), np.float32)
    logits[1] = 10.0
    logits[0] = -10.0
    nodes = [
        helper.make_node("Conv", ["crop", "logits", "bias"], ["raw"]),
        helper.make_node("Softmax", ["raw"], ["regions"], axis=1),
    ]
    return save_graph(
        path, nodes, {"crop": [1, 3, side, side]}, {"regions": [1, count, side, side]},
        {"logits": logits, "bias": -3 * least * logits[:, 0, 0, 0]},
    )  # fmt: skip


def save_identity(path: Path, style_size: int = 48, away: float | None = None) -> Path:
    """The style is the first numbers of the embedding, and what a wearer takes of it is a share of them, if given."""
    nodes = [helper.make_node("Slice", ["embedding", "start", "stop", "axis"], ["style"])]
    constants = {
        "start": np.array([0], np.int64), "stop": np.array([style_size], np.int64), "axis": np.array([1], np.int64),
    }  # fmt: skip
    outputs = {"style": [1, style_size]}
    if away is not None:
        nodes.append(helper.make_node("Mul", ["style", "share"], ["away"]))
        constants["share"] = np.array(away, np.float32)
        outputs["away"] = [1, style_size]
    return save_graph(path, nodes, {"embedding": [1, 512]}, outputs, constants)


def save_generator(path: Path, size: int = 128, style_size: int = 48, fault: str = "") -> Path:
    """The target with the colour order turned and dimmed, and a round mask; or one of the faults that are caught.

    Args:
        path: where to write.
        size: side of the crop in px.
        style_size: length of the style.
        fault: "", "nan", "constant", "black", "empty" (mask) or "same" (the target given back).
    """
    rows, columns = np.mgrid[:size, :size] / (size - 1) - 0.5
    mask = np.clip((0.42 - np.hypot(rows, columns)) / 0.06, 0, 1).astype(np.float32)[None, None]
    gains = {"nan": np.nan, "constant": 0.0, "black": 0.0, "same": 1.0}
    offset = {"constant": 0.3, "black": -1.0}.get(fault, 0.0)
    nodes = [
        helper.make_node("Gather", ["target", "order"], ["turned"], axis=1),
        helper.make_node("Mul", ["turned", "gain"], ["dimmed"]),
        helper.make_node("ReduceMean", ["style"], ["style_mean"], keepdims=0),
        helper.make_node("Mul", ["style_mean", "little"], ["tint"]),
        helper.make_node("Add", ["offset", "tint"], ["shift"]),
        helper.make_node("Add", ["dimmed", "shift"], ["swap"]),
        helper.make_node("Identity", ["mask_value"], ["mask"]),
    ]
    constants = {
        "order": np.array([0, 1, 2] if fault == "same" else [2, 1, 0], np.int64),
        "gain": np.array(gains.get(fault, 0.8), np.float32), "offset": np.array(offset, np.float32),
        "little": np.array(0.0 if fault else 0.2, np.float32),
        "mask_value": mask * (0.0 if fault == "empty" else 1.0),
    }  # fmt: skip
    inputs = {"target": [1, 3, size, size], "style": [1, style_size]}
    return save_graph(path, nodes, inputs, {"swap": [1, 3, size, size], "mask": [1, 1, size, size]}, constants)


def _tensor(value: NDArray) -> onnx.TensorProto:
    return numpy_helper.from_array(value)
