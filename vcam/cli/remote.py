"""The remote control: ``facewarp on``, ``off``, ``toggle``, ``face`` and the others that ask the running program."""

from __future__ import annotations

import argparse
import json

from vcam.cli.arguments import Subparsers
from vcam.daemon.command_names import COMMAND_NAMES


def add_parser(subparsers: Subparsers) -> None:
    """Add a parser for each command of the running program."""
    for name, argument, help_line in COMMAND_NAMES:
        parser = subparsers.add_parser(name, help=help_line, description=f"{help_line.capitalize()}.")
        if argument:
            parser.add_argument("argument", metavar=argument)
        parser.add_argument("--json", action="store_true", help="print the state as JSON")
        parser.set_defaults(run=run, command=name)


def run(arguments: argparse.Namespace) -> int:
    """Ask the running program.

    Raises:
        BadInput: none runs, or it refuses; the sentence says why.
    """
    from vcam.daemon.channel import command
    from vcam.daemon.protocol import Request

    given = (arguments.argument,) if hasattr(arguments, "argument") else ()
    plain = command(Request(arguments.command, given))
    if arguments.json:
        print(json.dumps(plain, indent=2))
    elif arguments.command == "status":
        from vcam.daemon.state import describe

        print(describe(plain))
    return 0
