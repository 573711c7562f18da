"""Start with the session: a file in the place where this system looks for such programs."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from vcam.errors import BadInput
from vcam.settings_file import write_atomically

NAME = "facewarp-cam"
_RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"


def command_line() -> list[str]:
    """How this program is started again."""
    installed = shutil.which("facewarp")
    return [installed] if installed else [sys.executable, "-m", "vcam"]


def autostart_file(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path | None:
    """The file that makes the program start; None on Windows, where it is a registry value."""
    home = Path(environment.get("HOME", "~")).expanduser()
    if platform == "win32":
        return None
    if platform == "darwin":
        return home / "Library" / "LaunchAgents" / f"org.{NAME}.plist"
    configuration = environment.get("XDG_CONFIG_HOME")
    return (Path(configuration) if configuration else home / ".config") / "autostart" / f"{NAME}.desktop"


def autostart_text(command: list[str], platform: str = sys.platform) -> str:
    """What stands in that file."""
    if platform == "darwin":
        return plistlib.dumps({"Label": f"org.{NAME}", "ProgramArguments": command, "RunAtLoad": True}).decode()
    return (
        "[Desktop Entry]\nType=Application\nName=FaceWarp Cam\n"
        f"Exec={shlex.join(command)}\nIcon={NAME}\nTerminal=false\nX-GNOME-Autostart-enabled=true\n"
    )


def is_autostarted() -> bool:
    """Whether the program starts with the session."""
    file = autostart_file()
    return _registry_value() is not None if file is None else file.is_file()


def set_autostart(wanted: bool | None = None) -> None:
    """Start with the session, or no longer; None is the other way round.

    Raises:
        BadInput: the place cannot be written.
    """
    wanted = not is_autostarted() if wanted is None else wanted
    file = autostart_file()
    try:
        if file is None:
            _set_registry_value(subprocess.list2cmdline(command_line()) if wanted else None)
        elif wanted:
            write_atomically(file, autostart_text(command_line()))
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"autostart cannot be changed: {file or 'the Run key'}: {error.strerror}") from error


if sys.platform == "win32":
    import winreg

    def _registry_value() -> str | None:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _RUN_KEY) as key:
            try:
                return str(winreg.QueryValueEx(key, NAME)[0])
            except FileNotFoundError:
                return None

    def _set_registry_value(value: str | None) -> None:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _RUN_KEY, 0, winreg.KEY_SET_VALUE) as key:
            if value is None:
                winreg.DeleteValue(key, NAME)
            else:
                winreg.SetValueEx(key, NAME, 0, winreg.REG_SZ, value)
else:

    def _registry_value() -> str | None:
        return None

    def _set_registry_value(_value: str | None) -> None:
        raise BadInput("only Windows has a registry")
