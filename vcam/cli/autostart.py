"""``facewarp autostart``: start with the computer, or no longer."""

from __future__ import annotations

import argparse

from vcam.cli.arguments import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "autostart",
        help="start with the computer, or no longer",
        description="Start with your session, or no longer. Without a desktop a systemd user unit does it.",
    )
    parser.add_argument("wanted", choices=("on", "off"))
    parser.add_argument("--headless", action="store_true", help="by a systemd user unit, without a desktop")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Change it; 0 when it is done.

    Raises:
        BadInput: the place cannot be written.
    """
    from vcam.desktop.autostart import set_autostart, set_unit

    wanted = arguments.wanted == "on"
    set_autostart(wanted and not arguments.headless)
    if wanted and arguments.headless:
        set_unit(True)
        print("systemd starts facewarp --headless with your next session; now: systemctl --user start facewarp-cam")
    return 0
