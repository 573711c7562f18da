"""``facewarp demo``: the main job once, to look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vcam.cli.arguments import Subparsers
from vcam.config import Engine, PipelineSettings


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo",
        help="swap a face in a clip that comes with the program",
        description="Put built-in faces on a clip of nobody; leave a picture and a video. Needs no camera, no network.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), metavar="DIR", help="folder (default: %(default)s)"
    )
    parser.add_argument("--input", type=Path, metavar="VIDEO", help="another short clip, in place of ours")
    parser.add_argument(
        "--engine", choices=[e.value for e in Engine], default=Engine.AEI.value, help="see: facewarp run"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the picture and the video, and say where they are.

    Raises:
        VcamError: the clip or the models cannot be used, or the folder cannot be written.
    """
    from tqdm import tqdm

    from vcam.demo import run_demo

    with tqdm(unit=" frames", disable=None, file=sys.stderr, desc="demo") as bar:

        def advance(total: int) -> None:
            bar.total = total
            bar.update()

        settings = PipelineSettings(Engine(arguments.engine))
        result = run_demo(arguments.out, arguments.input, settings, advance)
    print(f"{result.swapped} of {result.frames} frames swapped, {result.fps:.0f} a second")
    print(f"picture: {result.picture.resolve()}")
    print(f"video:   {result.video.resolve()}")
    return 0
