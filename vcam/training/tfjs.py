"""Public TensorFlow.js graph models read as ONNX, so that the same code runs them as any other net.

Only what plain convolutional nets need is understood. TensorFlow.js keeps a net as ``NAME.json`` (the graph)
beside ``NAME.bin`` (its weights, one after another), channels last; here everything is channels first.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vcam.errors import BadInput, ModelMissing

_OPSET = 17
_CONVOLUTIONS = ("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative")
_SAME_MEANING = {
    "Relu": "Relu",
    "Minimum": "Min",
    "Maximum": "Max",
    "Mul": "Mul",
    "Add": "Add",
    "AddV2": "Add",
    "Mean": "GlobalAveragePool",
}
_LEFT_OUT = ("Identity", "Softmax")  # what comes before a softmax is what losses want

Node = dict[str, Any]


def read_tfjs(path: Path, output: str | None = None) -> onnx.ModelProto:
    """Read a graph model of one input; a final softmax is left out.

    Args:
        path: of its ``.json``; the weights lie beside it.
        output: name of the node whose value is wanted, by default the last.

    Raises:
        ModelMissing: a file is not there.
        BadInput: it is no such model, or has a node that is not understood.
    """
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))
        nodes: list[Node] = graph["modelTopology"]["node"]
        return _Reader(path.name, nodes, _read_weights(path, graph["weightsManifest"])).model(output)
    except FileNotFoundError as error:
        raise ModelMissing(f"{error.filename} is not there: a TensorFlow.js model is a .json and its .bin") from error
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(f"{path} is not a TensorFlow.js graph model that can be read: {error!r}") from error


def _read_weights(path: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    weights = {}
    for group in manifest:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        start = 0
        for entry in group["weights"]:
            dtype = np.dtype(entry.get("quantization", entry)["dtype"])  # as stored
            count = int(np.prod(entry["shape"], dtype=np.int64))
            stored = np.frombuffer(data, dtype, count, start).reshape(entry["shape"])
            weights[entry["name"]] = stored.astype(entry["dtype"])
            start += count * dtype.itemsize
    return weights


class _Reader:
    """The nodes of one graph turned into those of another, each after those it needs."""

    def __init__(self, name: str, nodes: list[Node], weights: dict[str, NDArray[Any]]):
        self._name = name
        self._nodes = {node["name"]: node for node in nodes}
        self._weights = weights
        self._values: dict[str, str] = {}  # name of a node -> name of its value here
        self._sides: dict[str, list[int]] = {}  # height and width of a value
        self._made: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def model(self, wanted: str | None) -> onnx.ModelProto:
        output = self._value(wanted or next(reversed(self._nodes)))
        source = next(node for node in self._nodes.values() if node["op"] == "Placeholder")
        height, width, channels = _shape(source)
        graph = helper.make_graph(
            self._made,
            self._name,
            [helper.make_tensor_value_info(source["name"], TensorProto.FLOAT, ["n", channels, height, width])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", None, None, None])],
            self._constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)

    def _value(self, name: str) -> str:
        if name not in self._values:
            self._values[name] = self._make(self._nodes[name])
        return self._values[name]

    def _make(self, node: Node) -> str:
        op, name = node["op"], node["name"]
        if op == "Placeholder":
            self._sides[name] = _shape(node)[:2]
            return str(name)
        if op in _LEFT_OUT:
            return self._value(node["input"][0])
        if op in _CONVOLUTIONS:
            return self._convolution(node, self._value(node["input"][0]))
        if op == "MaxPool":
            before, kernel = self._value(node["input"][0]), _pair(node, "ksize")
            return self._add("MaxPool", name, [before], kernel_shape=kernel, **self._slid(node, before, kernel))
        if op in _SAME_MEANING:
            inputs = node["input"][:1] if op == "Mean" else node["input"]  # the axes are always those of the picture
            return self._add(_SAME_MEANING[op], name, [self._operand(one) for one in inputs])
        raise BadInput(f"{self._name} has a {op} node, which is not understood")

    def _operand(self, name: str) -> str:
        """A value, or a number or one number for each channel."""
        if name not in self._weights:
            return self._value(name)
        return self._constant(name, self._weights[name].reshape(-1, 1, 1))

    def _convolution(self, node: Node, before: str) -> str:
        name, kernel = node["name"], self._weights[node["input"][1]]  # (height, width, in, out or 1)
        depthwise = node["op"].startswith("Depthwise")
        weight = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
        inputs = [before, self._constant(name + "/weight", weight)]
        fused = [base64.b64decode(one) for one in node["attr"].get("fused_ops", {"list": {"s": []}})["list"]["s"]]
        if b"BiasAdd" in fused:
            inputs.append(self._constant(name + "/bias", self._weights[node["input"][2]]))
        slid = self._slid(node, before, list(kernel.shape[:2]))
        made = self._add("Conv", name, inputs, group=kernel.shape[2] if depthwise else 1, **slid)
        return self._add("Relu", name + "/relu", [made]) if b"Relu" in fused else made

    def _slid(self, node: Node, before: str, kernel: list[int]) -> dict[str, list[int]]:
        """How a window moves: its strides, and the pads (top, left, bottom, right) that TensorFlow works out itself."""
        strides, padded = _pair(node, "strides"), base64.b64decode(node["attr"]["padding"]["s"]) == b"SAME"
        first, last, after = [], [], []
        for side, window, stride in zip(self._sides[before], kernel, strides, strict=True):
            made = -(-side // stride) if padded else (side - window) // stride + 1
            missing = max((made - 1) * stride + window - side, 0) if padded else 0
            first.append(missing // 2)
            last.append(missing - missing // 2)
            after.append(made)
        self._sides[node["name"]] = after
        return {"strides": strides, "pads": first + last}

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def _add(self, op: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self._sides.setdefault(name, self._sides[inputs[0]])
        self._made.append(helper.make_node(op, inputs, [name], **attributes))
        return name


def _shape(node: Node) -> list[int]:
    """Height, width and channels of an input."""
    return [int(side["size"]) for side in node["attr"]["shape"]["shape"]["dim"][1:]]


def _pair(node: Node, attribute: str) -> list[int]:
    return [int(side) for side in node["attr"][attribute]["list"]["i"][1:3]]
