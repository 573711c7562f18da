"""``facewarp train``: train one of the networks of the pack."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from vcam.cli.arguments import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    from vcam.training.options import NETS, add_options

    parser = subparsers.add_parser(
        "train",
        help="train one of the networks",
        description="Train a network of the pack. The cache of faces is made first where it is missing. The run keeps "
        "a checkpoint every two minutes: stop it with Ctrl+C at any time and go on with --resume. Needs the extra "
        "'train': pip install 'facewarp-cam[train]'.",
        epilog="Then: facewarp export NET CHECKPOINT, and facewarp evaluate.",
    )
    parser.add_argument("net", choices=tuple(NETS), metavar="NET", help=", ".join(NETS))
    add_options(parser, data_required=True)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make what is missing of the cache, then train; 0 when the time is over.

    Raises:
        VcamError: torch, the data, a checkpoint, memory or disk is missing or of no use.
    """
    from vcam.training import require_torch

    require_torch()
    from vcam.training import loop
    from vcam.training.options import read_options

    options = read_options(arguments.net, arguments)
    loop.check_start(options)
    loop.prepare(options)
    net = import_module(f"vcam.training.{options.net}")
    assert options.data is not None
    fill_cache(options.data, options.cache, net.SETS)
    length = f"{options.steps} steps" if options.steps else f"{options.minutes:g} minutes"
    print(f"training the {options.net} for {length} on {loop.pick_device(options.device)}; log in {options.out}")
    net.run(options)
    print(f"trained: facewarp export {options.net} {options.out / 'checkpoint.pt'}")
    return 0


def fill_cache(data: Path, cache: Path, sets: Iterable[str]) -> None:
    """Cut and label the faces of those sets that the data folder has and the cache has not, with progress.

    Raises:
        VcamError: there is no index, teacher or readable picture, or too little memory or disk.
    """
    from tqdm import tqdm

    from vcam.training.data import cache_set, missing_sets

    for name, count in missing_sets(data, cache, sets).items():
        with tqdm(total=count, unit=" faces", disable=None, file=sys.stderr, desc=f"cache of {name}") as bar:
            skipped = cache_set(data, cache, name, bar.update)
        print(f"{name}: {count - skipped} faces cached, {skipped} unreadable pictures skipped", file=sys.stderr)
