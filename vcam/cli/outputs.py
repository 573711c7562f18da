"""``facewarp outputs``: where the picture can go on this system, and how to get what is missing."""

from __future__ import annotations

import argparse

from vcam.cli.arguments import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "outputs",
        help="list the virtual cameras",
        description="List the virtual cameras this system has, and could have.",
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print a line for each output, and how to get those that are missing."""
    from vcam.video.outputs import list_outputs

    for report in list_outputs():
        state = "available" if report.available else "not available"
        chosen = "  <- auto takes this one" if report.chosen else ""
        print(f"{report.name:14} {state}{chosen}")
        for line in report.detail.splitlines():
            print(f"    {line}")
    return 0
