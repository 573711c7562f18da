"""Entry point: find the command, run it, turn errors into one sentence and an exit code.

Exit codes: 0 done, 1 a check fell short, 2 bad input or an unusable device, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

import vcam
from vcam.cli import (
    autostart,
    bench,
    cameras,
    daemon,
    demo,
    doctor,
    evaluate,
    export,
    faces,
    outputs,
    remote,
    run,
    shell,
    swap,
    train,
    verify,
)
from vcam.errors import VcamError

M_MMAP_THRESHOLD = -3  # from malloc.h
BIG_BLOCK_BYTES = 1 << 20

# Each module has add_parser(subparsers), which sets the function that runs the command as default "run".
COMMANDS = (remote, faces, run, swap, demo, cameras, outputs, autostart, doctor, verify, bench, train, export, evaluate)


def map_big_blocks() -> None:
    """Have glibc give each block of a picture's size back when it is freed; kept in its heaps, memory creeps up."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such switch, and no need of it
            ctypes.CDLL("libc.so.6").mallopt(M_MMAP_THRESHOLD, BIG_BLOCK_BYTES)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="facewarp",
        description="A camera called FaceWarp Cam that wears another face. Everything happens on this computer.",
        epilog="Without a command the program starts in the tray, or shows its panel if it runs already.",
    )
    parser.add_argument("--version", action="version", version=f"facewarp {vcam.__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    daemon.add_flags(parser)
    for command in COMMANDS:
        command.add_parser(subparsers)
    shell.add_parsers(subparsers, build_parser)
    return parser


def command() -> NoReturn:
    """Run this process's command line and leave the process, also when a thread is stuck inside a library.

    Such a thread (a model that still loads, a stage that hangs) was left behind on purpose; an ordinary exit
    would tear the library down under it, and the C++ runtime would say "terminate called".
    """
    code = main()
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code."""
    parsed = build_parser().parse_args(arguments)
    map_big_blocks()
    try:
        return int(parsed.run(parsed))
    except VcamError as error:
        print(f"facewarp: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `facewarp cameras | head -1`
        sys.stderr.close()
        return 0
