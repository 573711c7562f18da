"""The settings file: TOML with comments, read strictly, changed without losing what the user wrote.

``SETTINGS`` is the one table of what can be set: the file, the flags of ``facewarp`` and the panel follow it.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from vcam.config import (
    Engine,
    Language,
    Settings,
    Theme,
    TrayBackend,
    parse_fps,
    parse_hotkey,
    parse_size,
)
from vcam.errors import BadSettings
from vcam.types import BadgeMode, Safe, VideoMode

Plain = str | bool | int | float  # what a value looks like in TOML
E = TypeVar("E", bound=StrEnum)

HEADER = "Settings of FaceWarp Cam. The program changes single values and keeps everything else as you wrote it."
PRESETS_FOLDER = Path(__file__).resolve().parent / "presets"
_OUTPUTS = ("auto", "pipewire", "v4l2loopback", "unitycapture", "obs", "null")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        name: ``section.key`` in the file; the flag is the key.
        path: attribute path in ``Settings``.
        parse: text to value; raises BadSettings with a sentence that names the allowed values.
        show: value to what is written.
        comment: the line above it in the file, and the flag's help.
    """

    name: str
    path: str
    parse: Callable[[str], Any]
    show: Callable[[Any], Plain]
    comment: str

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.split(".")[1].replace("_", "-")


def one_of(kind: type[E]) -> Callable[[str], E]:
    """Parser of an enumeration."""

    def parse(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            raise BadSettings(f"must be one of {', '.join(kind)}, not {text!r}") from None

    return parse


def parse_switch(text: str) -> bool:
    """``true`` or ``false``, also ``on`` and ``off``.

    Raises:
        BadSettings: anything else.
    """
    known = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    if text.lower() not in known:
        raise BadSettings(f"must be true or false, not {text!r}")
    return known[text.lower()]


def parse_threads(text: str) -> int:
    """A whole number from 1 to 64.

    Raises:
        BadSettings: anything else.
    """
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise BadSettings(f"must be a whole number from 1 to 64, not {text!r}")
    return int(text)


def parse_output(text: str) -> str:
    """A known output, or ``file:PATH``.

    Raises:
        BadSettings: anything else.
    """
    if text not in _OUTPUTS and not (text.startswith("file:") and len(text) > len("file:")):
        raise BadSettings(f"must be one of {', '.join(_OUTPUTS)} or file:PATH, not {text!r}")
    return text


def _text_or_none(text: str) -> str | None:
    return text or None


def _path_or_none(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _show_optional(value: object) -> str:
    return "" if value is None else str(value)


def _show_hotkey(value: object) -> str:
    return "none" if value is None else str(value)


SETTINGS: tuple[Setting, ...] = (
    Setting("camera.camera", "run.camera", _text_or_none, _show_optional,
            "Name of the camera, a video file, or synthetic; empty is the first camera there is."),
    Setting("camera.size", "run.mode.size", parse_size, str, "Width and height of the picture, such as 1280x720."),
    Setting("camera.fps", "run.mode.fps", parse_fps, float, "Frames per second, 1 to 240."),
    Setting("camera.output", "run.output", parse_output, str,
            "Where the picture goes: auto, pipewire, v4l2loopback, unitycapture, obs, null or file:PATH."),
    Setting("swap.enabled", "enabled", parse_switch, bool, "Whether the swap is on when the program starts."),
    Setting("swap.face", "run.face", _text_or_none, _show_optional,
            "Name of the face to wear (see: facewarp faces list); empty is the first one."),
    Setting("swap.engine", "run.pipeline.engine", one_of(Engine), str, "How the face is made: aei or mesh."),
    Setting("swap.safe", "run.safe", one_of(Safe), str,
            "Shown when a frame could not be swapped: hold-blur, hold-card, or raw (your own face)."),
    Setting("swap.cross_fade", "run.cross_fade", parse_switch, bool,
            "Whether the face worn before fades into the next one for 0.3 seconds."),
    Setting("swap.threads", "run.pipeline.threads", parse_threads, int, "Processor threads of each network, 1 to 64."),
    Setting("swap.models", "run.pipeline.models", _path_or_none, _show_optional,
            "Another folder of networks; empty is the one that came with the program."),
    Setting("safeguards.mark", "run.pipeline.mark", parse_switch, bool,
            "Whether swapped pictures carry the invisible mark. Without it no machine can tell that they were changed, "
            "which the law may ask of you."),
    Setting("safeguards.badge", "run.badge", one_of(BadgeMode), str,
            "When swapped pictures carry the visible label AI face: off, first-5-seconds or always."),
    Setting("hotkeys.toggle_key", "hotkeys.toggle", parse_hotkey, _show_hotkey,
            "Key that switches the swap on and off in every program, such as Ctrl+Alt+F, or none."),
    Setting("hotkeys.next_face_key", "hotkeys.next_face", parse_hotkey, _show_hotkey,
            "Key that takes the next face, or none."),
    Setting("desktop.language", "desktop.language", one_of(Language), str, "Language: system, en or de."),
    Setting("desktop.theme", "desktop.theme", one_of(Theme), str, "Colours of the panel: system, light or dark."),
    Setting("desktop.tray", "desktop.tray", one_of(TrayBackend), str,
            f"How the tray icon is shown: {', '.join(TrayBackend)}."),
    Setting("desktop.notifications", "desktop.notifications", parse_switch, bool, "Whether messages are shown."),
    Setting("desktop.tour_seen", "desktop.tour_seen", parse_switch, bool,
            "Whether the tour has been finished; false shows it again."),
)  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}


def default_path() -> Path:
    """Where the user's settings file is, or will be."""
    return Path(platformdirs.user_config_dir("facewarp-cam", appauthor=False)) / "settings.toml"


def value_of(settings: Settings, setting: Setting) -> Any:
    """The value of one setting."""
    value: Any = settings
    for part in setting.path.split("."):
        value = f"{value.width}x{value.height}" if part == "size" else getattr(value, part)
    return value


def with_value(settings: Settings, setting: Setting, value: Any) -> Settings:
    """The same settings but for one value."""
    replaced: Settings = _replaced(settings, setting.path.split("."), value)
    return replaced


def _replaced(node: Any, path: list[str], value: Any) -> Any:
    if isinstance(node, VideoMode) and path == ["size"]:
        return dataclasses.replace(node, width=value[0], height=value[1])
    inner = value if len(path) == 1 else _replaced(getattr(node, path[0]), path[1:], value)
    return dataclasses.replace(node, **{path[0]: inner})


def parse(text: str, file: str, base: Settings | None = None) -> Settings:
    """Read the text of a settings file or a preset.

    Args:
        text: TOML.
        file: what to call it in messages.
        base: values for what the text leaves out.

    Raises:
        BadSettings: with the line and the allowed values.
    """
    settings = base or Settings()
    for name, value in _flat(_document(text, file), text, file).items():
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, BY_NAME, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(BY_NAME)}"
            raise BadSettings(f"{_where(text, file, name)}: there is no setting {name}; {hint}")
        try:
            settings = with_value(settings, BY_NAME[name], BY_NAME[name].parse(_as_text(value)))
        except BadSettings as error:
            raise BadSettings(f"{_where(text, file, name)}: {name} {error}") from None
    return settings


