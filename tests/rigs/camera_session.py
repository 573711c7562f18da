"""A private desktop session: D-Bus, PipeWire, WirePlumber, and for browsers a screen in memory and the camera portal.

Nothing of it touches the session of whoever runs the tests, and no root is needed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from rigs.processes import Processes, wait_until
from rigs.requirements import need_programs

SESSION_PROGRAMS = ("dbus-daemon", "pipewire", "wireplumber", "wpctl", "gdbus")
PORTAL_PROGRAMS = ("Xvfb", "xdg-desktop-portal", "xdg-desktop-portal-gtk", "xdg-permission-store")
LIBEXEC = "/usr/libexec"


class CameraSession:
    """The session's programs and the environment in which others take part in it.

    Attributes:
        environment: what a program needs to belong to the session.
        processes: everything that runs in it.
    """

    def __init__(self, folder: Path) -> None:
        """Lay out the folders; ``folder`` must have a short path, for the sockets in it."""
        need_programs(*SESSION_PROGRAMS)
        self._runtime, home, logs = folder / "run", folder / "home", folder / "logs"
        for path in (self._runtime, home, logs):
            path.mkdir(parents=True)
        self._runtime.chmod(0o700)
        kept = {name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "DISPLAY")}
        self.environment = kept | {
            "XDG_RUNTIME_DIR": str(self._runtime),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local/share"),
            "XDG_STATE_HOME": str(home / ".local/state"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._runtime}/bus",
        }
        self.processes = Processes(logs, self.environment)

    def __enter__(self) -> CameraSession:
        self.processes.start(
            "dbus", "dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={self._runtime}/bus"
        )
        wait_until((self._runtime / "bus").exists, "the D-Bus socket")
        self.start_pipewire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.stop_all()

    def start_pipewire(self) -> None:
        """Start PipeWire and its session manager."""
        self.processes.start("pipewire", "pipewire")
        wait_until((self._runtime / "pipewire-0").exists, "PipeWire's socket")
        self.processes.start("wireplumber", "wireplumber")
        wait_until(lambda: "WirePlumber" in self.status(), "WirePlumber")

    def stop_pipewire(self) -> None:
        """End both, as when a user's session ends."""
        self.processes.stop("wireplumber")
        self.processes.stop("pipewire")

    def start_portal(self) -> None:
        """Start a screen and the portal through which browsers find cameras; permission is given in advance.

        The camera must be there already: xdg-desktop-portal 1.16 looks for cameras only when it starts.
        """
        need_programs(*PORTAL_PROGRAMS)
        self.environment["DISPLAY"] = self._start_screen()
        start = self.processes.start
        start("permissions", f"{LIBEXEC}/xdg-permission-store", DISPLAY=self.environment["DISPLAY"])
        start("portal-gtk", f"{LIBEXEC}/xdg-desktop-portal-gtk", DISPLAY=self.environment["DISPLAY"], GDK_BACKEND="x11")
        store = "org.freedesktop.impl.portal.PermissionStore"
        wait_until(lambda: self._is_on_bus(store), "the permission store")
        wait_until(lambda: self._is_on_bus("org.freedesktop.impl.portal.desktop.gtk"), "the portal's backend")
        path = "/org/freedesktop/impl/portal/PermissionStore"
        self._call(store, path, f"{store}.SetPermission", "devices", "true", "camera", "", "['yes']")
        start("portal", f"{LIBEXEC}/xdg-desktop-portal", DISPLAY=self.environment["DISPLAY"])
        wait_until(lambda: self._is_on_bus("org.freedesktop.portal.Desktop"), "the portal")

    def _start_screen(self) -> str:
        reading, writing = os.pipe()
        with os.fdopen(reading) as number, self.processes.log("screen").open("wb") as log:
            screen = subprocess.Popen(
                ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
                env=self.environment,
                pass_fds=[writing],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            os.close(writing)
            self.processes.adopt("screen", screen)
            return f":{number.readline().strip()}"

    def status(self) -> str:
        """What ``wpctl status`` says."""
        command = ["wpctl", "status"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=10)
        return done.stdout

    def wait_for_camera(self, description: str = "FaceWarp Cam") -> None:
        """Wait until the session shows a camera."""
        wait_until(lambda: description in self.status(), f"the camera {description!r}")

    def _call(self, destination: str, path: str, method: str, *arguments: str) -> str:
        command = ["gdbus", "call", "--session", "-d", destination, "-o", path, "-m", method, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=10)
        return done.stdout

    def _is_on_bus(self, name: str) -> bool:
        bus = "org.freedesktop.DBus"
        return "true" in self._call(bus, "/org/freedesktop/DBus", f"{bus}.NameHasOwner", name)
