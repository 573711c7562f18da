"""``facewarp export``: a trained network in the form that ships."""

from __future__ import annotations

import argparse
from pathlib import Path

from vcam.cli.arguments import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    from vcam.training.options import NETS

    parser = subparsers.add_parser(
        "export",
        help="put a trained network into a pack",
        description="Write a checkpoint as ONNX, its weights as float16, and enter it in the pack's list with its "
        "SHA-256. What ships is the running mean of the weights.",
    )
    parser.add_argument("net", choices=tuple(NETS), metavar="NET", help=", ".join(NETS))
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="as facewarp train leaves it")
    parser.add_argument(
        "--models", type=Path, default=Path("models"), metavar="DIR", help="folder of the pack (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export one network; 0 when it is written.

    Raises:
        VcamError: torch is missing, the checkpoint is of no use, or the folder cannot be written.
    """
    from vcam.training import require_torch

    require_torch()
    from vcam.training.export_small import export_net

    for path in export_net(arguments.net, arguments.checkpoint, arguments.models):
        print(f"written: {path} ({path.stat().st_size:,} bytes)")
    if arguments.net == "embedder":
        print(
            "Its details are empty until they are read off the training faces, in closed form: "
            f"python -m vcam.training.details --cache CACHE --models {arguments.models}"
        )
    return 0