def load(path: Path) -> Settings:
    """Read the settings file; the defaults where there is none.

    Raises:
        BadSettings: it cannot be read, or holds something that is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the settings file {path} cannot be read: {error}") from error
    return parse(text, str(path))


def load_preset(name: str, base: Settings) -> Settings:
    """``base`` with a preset's values.

    Raises:
        BadSettings: there is no preset of that name, or it cannot be read.
    """
    if name not in preset_names():
        raise BadSettings(f"there is no preset {name!r}; there are: {', '.join(preset_names())}")
    path = PRESETS_FOLDER / f"{name}.toml"
    return parse(path.read_text(encoding="utf-8"), str(path), base)


def preset_names() -> tuple[str, ...]:
    """The presets that come with the program, the lightest first."""
    return ("light", "balanced", "best")


def changed_text(text: str, file: str, changes: Mapping[str, Any]) -> str:
    """The text of the settings file with some values changed, everything else as it was.

    Args:
        text: the file as it is; empty for a new one.
        file: what to call it in messages.
        changes: values by ``section.key``.

    Raises:
        BadSettings: the text is not TOML.
    """
    document = _document(text, file)
    if not text.strip():
        document.add(tomlkit.comment(HEADER))
    for name, value in changes.items():
        section, key = name.split(".")
        table = document.get(section)
        if table is None:
            table = tomlkit.table()
            document[section] = table
        if key not in table:
            table.add(tomlkit.comment(BY_NAME[name].comment))
        table[key] = BY_NAME[name].show(value)
    return tomlkit.dumps(document)


def update(path: Path, changes: Mapping[str, Any]) -> None:
    """Change some values of the settings file; a new file gets every setting with its comment.

    Raises:
        BadSettings: the file is damaged or cannot be written.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if not text.strip():
            changes = {s.name: value_of(Settings(), s) for s in SETTINGS} | dict(changes)
        write_atomically(path, changed_text(text, str(path), changes))
    except OSError as error:
        raise BadSettings(f"the settings file {path} cannot be written: {error.strerror}") from error


def write_atomically(path: Path, text: str) -> None:
    """Put a file in place whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _document(text: str, file: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except ParseError as error:
        raise BadSettings(f"{file}, line {error.line}: this is not TOML ({error})") from error
    except TOMLKitError as error:
        raise BadSettings(f"{file}: this is not TOML ({error})") from error


def _flat(document: Mapping[str, Any], text: str, file: str) -> dict[str, Plain]:
    flat: dict[str, Plain] = {}
    for section, table in document.items():
        if not isinstance(table, Mapping):
            raise BadSettings(f"{_where(text, file, section)}: {section} stands outside a [section]")
        for key, value in table.items():
            if not isinstance(value, str | bool | int | float):
                raise BadSettings(f"{_where(text, file, f'{section}.{key}')}: {section}.{key} must be one plain value")
            flat[f"{section}.{key}"] = value
    return flat


def _as_text(value: Plain) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _where(text: str, file: str, name: str) -> str:
    """``FILE, line N`` of a setting; tomlkit keeps no line numbers, so its line is looked up."""
    section, _, key = name.rpartition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            current = heading[1]
        elif re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line) and current == section:
            return f"{file}, line {number}"
    return file
