"""A small desktop for tests: X server, session bus, window manager, and a tray of either kind. Ends what it started."""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOOLS = ("Xvfb", "openbox", "xdotool", "dbus-daemon", "xwininfo", "import")
FACE_ROW = 0.2  # where the tray menu's row "Face" is, as a part of the menu's height
WAIT_S = 40.0  # a busy machine is slow to start a desktop
PANEL_XML = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"""


def missing_tools(*more):
    """Names of programs that are not installed."""
    return [name for name in (*TOOLS, *more) if shutil.which(name) is None]


def until(condition, what, timeout_s=WAIT_S):
    """The condition's first true value."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout_s} s in vain for {what}")


def end_all(processes, wait_s):
    """End programs, the last one started first; those that do not end in time are killed."""
    for process in reversed(processes):
        process.terminate()
    for process in reversed(processes):
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(wait_s)
        if process.stdout:
            process.stdout.close()


class DesktopSession:
    """Use it as a context manager.

    Attributes:
        environment: for programs of this session.
        folder: home, runtime directory and logs.
    """

    def __init__(self, folder: Path, size="1280x800"):
        self.folder, self.size = folder, size
        self.processes = []
        self.environment = {}

    def __enter__(self):
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        base = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")}
        home = {"HOME": self.folder, "XDG_RUNTIME_DIR": runtime, "XDG_CONFIG_HOME": self.folder / "config"}
        more = {
            "XDG_STATE_HOME": self.folder / "state",
            "XDG_DATA_HOME": self.folder / "data",
            "QT_QPA_PLATFORM": "xcb",
        }
        self.environment = base | {k: str(v) for k, v in (home | more).items()} | {"NO_AT_BRIDGE": "1"}
        read, write = os.pipe()
        self.start("Xvfb", "-displayfd", str(write), "-screen", "0", f"{self.size}x24", pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as displays:
            self.environment["DISPLAY"] = ":" + displays.readline().strip()
        address = self.start("dbus-daemon", "--session", "--nofork", "--print-address=1", stdout=subprocess.PIPE)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = address.stdout.readline().decode().strip()
        self.start("openbox")
        return self

    def __exit__(self, *_):
        end_all(self.processes, 5)

    def start(self, *command, stdout=None, **options):
        """A program of this session, ended with it."""
        log = (self.folder / f"{Path(command[0]).name}.txt").open("ab")
        process = subprocess.Popen(command, env=self.environment, stdout=stdout or log, stderr=log, **options)
        log.close()
        self.processes.append(process)
        return process

    def start_tray(self, kind):
        """``trayer`` for XEmbed, ``xfce4-panel`` for StatusNotifier."""
        if kind == "trayer":
            self.start("trayer", "--edge", "top", "--align", "right", "--widthtype", "request", "--height", "28",
                       "--SetDockType", "true", "--transparent", "false")  # fmt: skip
            return
        folder = self.folder / "config" / "xfce4" / "xfconf" / "xfce-perchannel-xml"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "xfce4-panel.xml").write_text(PANEL_XML)
        self.start("xfce4-panel", "--disable-wm-check")
        until(lambda: self.bus_names("org.kde.StatusNotifierWatcher"), "the StatusNotifier host")

    def start_program(self, sent, *arguments):
        """``desktop_program.py`` of this folder."""
        return self.start(sys.executable, str(Path(__file__).with_name("desktop_program.py")), str(sent), *arguments)

    def bus_names(self, name):
        """Whether somebody owns that name on the session bus."""
        call = ("gdbus", "call", "--session", "-d", "org.freedesktop.DBus", "-o", "/org/freedesktop/DBus", "-m",
                "org.freedesktop.DBus.NameHasOwner", name)  # fmt: skip
        return "true" in self.ask(*call)

    def ask(self, *command):
        """What a program of this session prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        return done.stdout

    def facewarp(self, *arguments):
        """The command, in this session: (exit code, output)."""
        command = [sys.executable, "-m", "vcam", *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=WAIT_S, check=False,
            cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def popups(self):
        """(x, y, width, height) of every open menu."""
        found = []
        for line in self.ask("xwininfo", "-root", "-children").splitlines():
            parts = line.split()
            if not parts or not parts[0].startswith("0x"):
                continue
            info = self.ask("xwininfo", "-id", parts[0])
            if "Override Redirect State: yes" not in info or "IsViewable" not in info:
                continue
            values = {key.strip(): value.strip() for key, _, value in (row.partition(":") for row in info.splitlines())}
            keys = ("Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")
            x, y, width, height = (int(values[key]) for key in keys)
            if width > 60 and height > 60:
                found.append((x, y, width, height))
        return found

    def click(self, x, y, button=1):
        """A real click."""
        self.ask("xdotool", "mousemove", str(x), str(y), "click", str(button))

    def open_menu(self, x, y):
        """A right click there, another one if no menu came: (x, y, width, height) of the menu."""
        give_up_at = time.monotonic() + WAIT_S
        while time.monotonic() < give_up_at:
            self.click(x, y, button=3)
            with contextlib.suppress(AssertionError):
                return until(self.popups, "the menu", 4.0)[0]
        raise AssertionError("the menu does not open")

    def open_faces(self, menu):
        """The submenu of faces, beside an open menu: (x, y, width, height)."""
        x, y, _, height = menu
        steps = itertools.cycle((40, 44))  # a pointer that rests opens nothing

        def opened():
            self.ask("xdotool", "mousemove", str(x + next(steps)), str(int(y + height * FACE_ROW)))
            time.sleep(0.3)
            return len(found := self.popups()) == 2 and found

        return until(opened, "the submenu of faces")[0]

    def screenshot(self, path):
        """The whole screen as a PNG."""
        self.ask("import", "-window", "root", str(path))
