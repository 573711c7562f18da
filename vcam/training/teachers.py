"""Frozen public nets run inside torch, so that losses can be differentiated through them.

Only what the teachers need is understood: plain convolutional nets (MobileFaceNet, SFace, FaceMesh, mini-Xception), of
ONNX or of TensorFlow.js.
A BatchNormalization that follows a Conv is folded into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from vcam.errors import BadInput, ModelMissing
from vcam.training.sloped_relu import sloped_relu
from vcam.training.tfjs import read_tfjs


class _Conv(nn.Module):
    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, strides: list[int], pads: list[int], groups: int):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.strides, self.pads, self.groups = strides, pads, groups

    def forward(self, x: Tensor) -> Tensor:
        top, left, bottom, right = self.pads
        if (top, left) != (bottom, right):
            x = functional.pad(x, [left, right, top, bottom])
            top, left = 0, 0
        return functional.conv2d(
            x.to(self.weight.dtype), self.weight, self.bias, self.strides, [top, left], 1, self.groups
        )


class _Scale(nn.Module):
    """x * gain + offset, per channel (an inference BatchNormalization, or a constant Sub / Mul)."""

    gain: Tensor
    offset: Tensor

    def __init__(self, gain: Tensor, offset: Tensor):
        super().__init__()
        self.register_buffer("gain", gain)
        self.register_buffer("offset", offset)

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (x.dim() - 2)
        return x * self.gain.view(shape) + self.offset.view(shape)


class _Prelu(nn.Module):
    slope: Tensor

    def __init__(self, slope: Tensor):
        super().__init__()
        self.register_buffer("slope", slope)

    def forward(self, x: Tensor) -> Tensor:
        return sloped_relu(x.to(self.slope.dtype), self.slope)


class _Dense(nn.Module):
    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.flatten(1).float(), self.weight, self.bias)


class _MaxPool(nn.Module):
    def __init__(self, kernel: list[int], strides: list[int], pads: list[int]):
        super().__init__()
        self.kernel, self.strides, self.pads = kernel, strides, pads

    def forward(self, x: Tensor) -> Tensor:
        top, left, bottom, right = self.pads
        if any(self.pads):
            x = functional.pad(x, [left, right, top, bottom], value=-torch.inf)
        return functional.max_pool2d(x, self.kernel, self.strides)


class _Clamp(nn.Module):
    def __init__(self, least: float, most: float):
        super().__init__()
        self.least, self.most = least, most

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(self.least, self.most)


class _Add(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


Weights = dict[str, Tensor]
Attributes = dict[str, Any]


def _conv(weights: Weights, inputs: list[str], attributes: Attributes) -> nn.Module:
    weight = weights[inputs[1]]
    bias = weights[inputs[2]] if len(inputs) > 2 else torch.zeros(len(weight))
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    return _Conv(weight, bias, list(attributes.get("strides", [1, 1])), pads, attributes.get("group", 1))


def _batch_norm(weights: Weights, inputs: list[str], attributes: Attributes) -> nn.Module:
    gain, offset, mean, variance = (weights[name] for name in inputs[1:5])
    scale = gain / torch.sqrt(variance + attributes.get("epsilon", 1e-5))
    return _Scale(scale, offset - mean * scale)


def _dense(weights: Weights, inputs: list[str], attributes: Attributes) -> nn.Module:
    weight = weights[inputs[1]]
    return _Dense(weight if attributes.get("transB", 0) else weight.T.contiguous(), weights[inputs[2]])


def _pad_channels(_: Weights, __: list[str], attributes: Attributes) -> nn.Module:
    pads = attributes["pads"]
    return nn.ConstantPad3d((pads[3], pads[7], pads[2], pads[6], pads[1], pads[5]), 0.0)


_BUILDERS: dict[str, Callable[[Weights, list[str], Attributes], nn.Module]] = {
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "PRelu": lambda w, i, _: _Prelu(w[i[1]].reshape(1, -1, 1, 1)),
    "Sub": lambda w, i, _: _Scale(torch.ones(1), -w[i[1]].reshape(-1)),
    "Mul": lambda w, i, _: _Scale(w[i[1]].reshape(-1), torch.zeros(1)),
    "Add": lambda w, i, _: _Scale(torch.ones(1), w[i[1]].reshape(-1)) if i[1] in w else _Add(),
    "Min": lambda w, i, _: _Clamp(-torch.inf, float(w[i[1]])),
    "Max": lambda w, i, _: _Clamp(float(w[i[1]]), torch.inf),
    "Gemm": _dense,
    "MaxPool": lambda _, __, a: _MaxPool(a["kernel_shape"], a["strides"], a.get("pads", [0, 0, 0, 0])),
    "Relu": lambda _, __, ___: nn.ReLU(),
    "GlobalAveragePool": lambda _, __, ___: nn.AdaptiveAvgPool2d(1),
    "Pad": _pad_channels,
    "Dropout": lambda _, __, ___: nn.Identity(),
    "Flatten": lambda _, __, ___: nn.Identity(),
    "Reshape": lambda _, __, ___: nn.Identity(),
    "Transpose": lambda _, __, ___: nn.Identity(),  # NHWC input: we feed NCHW
}


@dataclass(frozen=True, slots=True)
class _Step:
    inputs: tuple[str, ...]
    output: str
    module: nn.Module


class Teacher(nn.Module):
    """A frozen net of an ONNX file, or of a TensorFlow.js ``.json`` and its weights.

    Attributes:
        sums: names of the outputs of its Add nodes, in order: the residual stages, for feature losses.
    """

    def __init__(self, path: Path, output: str | None = None):
        """Read the net.

        Args:
            path: of its file.
            output: name of the value that is wanted of a TensorFlow.js net, by default the last.

        Raises:
            ModelMissing: there is no such file.
            BadInput: the net has a node that is not understood.
        """
        super().__init__()
        graph = (read_tfjs(path, output) if path.suffix == ".json" else _read_onnx(path)).graph
        weights = {t.name: torch.from_numpy(np.array(numpy_helper.to_array(t))) for t in graph.initializer}
        self._input = next(i.name for i in graph.input if i.name not in weights)
        self._output = graph.output[0].name
        steps = []
        for node in graph.node:
            if node.op_type not in _BUILDERS:
                raise BadInput(f"the teacher net {path.name} has a {node.op_type} node, which is not understood")
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            module = _BUILDERS[node.op_type](weights, list(node.input), attributes)
            data_inputs = tuple(name for name in node.input if name not in weights)
            steps.append(_Step(data_inputs, node.output[0], module))
        self._steps = _fold_scales(steps)
        self._modules_in_order = nn.ModuleList(step.module for step in self._steps)
        self.sums = [step.output for step in self._steps if isinstance(step.module, _Add)]
        self.requires_grad_(False).eval()

    def rounded(self) -> Self:
        """The same net with most of its arithmetic in bfloat16: with matrix units twice as fast, there and back.

        Strided depthwise convolutions, whose way back is slow in bfloat16, and linear layers stay float32.
        """
        for module in self._modules_in_order:
            strided = isinstance(module, _Conv) and module.groups > 1 and max(module.strides) > 1
            if isinstance(module, _Conv | _Prelu) and not strided:
                module.bfloat16()
        return self

    def forward(self, x: Tensor, features: tuple[str, ...] = ()) -> tuple[Tensor, list[Tensor]]:
        """The flattened output, and the named inner values; both float32.

        Args:
            x: float32 (B, 3, H, W) in the teacher's own range and colour order.
            features: names out of ``sums``.
        """
        values = {self._input: x}
        with torch.autocast(x.device.type, enabled=False):
            for step in self._steps:
                values[step.output] = step.module(*(values[name] for name in step.inputs))
        return values[self._output].flatten(1).float(), [values[name].float() for name in features]


def _read_onnx(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise ModelMissing(f"the teacher net {path} is not there: give the data folder that holds teachers/")
    return onnx.load(str(path))


def _fold_scales(steps: list[_Step]) -> list[_Step]:
    """Fold every per-channel scale that alone follows a convolution into that convolution."""
    uses = Counter(name for step in steps for name in step.inputs)
    folded: list[_Step] = []
    for step in steps:
        before = folded[-1] if folded else None
        if (
            isinstance(step.module, _Scale)
            and before is not None
            and isinstance(before.module, _Conv)
            and step.inputs == (before.output,)
            and uses[before.output] == 1
        ):
            conv, scale = before.module, step.module
            weight = conv.weight * scale.gain.view(-1, 1, 1, 1)
            bias = conv.bias * scale.gain + scale.offset
            folded[-1] = _Step(before.inputs, step.output, _Conv(weight, bias, conv.strides, conv.pads, conv.groups))
        else:
            folded.append(step)
    return folded
