"""Going on from the weights that ship: an exported graph read back into a net that can be trained.

A checkpoint holds more (optimiser, running means), but it stays on the machine that made it; the pack is
in everybody's hands. Convolutions whose batch norm was folded at export get a batch norm again that
leaves the function as it is: its statistics are measured on a batch, gain and bias undo them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from vcam.errors import BadInput, ModelMissing

Run = Callable[[nn.Module], object]


def warm_start(net: nn.Module, path: Path, run: Run, *, prefix: str = "net.") -> None:
    """Fill a net with the weights of an exported graph.

    Args:
        net: changed in place; left in training mode.
        path: an ONNX file that ``export`` or ``export_small`` made of the same architecture, but that its linear layers
            may have been narrower.
        run: puts a batch of real inputs through the net it is given; called twice.
        prefix: what the exporter's wrapper puts before the net's parameter names.

    Raises:
        ModelMissing: there is no such file.
        BadInput: its weights do not fit the net.
    """
    if not path.is_file():
        raise ModelMissing(f"there is no net at {path} to go on from; train from the beginning instead")
    graph = onnx.load(str(path)).graph
    tensors = {t.name.removesuffix("_half"): _tensor(t) for t in graph.initializer}
    state = net.state_dict()
    named = {name.removeprefix(prefix): value for name, value in tensors.items()}
    named = {name: grown(value, state[name]) for name, value in named.items() if name in state}
    convs = [n for n in graph.node if n.op_type == "Conv" and len(n.input) == 3]  # without a bias: a fixed enlargement
    stored = _stored_under(graph)
    parameters = [[stored[name] for name in node.input[1:] if name in stored] for node in convs]
    folded = [
        [tensors[n] for n in names] for names in parameters if names and names[0].removeprefix(prefix) not in named
    ]
    pairs = [(conv, norm) for conv, norm in _folded_pairs(net, run) if f"{_name_of(net, conv)}.weight" not in named]
    try:
        if len(pairs) != len(folded):
            raise RuntimeError(f"{len(folded)} folded convolutions for {len(pairs)} places")
        net.load_state_dict(state | named)
        offsets = {}
        with torch.no_grad():
            for (conv, norm), (weight, bias) in zip(pairs, folded, strict=True):
                if conv.weight.shape != weight.shape:
                    raise RuntimeError(f"{tuple(weight.shape)} does not fit {tuple(conv.weight.shape)}")
                conv.weight.copy_(weight)
                if conv.bias is not None:
                    conv.bias.copy_(bias)
                offsets[norm] = bias if conv.bias is None else torch.zeros_like(bias)
    except RuntimeError as error:
        raise BadInput(f"{path} holds the weights of another architecture: {error}") from error
    _measure_norms(net, offsets, run)
    net.train()


def frozen(net: nn.Module, path: Path, inputs: Tensor) -> nn.Module:
    """A net with the weights of an exported graph, in evaluation mode and without gradients of its own.

    Args:
        net: changed in place.
        path: an ONNX file that ``export_small`` made of the same architecture.
        inputs: of the right shape; what they hold does not matter.

    Raises:
        ModelMissing, BadInput: as ``warm_start``.
    """
    noise = torch.rand(inputs.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    warm_start(net, path, lambda model: model(noise))
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def grown(narrow: Tensor, wide: Tensor) -> Tensor:
    """The weights of a linear layer, or its bias, in the place of a wider one (Chen et al., "Net2Net", 2016).

    New outputs keep what they have, but nothing that was there before listens to new inputs: where all layers of a
    chain are widened like this, the function is the same.

    Args:
        narrow: (A, B) or (A,).
        wide: as many dimensions; returned in part, and not changed. Other tensors come back as they are.
    """
    if narrow.dim() != wide.dim() or narrow.dim() > 2 or narrow.shape == wide.shape:
        return narrow
    if any(a > b for a, b in zip(narrow.shape, wide.shape, strict=True)):
        return narrow
    result = wide.clone()
    result[: len(narrow)] = 0
    result[tuple(slice(0, size) for size in narrow.shape)] = narrow
    return result


def _stored_under(graph: onnx.GraphProto) -> dict[str, str]:
    """For each value that is a parameter, cast, moved or split (``cpu_forms``), the name under which it is stored."""
    stored = {tensor.name: tensor.name.removesuffix("_half") for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Reshape", "Transpose", "Split") and node.input[0] in stored:
            stored |= dict.fromkeys(node.output, stored[node.input[0]])
    return stored


def _tensor(stored: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(stored).copy()).float()


def _name_of(net: nn.Module, module: nn.Module) -> str:
    return next(name for name, candidate in net.named_modules() if candidate is module)


def _folded_pairs(net: nn.Module, run: Run) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions whose output goes straight into a batch norm, in the order in which they run."""
    made_by: dict[int, nn.Conv2d] = {}
    kept_alive: list[Tensor] = []  # an address is only unique while its tensor lives
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def after_conv(module: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        made_by[id(output)] = module
        kept_alive.append(output)

    def before_norm(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        if id(inputs[0]) in made_by:
            pairs.append((made_by[id(inputs[0])], module))

    hooks = [m.register_forward_hook(after_conv) for m in net.modules() if isinstance(m, nn.Conv2d)]
    hooks += [m.register_forward_pre_hook(before_norm) for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        run(net.eval())
    for hook in hooks:
        hook.remove()
    return pairs


def _measure_norms(net: nn.Module, offsets: dict[nn.BatchNorm2d, Tensor], run: Run) -> None:
    """Set each norm so that it only adds its offset, with the statistics its input really has."""

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        assert module.running_mean is not None
        assert module.running_var is not None
        if not module.affine:  # folded into weights that already give mean 0 and variance 1
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)
            return
        variance, mean = torch.var_mean(inputs[0].float(), (0, 2, 3), correction=0)
        module.running_mean.copy_(mean)
        module.running_var.copy_(variance)
        module.weight.copy_((variance + module.eps).sqrt())
        module.bias.copy_(offsets[module] + mean)

    hooks = [norm.register_forward_pre_hook(before) for norm in offsets]
    with torch.no_grad():
        run(net.eval())
    for hook in hooks:
        hook.remove()
