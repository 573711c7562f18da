"""The real program with a real tray: clicks by xdotool, menu events over D-Bus, seen in the frames at the device."""

import re
import sys
import time
from pathlib import Path

import pytest
from Xlib import X, display
from Xlib.ext import xtest

from desktop_fakes import RAW_GREY, colour_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rigs"))
from desktop_program import RECORD
from desktop_session import DesktopSession, missing_tools, until

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(
        bool(missing_tools("trayer", "xfce4-panel", "gdbus")), reason="see tests/rigs/packages-desktop.txt"
    ),
]
ICON_AT = {"trayer": (1268, 14), "xfce4-panel": (16, 16)}


def frames(path, since=0.0):
    """(seconds, grey level) of what was sent, from then on."""
    data = path.read_bytes() if path.exists() else b""
    whole = len(data) // RECORD.size * RECORD.size
    return [record for record in RECORD.iter_unpack(data[:whole]) if record[0] >= since]


def wait_for_grey(path, grey):
    """Seconds (monotonic) at which a picture of that grey level was next sent."""
    began = time.monotonic()
    return until(lambda: next((at for at, level in frames(path, began) if level == grey), None), f"grey level {grey}")


@pytest.fixture
def session(tmp_path):
    with DesktopSession(tmp_path) as running:
        yield running


@pytest.mark.parametrize("host", ["trayer", "xfce4-panel"])
def test_clicks_on_the_icon_and_in_the_menu_change_the_frames(session, host):
    sent = session.folder / "sent.bin"
    session.start_tray(host)
    program = session.start_program(sent, "--tray", "qt")
    wait_for_grey(sent, colour_of("ana"))
    x, y = ICON_AT[host]
    until(lambda: "hotkeys" in sent.with_suffix(".log").read_text(), "the tray program")

    def toggled():
        session.click(x, y)
        time.sleep(0.3)
        return frames(sent)[-1][1] == RAW_GREY

    until(toggled, "the first click on the icon")  # the host needs a moment to show it
    session.click(x, y)
    wait_for_grey(sent, colour_of("ana"))
    face_x, face_y, width, height = session.open_faces(session.open_menu(x, y))
    session.click(face_x + width // 2, face_y + height // 2)
    wait_for_grey(sent, colour_of("ben"))
    assert session.facewarp("quit")[0] == 0
    assert program.wait(10) == 0


def test_a_menu_event_over_dbus_changes_the_frames(session):
    sent = session.folder / "sent.bin"
    session.start_tray("xfce4-panel")
    session.start_program(sent, "--tray", "qt")
    wait_for_grey(sent, colour_of("ana"))
    watcher = (
        "gdbus",
        "introspect",
        "--session",
        "-d",
        "org.kde.StatusNotifierWatcher",
        "-o",
        "/StatusNotifierWatcher",
        "-p",
    )
    item = until(
        lambda: re.search(r"RegisteredStatusNotifierItems = \['([^'/]+)(/[^']*)'", session.ask(*watcher)), "our item"
    )
    menu = ("gdbus", "call", "--session", "-d", item[1], "-o", "/MenuBar", "-m")
    layout = until(lambda: session.ask(*menu, "com.canonical.dbusmenu.GetLayout", "0", "--", "-1", "[]"), "the menu")
    number = re.search(r"\((\d+), \{[^}]*'label': <'Next face'>", layout)[1]
    session.ask(*menu, "com.canonical.dbusmenu.Event", number, "clicked", "<''>", "0")
    wait_for_grey(sent, colour_of("ben"))


def test_the_first_start_shows_the_tour(session):
    sent = session.folder / "sent.bin"
    session.start_tray("trayer")
    session.start_program(sent, "--tray", "qt", "--first-time")
    wait_for_grey(sent, colour_of("ana"))
    title = "^FaceWarp Cam$"
    until(lambda: session.ask("xdotool", "search", "--onlyvisible", "--name", title).strip(), "the panel")


def test_without_a_tray_it_runs_and_says_how_to_control_it(session):
    sent = session.folder / "sent.bin"
    program = session.start_program(sent, "--tray", "none")
    wait_for_grey(sent, colour_of("ana"))
    assert "facewarp toggle" in until((session.folder / f"{Path(sys.executable).name}.txt").read_text, "the advice")
    code, output = session.facewarp("off")
    assert code == 0, output
    wait_for_grey(sent, RAW_GREY)
    program.terminate()
    assert program.wait(10) == 0


def test_the_hotkey_fires_every_time_from_another_focused_window(session):
    sent = session.folder / "sent.bin"
    session.start("xterm")
    session.start_program(sent, "--tray", "none")
    wait_for_grey(sent, colour_of("ana"))
    until(lambda: session.ask("xdotool", "search", "--class", "xterm").strip(), "another window")
    session.ask("xdotool", "search", "--class", "xterm", "windowfocus", "--sync")
    until(lambda: "hotkeys: x11" in sent.with_suffix(".log").read_text(), "the key grab")
    waits_ms = []
    for number in range(20):
        began = time.monotonic()
        session.ask("xdotool", "key", "ctrl+alt+f")
        at = wait_for_grey(sent, RAW_GREY if number % 2 == 0 else colour_of("ana"))
        waits_ms.append((at - began) * 1e3)
    assert len(waits_ms) == 20


CTRL, ALT, F = 37, 64, 41  # keycodes: the places of the keys, whatever is printed on them


def press(session, *codes):
    """Keys down in this order and up again, as a keyboard sends them."""
    screen = display.Display(session.environment["DISPLAY"])
    for code in codes:
        xtest.fake_input(screen, X.KeyPress, code)
    for code in reversed(codes):
        xtest.fake_input(screen, X.KeyRelease, code)
    screen.sync()
    screen.close()


@pytest.mark.parametrize(("before", "after"), [("ru", "ru"), ("gr", "gr"), ("us", "ru"), ("ru", "us")])
def test_the_hotkey_works_in_layouts_without_latin_letters(session, before, after):
    sent = session.folder / "sent.bin"
    session.ask("setxkbmap", before)
    session.start_program(sent, "--tray", "none")
    wait_for_grey(sent, colour_of("ana"))
    until(lambda: "hotkeys: x11" in sent.with_suffix(".log").read_text(), "the key grab")
    session.ask("setxkbmap", after)
    press(session, CTRL, ALT, F)
    wait_for_grey(sent, RAW_GREY)
    press(session, CTRL, ALT, F)
    wait_for_grey(sent, colour_of("ana"))


def test_a_taken_key_is_told(session):
    sent = session.folder / "sent.bin"
    session.start_program(sent, "--tray", "none", "--toggle", "Super+D")  # openbox: show the desktop
    text = session.folder / f"{Path(sys.executable).name}.txt"
    until(lambda: text.exists() and "taken by another program" in text.read_text(), "the sentence")
