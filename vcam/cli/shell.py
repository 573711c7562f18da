"""``facewarp completion`` and ``facewarp manual``: made from the parser, so that they cannot be out of date."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from vcam import __version__
from vcam.cli.arguments import Subparsers
from vcam.errors import BadInput

Build = Callable[[], argparse.ArgumentParser]


def add_parsers(subparsers: Subparsers, build_parser: Build) -> None:
    """Add both commands.

    Args:
        subparsers: of the main parser.
        build_parser: makes the main parser afresh.
    """
    completion = subparsers.add_parser(
        "completion",
        help="print the shell's completion",
        description="Print a completion script, for example into ~/.local/share/bash-completion/completions/facewarp",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    completion.set_defaults(run=lambda arguments: print_completion(arguments.shell, build_parser()))
    manual = subparsers.add_parser(
        "manual", help="print the man page", description="Print the man page: facewarp manual | man -l -"
    )
    manual.set_defaults(run=lambda _arguments: print_manual(build_parser()))


def print_completion(shell: str, parser: argparse.ArgumentParser) -> int:
    """A completion script for a shell.

    Raises:
        BadInput: shtab is not installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise BadInput("completion needs shtab; get it with: pip install shtab") from error
    print(shtab.complete(parser, shell))
    return 0


def print_manual(parser: argparse.ArgumentParser) -> int:
    """The man page as roff."""
    print(manual(parser))
    return 0


def manual(parser: argparse.ArgumentParser) -> str:
    """Every command and option of a parser as a man page."""
    lines = [
        f'.TH FACEWARP 1 "" "FaceWarp Cam {__version__}" "User Commands"',
        ".SH NAME",
        r"facewarp \- a camera that wears another face",
        ".SH SYNOPSIS",
        r".B facewarp",
        r"[\fIOPTION\fR]... [\fICOMMAND\fR [\fIARGUMENT\fR]...]",
        ".SH DESCRIPTION",
        _roff(f"{parser.description} {parser.epilog}"),
        ".SH OPTIONS",
        *_options(parser),
        ".SH COMMANDS",
    ]
    for name, command in _commands(parser):
        lines += [f".SS facewarp {_roff(name)}", _roff(command.description or ""), *_options(command)]
    lines += [
        ".SH EXIT STATUS",
        "0 done, 1 a check fell short, 2 bad input or an unusable device, 130 interrupted.",
        ".SH FILES",
        r"settings.toml, faces and log stand in the user's folders; \fBfacewarp doctor\fR names them.",
    ]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser, before: str = "") -> list[tuple[str, argparse.ArgumentParser]]:
    found: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found += [(f"{before}{name}", command), *_commands(command, f"{before}{name} ")]
    return found


def _options(parser: argparse.ArgumentParser) -> list[str]:
    lines: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction) or not action.help:
            continue
        names = ", ".join(rf"\fB{_roff(name)}\fR" for name in action.option_strings)
        takes = action.metavar or ("|".join(action.choices) if action.choices else "")
        value = rf" \fI{_roff(str(takes))}\fR" if takes and action.nargs != 0 else ""
        text = action.help % {"default": action.default, "prog": parser.prog}
        lines += [".TP", f"{names}{value}".strip(), _roff(text)]
    return lines


def _roff(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-").replace("\n.", "\n\\&.").replace("'", r"\(aq")
