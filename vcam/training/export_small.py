"""The four small nets as ONNX, in the form that ships: batch norms folded, weights stored as float16.

``python -m vcam.training.export_small landmarks CHECKPOINT --models models``
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import nn

from vcam.errors import BadInput
from vcam.training.export import as_shipped, export_generator, load_generator, to_onnx
from vcam.training.loop import load_mean
from vcam.training.pack import register, write_atomically
from vcam.training.small_nets import (
    DetectorExport,
    DetectorNet,
    EmbedderExport,
    EmbedderNet,
    LandmarkExport,
    LandmarkNet,
    RegionsExport,
    RegionsNet,
)


@dataclass(frozen=True)
class SmallNet:
    """How one net is built, wrapped and traced."""

    build: Callable[[], nn.Module]
    wrap: Callable[..., nn.Module]
    input: str
    shape: tuple[int, ...]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]


_CELLS = {name: {1: "cells"} for name in ("scores", "boxes", "landmarks")}
SMALL_NETS: dict[str, SmallNet] = {
    "detector": SmallNet(
        DetectorNet, DetectorExport, "image", (1, 3, 192, 320), ("scores", "boxes", "landmarks"),
        {"image": {2: "height", 3: "width"}} | _CELLS,
    ),
    "landmarks": SmallNet(
        LandmarkNet, LandmarkExport, "crop", (1, 3, 128, 128), ("landmarks", "pose", "visibility"), {}
    ),
    "embedder": SmallNet(EmbedderNet, EmbedderExport, "crop", (1, 3, 112, 112), ("embedding",), {}),
    "regions": SmallNet(RegionsNet, RegionsExport, "crop", (1, 3, 128, 128), ("regions",), {}),
}  # fmt: skip


def graph_of(name: str, net: nn.Module) -> onnx.ModelProto:
    """The float32 graph of a net in evaluation mode."""
    row = SMALL_NETS[name]
    return to_onnx(row.wrap(net), {row.input: torch.zeros(row.shape)}, row.outputs, row.dynamic)


def export_small(name: str, net: nn.Module, models_dir: Path) -> Path:
    """Write ``NAME.onnx`` and enter it in the pack's list; returns its path."""
    models_dir.mkdir(parents=True, exist_ok=True)
    path = models_dir / f"{name}.onnx"
    write_atomically(path, as_shipped(graph_of(name, net)).SerializeToString())
    register(models_dir, name, path.name)
    return path


def export_net(name: str, checkpoint: Path, models_dir: Path) -> list[Path]:
    """Put any net of the pack there from its checkpoint; returns the files written.

    Args:
        name: a small net, or ``generator``, which is two files.
        checkpoint: as training leaves it.
        models_dir: folder of the pack; made if it is not there.

    Raises:
        BadInput: the checkpoint is not there or belongs to another net, or the folder cannot be written.
    """
    try:
        if name == "generator":
            return export_generator(load_generator(checkpoint), models_dir)
        return [export_small(name, load_mean(checkpoint, SMALL_NETS[name].build()), models_dir)]
    except OSError as error:
        raise BadInput(f"the pack in {models_dir} cannot be written: {error.strerror}") from error


def main() -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description="Export a small net into the pack.")
    parser.add_argument("name", choices=sorted(SMALL_NETS))
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--models", type=Path, required=True, help="folder of the pack")
    options = parser.parse_args()
    print(*export_net(options.name, options.checkpoint, options.models))


if __name__ == "__main__":
    main()
