"""The trained generator as ONNX: one graph for the identity, one for every frame.

    python -m vcam.training.export CHECKPOINT --models models

Weights are stored as float16 and cast when the session is made, so files are half as large and the
arithmetic stays float32.
"""

from __future__ import annotations

import argparse
import copy
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from vcam.training.cpu_forms import with_cpu_forms
from vcam.training.data import LARGE
from vcam.training.identity_space import DIMENSIONS, nobodies
from vcam.training.loop import load_mean, read_checkpoint
from vcam.training.networks import WEARER_SHARE, AadGenerator, AeiNet, AeiNetSettings, IdentityStyle, mask_of
from vcam.training.pack import register, write_atomically

OPSET = 17
EMPHASIS = 0.92  # of an identity, against the mean of many: what is worn weaker keeps more of the expression
NOBODIES = 4000  # random identities, whose mean style is taken for the mean of people
_HALVED_FROM = 256  # smaller tensors stay float32: nothing is gained


class _FrameGraph(nn.Module):
    """The generator with its mask as a probability."""

    def __init__(self, generator: AadGenerator):
        super().__init__()
        self.generator = generator

    def forward(self, target: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Target (1, 3, S, S), style (1, K) -> swap (1, 3, S, S) in -1..1, mask (1, 1, S, S) in 0..1."""
        swap, mask_logit = self.generator(target, style)
        return swap, mask_of(mask_logit)


class _IdentityGraph(nn.Module):
    """What depends on a face's identity: as the one that is worn, and as the one that wears it."""

    def __init__(self, identity: IdentityStyle):
        super().__init__()
        self.net = copy.deepcopy(identity)
        self.net.fold()
        with torch.no_grad():
            self.register_buffer("common", identity.styles(identity.common()))

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (1, 512) of unit length -> style and away, each (1, K)."""
        style = self.net(embedding)
        return style, WEARER_SHARE * (style - self.common)


def to_onnx(
    module: nn.Module,
    inputs: dict[str, Tensor],
    outputs: tuple[str, ...],
    dynamic: dict[str, dict[int, str]] | None = None,
) -> onnx.ModelProto:
    """Trace a module in evaluation mode into a checked ONNX graph; ``dynamic`` names sides that are not fixed."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the tracing exporter: its graphs are the plain ones
        warnings.filterwarnings("ignore", "Constant folding")  # of the paddings, which it leaves as they are
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            buffer,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model)
    return model


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large weights are stored as float16, each followed by a cast back to float32."""
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _HALVED_FROM:
            continue
        name = tensor.name
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(halved)
    return halved


def as_shipped(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A float32 graph in the form that ships: nodes that the CPU likes, large weights as float16."""
    return store_half(with_cpu_forms(graph))


def generator_graphs(net: AeiNet) -> dict[str, onnx.ModelProto]:
    """The two float32 graphs of a generator.

    Returns:
        ``identity``: embedding (1, 512) -> style (1, K), and away (1, K), what a style loses where this face wears it;
        ``generator``: target (1, 3, 256, 256), style (1, K) -> swap, mask.
    """
    embedding = torch.nn.functional.normalize(torch.ones(1, DIMENSIONS))
    identity = to_onnx(_IdentityGraph(net.identity), {"embedding": embedding}, ("style", "away"))
    with torch.no_grad():
        style = net.identity(embedding)
    inputs = {"target": torch.zeros(1, 3, LARGE, LARGE), "style": style}
    return {"identity": identity, "generator": to_onnx(_FrameGraph(net.generator), inputs, ("swap", "mask"))}


def export_generator(net: AeiNet, models_dir: Path) -> list[Path]:
    """Write ``identity.onnx`` and ``generator.onnx`` in the form that ships and enter them in the pack's list."""
    models_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for name, graph in generator_graphs(net).items():
        written.append(models_dir / f"{name}.onnx")
        write_atomically(written[-1], as_shipped(graph).SerializeToString())
        register(models_dir, name, written[-1].name)
    return written


def load_generator(checkpoint: Path, emphasis: float = EMPHASIS) -> AeiNet:
    """The running mean of a generator's checkpoint, ready for measuring or export.

    Args:
        checkpoint: what the training has written; the net has identity layers as wide as its.
        emphasis: how strongly it wears what is particular about a face; 1 = as trained.

    Raises:
        BadInput: it is not there, or belongs to another net.
    """
    net = load_mean(checkpoint, AeiNet(_settings_of(checkpoint)))
    assert isinstance(net, AeiNet)
    net.identity.emphasise(emphasis, torch.from_numpy(nobodies(NOBODIES)))
    return net


def _settings_of(checkpoint: Path) -> AeiNetSettings:
    if not checkpoint.is_file():
        return AeiNetSettings()  # what follows says that it is not there
    first = read_checkpoint(checkpoint)["mean"].get("identity.mapping.0.bias")
    return AeiNetSettings() if first is None else AeiNetSettings(identity_channels=len(first))


def main(argv: Sequence[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--models", type=Path, required=True, help="folder of the pack")
    options = parser.parse_args(argv)
    export_generator(load_generator(options.checkpoint), options.models)


if __name__ == "__main__":
    main()
