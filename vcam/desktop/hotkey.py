"""Keys that work in every program: which way this session offers, and the advice where it offers none."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from vcam.config import Hotkey, HotkeySettings
from vcam.desktop.menu import Action

log = logging.getLogger(__name__)


class Route(StrEnum):
    """A way to get keys."""

    X11 = "x11"
    PORTAL = "portal"
    WINDOWS = "windows"
    ADVICE = "advice"


def choose_routes(platform: str, environment: Mapping[str, str]) -> tuple[Route, ...]:
    """The ways to try on this session, the best first.

    On Wayland a key grab would only see keys pressed in X programs, so it is not tried there.
    """
    if platform == "win32":
        return (Route.WINDOWS, Route.ADVICE)
    if platform == "darwin":
        return (Route.ADVICE,)
    if environment.get("WAYLAND_DISPLAY") or environment.get("XDG_SESSION_TYPE") == "wayland":
        return (Route.PORTAL, Route.ADVICE)
    return (Route.X11, Route.ADVICE) if environment.get("DISPLAY") else ()


def advice(key: Hotkey, command: str, platform: str, environment: Mapping[str, str]) -> str:
    """The exact line that binds a key to a command in the running desktop."""
    if platform == "darwin":
        return (
            f"macOS gives keys only to programs with the Accessibility permission. Without it: make a shortcut in "
            f"Shortcuts.app that runs the shell script '{command}', and give it the key {key} in its details"
        )
    if platform == "win32":
        return f"make a link to '{command}' on the desktop and give it the key {key} in its properties"
    desktop = environment.get("XDG_CURRENT_DESKTOP", "").casefold()
    letter = key.key.lower()
    for name, line in (
        ("hyprland", f"bind = {' '.join(key.modifiers).upper()}, {key.key.upper()}, exec, {command}"),
        ("sway", f"bindsym {_wlroots(key)}+{letter} exec {command}"),
        ("river", f"riverctl map normal {_wlroots(key)} {letter.upper()} spawn '{command}'"),
        ("xfce", f"xfconf-query -c xfce4-keyboard-shortcuts -n -t string -p {_gtk(key)!r} -s '{command}'"),
    ):
        if name in desktop:
            return f"bind it yourself in {name.capitalize()}: {line}"
    if "gnome" in desktop:
        return f"bind it yourself in GNOME: Settings > Keyboard > Custom Shortcuts: command '{command}', key {key}"
    if "kde" in desktop:
        return f"bind it yourself in KDE: System Settings > Shortcuts > Add Command: '{command}', key {key}"
    return f"bind it yourself in your desktop's keyboard settings: key {key}, command '{command}'"


def _wlroots(key: Hotkey) -> str:
    return "+".join({"Alt": "Mod1", "Super": "Mod4"}.get(name, name) for name in key.modifiers)


def _gtk(key: Hotkey) -> str:
    modifiers = "".join(f"<{'Primary' if name == 'Ctrl' else name}>" for name in key.modifiers)
    return f"/commands/custom/{modifiers}{key.key.lower()}"


@dataclass(frozen=True, slots=True)
class Wish:
    """Which keys are wanted, and in which session.

    Attributes:
        keys: name of the action by key.
        act: takes the action of a pressed key, in the listener's thread.
        tell: takes a sentence for the user.
        environment: of the session.
        platform: ``sys.platform``.
    """

    keys: Mapping[Hotkey, str]
    act: Callable[[Action], None]
    tell: Callable[[str], None]
    environment: Mapping[str, str]
    platform: str

    def calls(self) -> dict[Hotkey, Callable[[], None]]:
        """What to call for which key."""
        return {key: partial(self.act, Action(name)) for key, name in self.keys.items()}


def start_hotkeys(
    settings: HotkeySettings,
    act: Callable[[Action], None],
    tell: Callable[[str], None],
    environment: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> Callable[[], None]:
    """Listen for the keys by the first way that works, or tell how to bind them. Returns what ends it."""
    wanted = ((settings.toggle, "toggle"), (settings.next_face, "next"))
    wish = Wish({key: name for key, name in wanted if key is not None}, act, tell, environment, platform)
    for route in choose_routes(platform, environment) if wish.keys else ():
        try:
            stop = _START[route](wish)
        except OSError as error:
            log.info("hotkeys by %s: %s", route, error)
            continue
        log.info("hotkeys: %s", route)
        return stop
    return lambda: None


def _start_x11(wish: Wish) -> Callable[[], None]:
    from vcam.desktop.hotkey_x11 import X11Hotkeys

    listening = X11Hotkeys(wish.calls(), wish.environment.get("DISPLAY"))
    _tell_taken(wish, listening.taken)
    return listening.close


def _start_windows(wish: Wish) -> Callable[[], None]:
    from vcam.desktop.hotkey_windows import WindowsHotkeys

    listening = WindowsHotkeys(wish.calls())
    _tell_taken(wish, listening.taken)
    return listening.close


def _start_portal(wish: Wish) -> Callable[[], None]:
    from vcam.desktop.hotkey_portal import PortalHotkeys

    calls = wish.calls()
    return PortalHotkeys({key: (name, calls[key]) for key, name in wish.keys.items()}).close


def _give_advice(wish: Wish) -> Callable[[], None]:
    for key, name in wish.keys.items():
        line = advice(key, f"facewarp {name}", wish.platform, wish.environment)
        wish.tell(f"This desktop gives no program a key of its own; {line}")
    return lambda: None


def _tell_taken(wish: Wish, taken: tuple[Hotkey, ...]) -> None:
    for key in taken:
        setting = "toggle_key" if wish.keys[key] == "toggle" else "next_face_key"
        wish.tell(f"The key {key} is taken by another program; choose another one in the settings ({setting})")


_START: dict[Route, Callable[[Wish], Callable[[], None]]] = {
    Route.X11: _start_x11,
    Route.PORTAL: _start_portal,
    Route.WINDOWS: _start_windows,
    Route.ADVICE: _give_advice,
}
