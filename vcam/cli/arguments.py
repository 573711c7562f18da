"""Arguments that several commands take, each described once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vcam.config import DEFAULT_MODE, Engine, parse_fps, parse_size
from vcam.errors import BadSettings
from vcam.types import BadgeMode, Basis, Safe

if TYPE_CHECKING:
    from vcam.safeguards.consent import Ask, Statement

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = object

T = TypeVar("T")
BASES = {"self": Basis.SELF, "written": Basis.WRITTEN, "licensed": Basis.LICENSED, "synthetic": Basis.SYNTHETIC}


def told(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Make argparse show a ``BadSettings`` sentence as it stands."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except BadSettings as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def positive_seconds(text: str) -> float:
    """``10`` -> 10.0.

    Raises:
        BadSettings: not a number above 0.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadSettings(f"seconds must be a number above 0, not {text!r}")
    return seconds


def notice(text: str) -> None:
    """Tell the user a sentence beside the command's output."""
    print(text, file=sys.stderr)


def add_consent(parser: argparse.ArgumentParser) -> None:
    """``--consent`` and ``--note``."""
    parser.add_argument(
        "--consent",
        choices=list(BASES),
        help="why you may wear the face in a photo: it is your own, its owner has agreed in writing, you hold a "
        "licence, or it is nobody's since a computer made it",
    )
    parser.add_argument(
        "--note", default="", help="for written consent and licences: who agreed, and where that is kept"
    )


def consent_from(arguments: argparse.Namespace) -> Ask:
    """What the command line states of a photo; on a terminal, what is missing is asked for."""

    def ask(photo: Path) -> Statement:
        from vcam.safeguards.consent import PROMISE, TEXT_VERSION, TEXTS, Statement, refuse_unstated

        basis, note = arguments.consent, arguments.note
        if basis is None:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                return refuse_unstated(photo)
            print(f"Why may you wear the face in {photo.name}?", file=sys.stderr)
            for key, value in BASES.items():
                print(f"  {key:10} {TEXTS[TEXT_VERSION][value]}", file=sys.stderr)
            print(PROMISE, file=sys.stderr)
            basis = _answer("One of these words, or nothing to stop: ")
            if basis not in BASES:
                return refuse_unstated(photo)
        if BASES[basis] in (Basis.WRITTEN, Basis.LICENSED) and not note and sys.stdin.isatty():
            note = _answer("Who agreed, and where is that kept? ")
        return Statement(BASES[basis], note)

    return ask


def _answer(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def add_face(parser: argparse.ArgumentParser) -> None:
    """``--face``, ``--consent``, ``--note``, ``--engine``, ``--safe``, ``--badge`` and ``--models``."""
    parser.add_argument(
        "--face",
        metavar="NAME|PHOTO",
        help="a face (see: facewarp faces list) or a photo; default: the first built-in face",
    )
    add_consent(parser)
    parser.add_argument(
        "--engine",
        choices=[engine.value for engine in Engine],
        default=Engine.AEI.value,
        help="aei: the AEI-Net generator; mesh: the photo itself, warped (default: %(default)s)",
    )
    parser.add_argument(
        "--safe",
        choices=[safe.value for safe in Safe],
        default=Safe.HOLD_BLUR.value,
        help="what is shown when a frame could not be swapped; raw shows your own face (default: %(default)s)",
    )
    parser.add_argument(
        "--badge",
        choices=[badge.value for badge in BadgeMode],
        default=BadgeMode.OFF.value,
        help="when swapped pictures carry the visible label AI face (default: %(default)s)",
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="another folder of networks")


def add_mode(parser: argparse.ArgumentParser) -> None:
    """``--size`` and ``--fps``."""
    parser.add_argument(
        "--size",
        type=told(parse_size),
        metavar="WxH",
        default=(DEFAULT_MODE.width, DEFAULT_MODE.height),
        help=f"size of the output (default: {DEFAULT_MODE.width}x{DEFAULT_MODE.height})",
    )
    parser.add_argument(
        "--fps",
        type=told(parse_fps),
        metavar="N",
        default=DEFAULT_MODE.fps,
        help=f"frames per second of the output (default: {DEFAULT_MODE.fps:g})",
    )
