"""Keys under a real Wayland compositor: sway without a screen, with a portal and without one."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from desktop_fakes import RAW_GREY, colour_of
from fake_portal import own_portal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rigs"))
from desktop_program import RECORD
from desktop_session import end_all, until

RIGS = Path(__file__).resolve().parents[1] / "rigs"
TOOLS = ("sway", "swaymsg", "wtype", "dbus-daemon", "unshare")
# sway refuses to run as root; in a user namespace root is somebody else, though still the same user to our program.
AS_SOMEBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.getuid() == 0 else ()


def why_not():
    """Why there can be no sway here; empty where there can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (see tests/rigs/packages-desktop.txt)"
    if AS_SOMEBODY and subprocess.run([*AS_SOMEBODY, "true"], capture_output=True, check=False).returncode:
        return "sway refuses root, and this system gives no user namespaces"
    return ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]


class Sway:
    """A session of sway; ends what it has started.

    Attributes:
        environment: for programs of this session.
    """

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        (folder / "run").mkdir(mode=0o700)
        (folder / "bin").mkdir()
        command = folder / "bin" / "facewarp"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vcam "$@"\n')
        command.chmod(0o755)
        left_out = ("DISPLAY", "WAYLAND_DISPLAY", "SWAYSOCK")
        self.environment = {name: value for name, value in os.environ.items() if name not in left_out} | {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CURRENT_DESKTOP": "sway",
            "XDG_SESSION_TYPE": "wayland",
            "WLR_BACKENDS": "headless",
            "WLR_RENDERER": "pixman",
            "WLR_LIBINPUT_NO_DEVICES": "1",
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(RIGS.parents[1]),
        }

    def __enter__(self):
        bus = self.start("dbus-daemon", "--session", "--nofork", "--print-address=1", stdout=subprocess.PIPE)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        configuration = self.folder / "sway.conf"
        configuration.write_text("xwayland disable\n")
        self.start(*AS_SOMEBODY, "sway", "-c", str(configuration))
        ipc = until(lambda: next((self.folder / "run").glob("sway-ipc.*.sock"), None), "sway")
        display = until(lambda: next((self.folder / "run").glob("wayland-?"), None), "sway's display")
        self.environment |= {"SWAYSOCK": str(ipc), "WAYLAND_DISPLAY": display.name}
        return self

    def __exit__(self, *_):
        end_all(self.processes, 10)

    def start(self, *command, stdout=None):
        with (self.folder / f"{Path(command[0]).name}.txt").open("ab") as log:
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=stdout or log, stderr=log))
        return self.processes[-1]

    def start_program(self, sent):
        """The program; what it says to the terminal, so far."""
        self.start(sys.executable, str(RIGS / "desktop_program.py"), str(sent), "--tray", "none")
        return (self.folder / f"{Path(sys.executable).name}.txt").read_text

    def run(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr


@pytest.fixture
def sway(tmp_path):
    with Sway(tmp_path) as running:
        yield running


def wait_for_grey(path, grey):
    """A picture of that grey level is sent from now on."""
    began = time.monotonic()

    def sent():
        data = path.read_bytes() if path.exists() else b""
        whole = data[: len(data) // RECORD.size * RECORD.size]
        return any(at >= began and level == grey for at, level in RECORD.iter_unpack(whole))

    until(sent, f"grey level {grey}")


def test_without_a_portal_the_printed_line_binds_the_key(sway):
    sent = sway.folder / "sent.bin"
    said = sway.start_program(sent)
    wait_for_grey(sent, colour_of("ana"))
    line = until(lambda: re.search(r"bind it yourself in Sway: (bindsym .* exec facewarp toggle)", said()), "the line")
    assert '"success": true' in sway.run("swaymsg", "--raw", line[1])
    sway.run("wtype", "-M", "ctrl", "-M", "alt", "-k", "f", "-m", "alt", "-m", "ctrl")
    wait_for_grey(sent, RAW_GREY)
    sway.run("wtype", "-M", "ctrl", "-M", "alt", "-k", "f", "-m", "alt", "-m", "ctrl")
    wait_for_grey(sent, colour_of("ana"))


def test_with_a_portal_its_keys_change_the_frames(sway):
    sent = sway.folder / "sent.bin"

    async def scene():
        bus, portal = await own_portal(sway.environment["DBUS_SESSION_BUS_ADDRESS"])
        sway.start_program(sent)
        await asyncio.wait_for(portal.bound.wait(), 40)
        await asyncio.to_thread(wait_for_grey, sent, colour_of("ana"))
        for name, grey in (("toggle", RAW_GREY), ("toggle", colour_of("ana")), ("next", colour_of("ben"))):
            portal.press(name)
            await asyncio.to_thread(wait_for_grey, sent, grey)
        bus.disconnect()

    asyncio.run(scene())
