"""``facewarp`` without a command: the program in the tray, or without a desktop. One for each user."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vcam import settings_file
from vcam.cli.arguments import told
from vcam.config import Settings

if TYPE_CHECKING:
    from vcam.daemon.daemon import Daemon


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Every setting is a flag; a flag holds for this run, the file is not changed."""
    parser.add_argument(
        "--headless", action="store_true", help="no tray icon, no keys, no panel: control it by commands"
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="another settings file")
    group = parser.add_argument_group(
        "settings, for this run",
        "They stand in settings.toml in the user's configuration folder; facewarp doctor names it.",
    )
    for setting in settings_file.SETTINGS:
        group.add_argument(
            setting.flag,
            dest=setting.name,
            type=told(setting.parse),
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=setting.comment.replace("%", "%%"),
        )
    parser.set_defaults(run=run)


def read_settings(arguments: argparse.Namespace, path: Path) -> Settings:
    """The file's settings with the flags' values on top.

    Raises:
        BadSettings: the file holds something that is not allowed.
    """
    settings = settings_file.load(path)
    for setting in settings_file.SETTINGS:
        if hasattr(arguments, setting.name):
            settings = settings_file.with_value(settings, setting, getattr(arguments, setting.name))
    return settings


def run(arguments: argparse.Namespace) -> int:
    """Be the one program of this user, or hand the command to the one that runs.

    Raises:
        VcamError: settings or models cannot be used, or the running program refuses.
    """
    from vcam.daemon.channel import become_first
    from vcam.daemon.instance import InstanceLock, runtime_folder
    from vcam.daemon.protocol import Request

    path = arguments.settings or settings_file.default_path()
    settings = read_settings(arguments, path)
    folder = runtime_folder()
    with InstanceLock(folder) as lock:
        running = become_first(lock, folder, Request("status" if arguments.headless else "panel"))
        if running is not None:
            say("FaceWarp Cam is running already; see: facewarp status")
            return 0
        from vcam.daemon.assemble import assemble
        from vcam.daemon.log_file import log_path, start_logging

        start_logging(log_path())
        be_the_program(assemble(settings, path), folder, arguments.headless)
    return 0


def be_the_program(daemon: Daemon, folder: Path, headless: bool) -> None:
    """Run camera and control channel until somebody ends them.

    Raises:
        BadInput: the control channel cannot be made.
    """
    from vcam.daemon.channel import listen
    from vcam.daemon.commands import execute
    from vcam.daemon.protocol import answer

    with daemon:
        channel = listen(folder, lambda line: answer(line, lambda request: execute(daemon, request)))
        try:
            end_on_signals(daemon)
            run_front(daemon, headless)
        finally:
            channel.close()


def run_front(daemon: Daemon, headless: bool) -> None:
    """Show the desktop's side of the program, or wait without one, until the program shall end."""
    if headless:
        say("FaceWarp Cam runs without a desktop; control it with: facewarp status, on, off, face NAME, quit")
        daemon.quit_requested.wait()
    else:
        from vcam.desktop.program import run_desktop

        run_desktop(daemon, say)


def say(sentence: str) -> None:
    """Tell whoever has started the program in a terminal."""
    print(f"facewarp: {sentence}", file=sys.stderr, flush=True)


def end_on_signals(daemon: Daemon) -> None:
    """Ctrl-C, the end of the session and ``kill`` end the program cleanly."""
    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    for number in numbers:
        signal.signal(number, lambda *_: daemon.quit())
