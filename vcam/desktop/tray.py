"""Which tray there is, and what all of them can do.

pystray's own choice of backend is brittle: imports that raise strange errors, a hang without a session bus.
So the order is ours, and on Linux each candidate is first tried in a process of its own (``probe``).
"""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Protocol

from vcam.config import TrayBackend
from vcam.daemon.state import State

PROBE_S = 20.0  # a busy computer needs long to start a process; a backend that hangs is waited for once

log = logging.getLogger(__name__)


class Tray(Protocol):
    """An icon with a menu. All but ``run`` may be called from any thread."""

    def run(self) -> None:
        """Show it until ``stop``; in the main thread."""
        ...

    def show(self, state: State) -> None:
        """The state has changed."""
        ...

    def tell(self, sentence: str) -> None:
        """Show a message, if that is possible."""
        ...

    def stop(self) -> None:
        """End ``run``."""
        ...


def has_qt() -> bool:
    """Whether the extra gui is installed."""
    return importlib.util.find_spec("PySide6") is not None


def backend_order(wanted: TrayBackend, platform: str, qt: bool) -> tuple[TrayBackend, ...]:
    """The backends to try, the best first.

    Args:
        wanted: by the settings.
        platform: ``sys.platform``.
        qt: PySide6 is installed.
    """
    if wanted is not TrayBackend.AUTO:
        return (wanted, TrayBackend.NONE) if wanted is not TrayBackend.NONE else (wanted,)
    first = (TrayBackend.QT,) if qt else ()
    if platform in ("win32", "darwin"):
        return (*first, TrayBackend.NATIVE, TrayBackend.NONE)
    return (*first, TrayBackend.APPINDICATOR, TrayBackend.GTK, TrayBackend.XORG, TrayBackend.NONE)


def works(backend: TrayBackend) -> bool:
    """Try a backend in a process of its own, where it may crash or hang as it likes."""
    if backend is TrayBackend.NONE or sys.platform in ("win32", "darwin") or getattr(sys, "frozen", False):
        return True
    command = [sys.executable, "-m", "vcam.desktop.probe", backend.value]
    try:
        tried = subprocess.run(command, capture_output=True, timeout=PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.info("tray %s: %s", backend, error)
        return False
    if tried.returncode != 0:
        lines = tried.stderr.decode(errors="replace").strip().splitlines()
        log.info("tray %s does not work here: %s", backend, lines[-1] if lines else f"exit code {tried.returncode}")
    return tried.returncode == 0


def choose_backend(order: tuple[TrayBackend, ...], try_it: Callable[[TrayBackend], bool] = works) -> TrayBackend:
    """The first that works; the last one, none, always does."""
    return next(backend for backend in order if try_it(backend))
