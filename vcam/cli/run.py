"""``facewarp run``: the camera, in the foreground, until Ctrl-C, the end of a video or ``--seconds``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from vcam.cli.arguments import Subparsers, add_face, add_mode, consent_from, notice, positive_seconds, told
from vcam.config import Engine, PipelineSettings, RunSettings
from vcam.errors import BadSettings
from vcam.types import BadgeMode, Safe, VideoMode

if TYPE_CHECKING:
    from vcam.pipeline.runner import Runner
    from vcam.pipeline.session import Session

STATUS_S = 2.0  # between two status lines on a terminal


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="be a camera, in this terminal",
        description="Grab a camera, swap the face, and be the camera FaceWarp Cam until Ctrl-C.",
        epilog="Choose FaceWarp Cam as the camera in OBS, Zoom, Meet, Teams or a browser.",
    )
    parser.add_argument(
        "--camera",
        metavar="NAME|FILE|synthetic",
        help="a camera (see: facewarp cameras) or a video; default: the first camera",
    )
    parser.add_argument(
        "--output",
        default="auto",
        metavar="auto|pipewire|v4l2loopback|unitycapture|obs|null|file:PATH",
        help="where the picture goes (see: facewarp outputs; default: %(default)s)",
    )
    add_face(parser)
    add_mode(parser)
    parser.add_argument("--off", action="store_true", help="start with the swap off: the camera's own picture")
    parser.add_argument("--once", action="store_true", help="play a video once and end, instead of again and again")
    parser.add_argument("--seconds", type=told(positive_seconds), metavar="N", help="end after N seconds")
    parser.add_argument("--stats-json", type=Path, metavar="PATH", help="write counts, times and latency at the end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the camera; 0 when it ended as asked.

    Raises:
        VcamError: camera, output, face or models cannot be used.
    """
    from vcam.daemon.library import read_face
    from vcam.pipeline.session import open_session

    settings = RunSettings(
        camera=arguments.camera,
        output=arguments.output,
        face=arguments.face,
        mode=VideoMode(arguments.size[0], arguments.size[1], arguments.fps),
        safe=Safe(arguments.safe),
        badge=BadgeMode(arguments.badge),
        loop=not arguments.once,
        pipeline=PipelineSettings(Engine(arguments.engine), arguments.models),
    )
    check_writable(arguments.stats_json)
    logging.basicConfig(format="%(message)s", level=logging.INFO)  # which camera, which output, lost and back
    source = read_face(settings.face, arguments.models, notice, consent_from(arguments))
    session = open_session(settings, enabled=not arguments.off, source=source)
    with session.runner as runner:
        wait(runner, arguments.seconds)
        report = session.report()
    if arguments.stats_json:
        arguments.stats_json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if runner.error is not None:
        raise runner.error
    kind, _, path = settings.output.partition(":")
    if kind == "file":
        print(f"written: {path} ({_signed(Path(path), session, report)})")
    return 0


def _signed(path: Path, session: Session, report: dict[str, object]) -> str:
    """Sign a recording; what came of that."""
    from vcam.daemon.signing import sign_written
    from vcam.safeguards.watermark import can_carry

    mode, engines = session.runner.mode, session.engines
    marked = engines.settings.mark and can_carry(mode.width, mode.height)
    return sign_written(path, engines.session, swapped=bool(report["frames_swapped"]), marked=marked)


def check_writable(path: Path | None) -> None:
    """Find out before the run, not after it, that the statistics cannot be written.

    Raises:
        BadSettings: they cannot.
    """
    if path is None:
        return
    try:
        with path.open("a"):
            pass
    except OSError as error:
        raise BadSettings(f"the statistics cannot be written to {path}: {error.strerror}; name another file") from error


def wait(runner: Runner, seconds: float | None) -> None:
    """Show a status line on a terminal until the run ends, ``seconds`` have passed or a signal comes."""
    ended = runner.ended
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: ended.set()) for number in signals]
    timer = threading.Timer(seconds, ended.set) if seconds else None
    if timer:
        timer.daemon = True
        timer.start()
    shown = False
    while not ended.wait(STATUS_S):
        if sys.stderr.isatty():
            print(f"\r\033[K{runner.status_line()}", end="", file=sys.stderr, flush=True)
            shown = True
    if shown:
        print(file=sys.stderr)
    if timer:
        timer.cancel()
    for number, handler in zip(signals, before, strict=True):
        signal.signal(number, handler)
