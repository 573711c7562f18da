"""The desktop's part of the self-check: tray, keys, portal, panel, autostart."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from vcam.config import HotkeySettings, TrayBackend
from vcam.desktop.autostart import is_autostarted, is_stale, is_unit_enabled, set_autostart, set_unit
from vcam.desktop.hotkey import Route, advice, choose_routes
from vcam.desktop.tray import backend_order, choose_backend, has_qt
from vcam.doctor import Finding, Health

_EXTENSION = "on GNOME, install the extension AppIndicator and KStatusNotifierItem Support"


def examine_desktop(hotkeys: HotkeySettings, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look at what a desktop must offer."""
    if sys.platform == "linux" and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        yield Finding("desktop", Health.NOTE, "none: the program can run with --headless", "facewarp --headless")
        return
    yield _check_panel()
    yield _check_tray()
    if sys.platform == "linux":
        yield _check_tray_host()
    yield from _check_hotkeys(hotkeys, environment)
    yield _check_autostart()


def _check_panel() -> Finding:
    if has_qt():
        return Finding("panel", Health.OK, "PySide6 is installed")
    return Finding("panel", Health.NOTE, "PySide6 is not installed", "pip install 'facewarp-cam[gui]'")


def _check_tray() -> Finding:
    backend = choose_backend(backend_order(TrayBackend.AUTO, sys.platform, has_qt()))
    if backend is TrayBackend.NONE:
        return Finding("tray", Health.FAULT, "no way to show an icon works here", "pip install 'facewarp-cam[gui]'")
    return Finding("tray", Health.OK, f"shown by {backend}")


def _check_tray_host() -> Finding:
    hosts = [name for name, there in (("StatusNotifier", _has_watcher()), ("XEmbed", _has_xembed())) if there]
    if hosts:
        return Finding("tray host", Health.OK, " and ".join(hosts))
    return Finding("tray host", Health.FAULT, "this desktop shows no tray icons", _EXTENSION)


def _check_hotkeys(hotkeys: HotkeySettings, environment: Mapping[str, str]) -> Iterator[Finding]:
    routes = choose_routes(sys.platform, environment)
    if Route.PORTAL in routes and not _owned("org.freedesktop.portal.Desktop"):
        routes = (Route.ADVICE,)
    if hotkeys.toggle is None or not routes:
        yield Finding("keys", Health.NOTE, "none")
    elif routes[0] is Route.ADVICE:
        line = advice(hotkeys.toggle, "facewarp toggle", sys.platform, environment)
        yield Finding("keys", Health.NOTE, "this desktop gives no program a key of its own", line)
    else:
        yield Finding("keys", Health.OK, f"{hotkeys.toggle} by {routes[0]}")


def _check_autostart() -> Finding:
    if not is_autostarted():
        return Finding("autostart", Health.OK, "off")
    if is_stale():
        text = "on, but what it starts is no longer this program"
        headless = is_unit_enabled()
        return Finding(
            "autostart",
            Health.FAULT,
            text,
            "facewarp autostart on" + (" --headless" if headless else ""),
            lambda: set_unit(True) if headless else set_autostart(True),
        )
    return Finding("autostart", Health.OK, "by systemd, without a desktop" if is_unit_enabled() else "on")


def _has_xembed() -> bool:
    from Xlib import display, error

    try:
        screen = display.Display()
    except (error.DisplayError, OSError):
        return False
    try:
        atom = screen.intern_atom(f"_NET_SYSTEM_TRAY_S{screen.get_default_screen()}")
        return bool(screen.get_selection_owner(atom))
    finally:
        screen.close()


def _has_watcher() -> bool:
    return _owned("org.kde.StatusNotifierWatcher")


def _owned(name: str) -> bool:
    """Whether some program has that name on the session bus."""
    import asyncio

    from vcam.desktop.session_bus import is_owned

    try:
        return asyncio.run(is_owned(name))
    except (OSError, EOFError, ValueError):
        return False
