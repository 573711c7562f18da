"""Start with the session: a file in the place where this system looks for such programs.

On a Linux machine without a desktop nobody reads that place; there a systemd user unit starts ``facewarp --headless``.
Only one of the two is ever there, since the second program would only hand its command to the first.
"""

from __future__ import annotations

import os
import plistlib
import re
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
    if platform == "win32":
        return None
    if platform == "darwin":
        return _home(environment) / "Library" / "LaunchAgents" / f"org.{NAME}.plist"
    return _configuration(environment) / "autostart" / f"{NAME}.desktop"


def unit_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The systemd user unit."""
    return _configuration(environment) / "systemd" / "user" / f"{NAME}.service"


def unit_link(unit: Path) -> Path:
    """What ``systemctl --user enable`` makes: the unit starts when the user's session does."""
    return unit.parent / "default.target.wants" / unit.name


def autostart_text(command: list[str], platform: str = sys.platform) -> str:
    """What stands in the file, or in the registry."""
    if platform == "win32":
        return subprocess.list2cmdline(command)
    if platform == "darwin":
        return plistlib.dumps({"Label": f"org.{NAME}", "ProgramArguments": command, "RunAtLoad": True}).decode()
    # backslashes are doubled once more: the file's own escapes are undone before the command's
    line = " ".join(_quoted(part, r"\$") for part in command).replace("\\", "\\\\")
    return (
        "[Desktop Entry]\nType=Application\nName=FaceWarp Cam\n"
        f"Exec={line}\nIcon={NAME}\nTerminal=false\nX-GNOME-Autostart-enabled=true\n"
    )


def unit_text(command: list[str]) -> str:
    """What stands in the systemd user unit."""
    line = " ".join(_quoted(part, "$$") for part in [*command, "--headless"])
    return (
        f"[Unit]\nDescription=FaceWarp Cam\n\n[Service]\nExecStart={line}\nRestart=on-failure\n\n"
        "[Install]\nWantedBy=default.target\n"
    )


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME", "~")).expanduser()


def _configuration(environment: Mapping[str, str]) -> Path:
    given = environment.get("XDG_CONFIG_HOME")
    return Path(given) if given else _home(environment) / ".config"


def _quoted(part: str, dollar: str) -> str:
    """A word of a command as desktop files and units write it: in double quotes, where it needs any."""
    if re.fullmatch(r"[\w@+=:,./-]+", part):
        return part
    escaped = re.sub(r'([\\"`])', r"\\\1", part).replace("%", "%%").replace("$", dollar)
    return f'"{escaped}"'


def is_autostarted() -> bool:
    """Whether the program starts with the session, or by systemd without one."""
    file = autostart_file()
    if file is None:
        return _registry_value() is not None
    return file.is_file() or is_unit_enabled()


def is_unit_enabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd starts the program."""
    return sys.platform == "linux" and unit_link(unit_file(environment)).is_symlink()


def is_stale() -> bool:
    """Whether the program starts with the session, but by another command than the one that is right now."""
    if is_unit_enabled():
        return _differs(unit_file(), unit_text(command_line()))
    file = autostart_file()
    if file is None:
        return _registry_value() not in (None, autostart_text(command_line()))
    return file.is_file() and _differs(file, autostart_text(command_line()))


def _differs(file: Path, text: str) -> bool:
    try:
        return file.read_text(encoding="utf-8") != text
    except OSError:
        return True  # a link to nowhere


def set_unit(wanted: bool, environment: Mapping[str, str] = os.environ) -> None:
    """Have systemd start the program without a desktop, or no longer; it holds from the next session on.

    Raises:
        BadInput: this is not Linux, or the place cannot be written.
    """
    if sys.platform != "linux":
        raise BadInput("only Linux has systemd; without --headless the program starts with the session")
    unit = unit_file(environment)
    link = unit_link(unit)
    try:
        link.unlink(missing_ok=True)
        if wanted:
            write_atomically(unit, unit_text(command_line()))
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(unit)
        else:
            unit.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"the systemd unit cannot be changed: {unit}: {error.strerror}") from error


def set_autostart(wanted: bool | None = None) -> None:
    """Start with the session, or no longer; None is the other way round. A systemd unit goes away in both cases.

    Raises:
        BadInput: the place cannot be written.
    """
    wanted = not is_autostarted() if wanted is None else wanted
    if is_unit_enabled():
        set_unit(False)
    file = autostart_file()
    try:
        if file is None:
            _set_registry_value(autostart_text(command_line()) if wanted else None)
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
