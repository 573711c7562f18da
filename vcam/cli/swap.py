"""``facewarp swap``: put a face into a photo or a video file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vcam.cli.arguments import Subparsers, add_face, consent_from, notice
from vcam.config import Engine, PipelineSettings
from vcam.types import BadgeMode, Safe

if TYPE_CHECKING:
    from vcam.pipeline.files import SwapCounts, SwapJob


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "swap",
        help="swap the face in a photo or video file",
        description="Swap the face in a photo or a video; a video keeps its sound. A frame that cannot be swapped is "
        "held or blurred as in the live camera.",
    )
    parser.add_argument("input", type=Path, metavar="INPUT", help="photo or video")
    parser.add_argument(
        "output", type=Path, metavar="OUTPUT", help="photo (.png, .jpg, .webp) or video (.mp4, .mkv, .mov)"
    )
    add_face(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Swap one file; 0 when it is written.

    Raises:
        VcamError: a file, the face or the models cannot be used.
    """
    from tqdm import tqdm

    from vcam.daemon.library import read_face
    from vcam.pipeline.files import SwapJob, is_photo, swap_photo_file, swap_video_file

    job = SwapJob(
        arguments.input,
        arguments.output,
        read_face(arguments.face, arguments.models, notice, consent_from(arguments)),
        Safe(arguments.safe),
        PipelineSettings(Engine(arguments.engine), arguments.models),
        BadgeMode(arguments.badge),
    )

    if is_photo(arguments.input):
        print(f"written: {arguments.output} ({_signed(job, swap_photo_file(job))})")
        return 0
    with tqdm(unit=" frames", disable=None, file=sys.stderr, desc=arguments.input.name) as bar:

        def advance(total: int | None) -> None:
            bar.total = total
            bar.update()

        counts = swap_video_file(job, advance)
    what = f"{counts.swapped} of {counts.frames} frames swapped, {counts.safe} held or blurred"
    print(f"written: {arguments.output} ({what}; {_signed(job, counts)})")
    return 0


def _signed(job: SwapJob, counts: SwapCounts) -> str:
    """Sign the result; what came of that."""
    from vcam.daemon.signing import sign_written

    return sign_written(job.output, job.session, swapped=counts.swapped > 0, marked=counts.marked)
