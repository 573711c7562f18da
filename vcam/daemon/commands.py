"""What each command does to the daemon: the channel, the tray and the hotkeys all come through here."""

from __future__ import annotations

from collections.abc import Callable

from vcam.daemon.command_names import COMMAND_NAMES
from vcam.daemon.daemon import Daemon
from vcam.daemon.protocol import Request
from vcam.errors import BadInput

# The argument is empty where a command takes none.
DEEDS: dict[str, Callable[[Daemon, str], None]] = {
    "on": lambda daemon, _: daemon.turn(True),
    "off": lambda daemon, _: daemon.turn(False),
    "toggle": lambda daemon, _: daemon.toggle(),
    "face": lambda daemon, name: daemon.wear(name),
    "next": lambda daemon, _: daemon.step_face(1),
    "previous": lambda daemon, _: daemon.step_face(-1),
    "status": lambda _daemon, _: None,
    "camera": lambda daemon, name: daemon.use_camera(name),
    "pause": lambda daemon, _: daemon.toggle_pause(),
    "reload": lambda daemon, _: daemon.reload_faces_soon(),
    "panel": lambda daemon, _: daemon.open_panel(),
    "quit": lambda daemon, _: daemon.quit(),
}
_BY_NAME = {command.name: command for command in COMMAND_NAMES}


def execute(daemon: Daemon, request: Request) -> dict[str, object]:
    """Carry out a request; the state afterwards.

    Raises:
        BadInput: there is no such command, or its arguments are wrong.
        VcamError: it cannot be done.
    """
    command = _BY_NAME.get(request.command)
    if command is None:
        raise BadInput(f"there is no command {request.command[:40]!r}; there are: {', '.join(_BY_NAME)}")
    if len(request.arguments) != bool(command.argument):
        takes = f"one argument, {command.argument}" if command.argument else "no arguments"
        raise BadInput(f"{command.name} takes {takes}, not {len(request.arguments)}")
    DEEDS[command.name](daemon, "".join(request.arguments))
    return daemon.state.as_plain()
