import asyncio
import shutil
import subprocess
import threading

import pytest

from fake_portal import own_portal
from vcam.config import Hotkey, HotkeySettings, parse_hotkey
from vcam.desktop.hotkey import Route, advice, choose_routes, start_hotkeys
from vcam.desktop.hotkey_portal import trigger
from vcam.desktop.hotkey_windows import virtual_key
from vcam.desktop.menu import Action

KEY = Hotkey(("Ctrl", "Alt"), "F")


@pytest.mark.parametrize(
    ("platform", "environment", "routes"),
    [
        ("linux", {"DISPLAY": ":0"}, (Route.X11, Route.ADVICE)),
        ("linux", {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, (Route.PORTAL, Route.ADVICE)),
        ("linux", {"XDG_SESSION_TYPE": "wayland"}, (Route.PORTAL, Route.ADVICE)),
        ("linux", {}, ()),
        ("win32", {}, (Route.WINDOWS, Route.ADVICE)),
        ("darwin", {}, (Route.ADVICE,)),
    ],
)
def test_the_route_follows_the_session(platform, environment, routes):
    assert choose_routes(platform, environment) == routes


@pytest.mark.parametrize(
    ("platform", "desktop", "line"),
    [
        ("linux", "sway", "bindsym Ctrl+Mod1+f exec facewarp toggle"),
        ("linux", "Hyprland", "bind = CTRL ALT, F, exec, facewarp toggle"),
        ("linux", "XFCE", "-p '/commands/custom/<Primary><Alt>f' -s 'facewarp toggle'"),
        ("linux", "ubuntu:GNOME", "Settings > Keyboard > Custom Shortcuts: command 'facewarp toggle', key Ctrl+Alt+F"),
        ("linux", "KDE", "Add Command: 'facewarp toggle', key Ctrl+Alt+F"),
        ("linux", "", "key Ctrl+Alt+F, command 'facewarp toggle'"),
        ("darwin", "", "Accessibility permission"),
        ("win32", "", "in its properties"),
    ],
)
def test_the_advice_is_exact(platform, desktop, line):
    assert line in advice(KEY, "facewarp toggle", platform, {"XDG_CURRENT_DESKTOP": desktop})


@pytest.mark.parametrize(
    ("text", "portal", "windows"),
    [
        ("ctrl+alt+f", "CTRL+ALT+f", 0x46),
        ("Super+Space", "LOGO+space", 0x20),
        ("Shift+Ctrl+F12", "CTRL+SHIFT+F12", 0x7B),
    ],
)
def test_names_of_keys(text, portal, windows):
    key = parse_hotkey(text)
    assert trigger(key) == portal
    assert virtual_key(key.key) == windows


def test_no_keys_no_listener():
    told = []
    start_hotkeys(HotkeySettings(None, None), lambda action: None, told.append, {"DISPLAY": ":9999"}, "linux")()
    assert told == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # python-xlib leaves its sockets open
def test_without_an_x_server_the_advice_is_given():
    told = []
    start_hotkeys(HotkeySettings(), lambda action: None, told.append, {"DISPLAY": ":9999"}, "linux")()
    assert len(told) == 2
    assert "facewarp toggle" in told[0]


@pytest.fixture
def session_bus(monkeypatch):
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    daemon = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE)
    address = daemon.stdout.readline().decode().strip()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    yield address
    daemon.terminate()
    daemon.wait(5)
    daemon.stdout.close()


def test_without_a_portal_the_advice_is_given(session_bus):
    told = []
    environment = {"WAYLAND_DISPLAY": "wayland-0", "XDG_CURRENT_DESKTOP": "sway"}
    start_hotkeys(HotkeySettings(), lambda action: None, told.append, environment, "linux")()
    assert "bindsym Ctrl+Mod1+f exec facewarp toggle" in told[0]


def test_the_portal_gives_keys(session_bus):
    acted, pressed = [], threading.Event()

    def act(action):
        acted.append(action)
        pressed.set()

    async def scene():
        bus, portal = await own_portal(session_bus)
        stop = await asyncio.to_thread(
            start_hotkeys, HotkeySettings(), act, acted.append, {"WAYLAND_DISPLAY": "wayland-0"}, "linux"
        )
        await asyncio.wait_for(portal.bound.wait(), 5)
        portal.press("next")
        assert await asyncio.to_thread(pressed.wait, 5)
        await asyncio.to_thread(stop)
        bus.disconnect()
        return portal.shortcuts

    shortcuts = asyncio.run(scene())
    assert acted == [Action("next")]
    assert [(name, options["preferred_trigger"].value) for name, options in shortcuts] == [
        ("toggle", "CTRL+ALT+f"),
        ("next", "CTRL+ALT+n"),
    ]
