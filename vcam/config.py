"""Settings as immutable values with their defaults, and the user's folders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vcam.errors import BadSettings
from vcam.types import BadgeMode, Safe, VideoMode

DEVICE_NAME = "FaceWarp Cam"
DEFAULT_MODE = VideoMode(1280, 720, 30.0)
_LEAST_PX, _MOST_PX = 64, 7680
_LEAST_FPS, _MOST_FPS = 1.0, 240.0


class Engine(StrEnum):
    """How the worn face is made."""

    AEI = "aei"  # the AEI-Net generator
    MESH = "mesh"  # landmark triangles warped from the source picture; needs no generator


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What the stages need to know.

    Attributes:
        engine: which engine makes the swap.
        models: folder of the networks; None is the embedded pack.
        threads: of each network's session.
        mark: whether swapped pictures carry the invisible mark.
    """

    engine: Engine = Engine.AEI
    models: Path | None = None
    threads: int = 1
    mark: bool = True


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One run of the camera, as ``facewarp run`` takes it.

    Attributes:
        camera: name or id of a camera, a video file, or "synthetic"; None is the first camera there is.
        output: auto, pipewire, v4l2loopback, unitycapture, obs, null or file:PATH.
        face: name of a source face, or the path of a photo.
        mode: size and rate of the output.
        safe: what goes out instead of a frame that was not swapped.
        badge: when swapped pictures carry the visible label.
        cross_fade: whether the face worn before fades into the next one.
        loop: whether a video is played again and again.
        pipeline: see there.
    """

    camera: str | None = None
    output: str = "auto"
    face: str | None = None
    mode: VideoMode = DEFAULT_MODE
    safe: Safe = Safe.HOLD_BLUR
    badge: BadgeMode = BadgeMode.OFF
    cross_fade: bool = False
    loop: bool = True
    pipeline: PipelineSettings = PipelineSettings()


def parse_size(text: str) -> tuple[int, int]:
    """``1280x720`` -> (1280, 720).

    Raises:
        BadSettings: not two even numbers from 64 to 7680.
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    good = all(_LEAST_PX <= px <= _MOST_PX and px % 2 == 0 for px in (width, height))
    if not good:
        raise BadSettings(
            f"size must be WIDTHxHEIGHT, such as 1280x720: even numbers from {_LEAST_PX} to {_MOST_PX}, not {text!r}"
        )
    return width, height


def parse_fps(text: str) -> float:
    """``30`` -> 30.0.

    Raises:
        BadSettings: not a number from 1 to 240.
    """
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if not _LEAST_FPS <= fps <= _MOST_FPS:
        raise BadSettings(f"frames per second must be a number from {_LEAST_FPS:g} to {_MOST_FPS:g}, not {text!r}")
    return fps


_MODIFIERS = {"ctrl": "Ctrl", "control": "Ctrl", "alt": "Alt", "shift": "Shift", "super": "Super", "win": "Super"}
_ORDER = ("Ctrl", "Alt", "Shift", "Super")


@dataclass(frozen=True, slots=True)
class Hotkey:
    """A key that works in every program.

    Attributes:
        modifiers: some of Ctrl, Alt, Shift and Super, in this order; at least one.
        key: one letter or digit, F1 to F24, or Space.
    """

    modifiers: tuple[str, ...]
    key: str

    def __str__(self) -> str:
        return "+".join((*self.modifiers, self.key))


def parse_hotkey(text: str) -> Hotkey | None:
    """``ctrl+alt+f`` -> Ctrl+Alt+F; ``none`` -> None.

    Raises:
        BadSettings: no modifier, an unknown one, or not exactly one key.
    """
    if text.strip().lower() == "none":
        return None
    *names, key = (part.strip() for part in text.split("+"))
    modifiers = {_MODIFIERS.get(name.lower(), "") for name in names}
    good_key = re.fullmatch(r"[A-Za-z0-9]|[Ff]([1-9]|1\d|2[0-4])|[Ss]pace", key)
    if not modifiers or "" in modifiers or not good_key:
        raise BadSettings(
            "a hotkey is one or more of Ctrl, Alt, Shift and Super and one letter, digit, F1 to F24 or Space, "
            f"such as Ctrl+Alt+F, or none for no key; not {text!r}"
        )
    return Hotkey(tuple(name for name in _ORDER if name in modifiers), key.capitalize())


@dataclass(frozen=True, slots=True)
class HotkeySettings:
    """Keys that work in every program; None is no key."""

    toggle: Hotkey | None = Hotkey(("Ctrl", "Alt"), "F")
    next_face: Hotkey | None = Hotkey(("Ctrl", "Alt"), "N")


class Language(StrEnum):
    """Of the tray menu and the panel."""

    SYSTEM = "system"
    ENGLISH = "en"
    GERMAN = "de"


class Theme(StrEnum):
    """Colours of the panel."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class TrayBackend(StrEnum):
    """How the tray icon is shown."""

    AUTO = "auto"
    QT = "qt"
    APPINDICATOR = "appindicator"
    GTK = "gtk"
    XORG = "xorg"
    NATIVE = "native"  # Windows and macOS
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DesktopSettings:
    """Habits of the tray program.

    Attributes:
        language: of menu and panel.
        theme: of the panel.
        tray: how the icon is shown.
        notifications: whether messages of the desktop are used.
        tour_seen: whether the first-run tour has been finished.
    """

    language: Language = Language.SYSTEM
    theme: Theme = Theme.SYSTEM
    tray: TrayBackend = TrayBackend.AUTO
    notifications: bool = True
    tour_seen: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the settings file holds.

    Attributes:
        run: the camera and the swap.
        enabled: whether the swap is on when the program starts.
        hotkeys: see there.
        desktop: see there.
    """

    run: RunSettings = RunSettings()
    enabled: bool = True
    hotkeys: HotkeySettings = HotkeySettings()
    desktop: DesktopSettings = DesktopSettings()
