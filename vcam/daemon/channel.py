"""The control channel of this system: a Unix socket, or a named pipe on Windows. Never a network port."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Protocol

from vcam.daemon.instance import InstanceLock, runtime_folder
from vcam.daemon.protocol import Answer, Request, encode_request
from vcam.errors import BadInput

STARTING_S = 3.0  # how long a program that has just taken the lock may need until it listens


class Channel(Protocol):
    """A channel that listens."""

    def close(self) -> None:
        """Stop listening."""
        ...


def listen(folder: Path, answer: Answer) -> Channel:
    """Listen for commands; the caller holds the instance lock.

    Raises:
        BadInput: it is impossible here; the sentence says why.
    """
    if sys.platform == "win32":
        from vcam.daemon.channel_windows import PipeChannel, pipe_name

        return PipeChannel(pipe_name(folder), answer)
    from vcam.daemon.channel_unix import UnixChannel, socket_path

    return UnixChannel(socket_path(folder), answer)


def ask(folder: Path, request: Request) -> dict[str, object] | None:
    """Send a command to the running program; its state afterwards, or None when none runs.

    Raises:
        BadInput: the program refuses the command, or another user's program is in its place.
    """
    line = encode_request(request)
    if sys.platform == "win32":
        from vcam.daemon import channel_windows

        return channel_windows.ask(channel_windows.pipe_name(folder), line)
    from vcam.daemon import channel_unix

    return channel_unix.ask(channel_unix.socket_path(folder), line)


def command(request: Request) -> dict[str, object]:
    """Send a command to this user's running program; its state afterwards.

    Raises:
        BadInput: no program runs, or it refuses.
    """
    state = ask(runtime_folder(), request)
    if state is None:
        raise BadInput("FaceWarp Cam is not running; start it with: facewarp")
    return state


def become_first(lock: InstanceLock, folder: Path, request: Request) -> dict[str, object] | None:
    """Become the one program of this user, or hand the command to the one that is.

    Args:
        lock: of this folder, not yet held.
        folder: as ``runtime_folder`` gives it.
        request: what the second start asks of the first.

    Returns:
        None when this program is the first and holds the lock; else the state of the first.

    Raises:
        BadInput: another program holds the lock but does not answer, or refuses.
    """
    give_up_at = time.monotonic() + STARTING_S
    while not lock.acquire():
        state = ask(folder, request)
        if state is not None:
            return state
        if time.monotonic() > give_up_at:
            raise BadInput("another FaceWarp Cam of yours is starting or ending and does not answer; try again")
        time.sleep(0.05)
    return None
