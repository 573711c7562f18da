"""Run as a program: exit code 0 if a tray backend can be started here. It may crash or hang; nobody is harmed."""

from __future__ import annotations

import os
import sys


def probe(backend: str) -> None:
    """Load what the backend needs; raises or dies where it cannot work."""
    if backend == "qt":
        from PySide6.QtWidgets import QApplication

        QApplication([])
        return
    os.environ["PYSTRAY_BACKEND"] = backend
    import pystray

    if backend != "xorg":  # without a session bus these two hang when they are run
        from gi.repository import Gio  # type: ignore[import-not-found, unused-ignore]

        Gio.bus_get_sync(Gio.BusType.SESSION, None)
    pystray.Icon("probe")


if __name__ == "__main__":
    probe(sys.argv[1])
