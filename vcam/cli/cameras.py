"""``facewarp cameras``: which cameras there are. None is opened."""

from __future__ import annotations

import argparse

from vcam.cli.arguments import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("cameras", help="list the cameras", description="List the cameras; opens none.")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print a line for each camera."""
    from vcam.video.cameras import list_cameras

    cameras = list_cameras()
    for camera in cameras:
        print(f"{camera.name}\n    id {camera.id}  {camera.path}")
    if not cameras:
        print("No camera is connected. Plug one in, or use a video: facewarp run --camera FILE")
    return 0
