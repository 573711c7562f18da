"""The desktop's side of the running program: tray, keys, messages and panel around a daemon."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from vcam.config import TrayBackend
from vcam.daemon.daemon import Daemon
from vcam.daemon.state import Mood, State
from vcam.desktop.actions import Actions
from vcam.desktop.autostart import is_autostarted
from vcam.desktop.hotkey import start_hotkeys
from vcam.desktop.menu import Action, Menu, build_menu
from vcam.desktop.translate import Translate, translator
from vcam.desktop.tray import Tray, backend_order, choose_backend, has_qt

NO_TRAY = (
    "There is no tray here, so FaceWarp Cam runs without an icon. "
    "Control it with: facewarp toggle, next, face NAME, status, quit"
)

log = logging.getLogger(__name__)
Say = Callable[[str], None]


class NoTray:
    """In place of a tray where there is none."""

    def __init__(self, daemon: Daemon, say: Say) -> None:
        self._daemon, self._say = daemon, say

    def run(self) -> None:
        """Wait until the program shall end."""
        self._say(NO_TRAY)
        self._daemon.quit_requested.wait()

    def show(self, state: State) -> None:
        """There is nothing to show it in; the log has what matters."""

    def tell(self, sentence: str) -> None:
        """In the terminal."""
        self._say(sentence)

    def stop(self) -> None:
        """``run`` ends by itself."""


class Desktop:
    """Tray, keys and messages of one daemon.

    Args:
        daemon: running.
        backend: of the tray.
        say: writes to the terminal.
    """

    def __init__(self, daemon: Daemon, backend: TrayBackend, say: Say) -> None:
        self._daemon, self._say = daemon, say
        self._tr = translator(daemon.settings.desktop.language)
        self._last: State | None = None
        self._open_check: Callable[[], None] | None = None
        self._actions = Actions(daemon, self.tell, {"doctor": self._open_doctor})
        self._tray = self._make_tray(backend, self._tr)

    def run(self) -> None:
        """Until the program shall end."""
        self._tray.show(self._daemon.state)
        stop_listening = self._daemon.listen(self._changed)
        if self._daemon.panel_opener is not None and not self._daemon.settings.desktop.tour_seen:
            self._daemon.panel_opener()  # the first time, with the tour
        stop_hotkeys = start_hotkeys(self._daemon.settings.hotkeys, self._actions.put, self._tell_and_say)
        try:
            if not self._daemon.quit_requested.is_set():
                self._tray.run()
        finally:
            stop_listening()
            stop_hotkeys()
            self._actions.close()

    def tell(self, sentence: str) -> None:
        """Show a message, unless the user wants none. A failure is logged and harms nobody."""
        if not self._daemon.settings.desktop.notifications:
            return
        try:
            self._tray.tell(sentence)
        except Exception:
            log.exception("a message could not be shown")

    def _tell_and_say(self, sentence: str) -> None:
        self._say(sentence)
        self.tell(sentence)

    def _changed(self, state: State) -> None:
        before, self._last = self._last, state
        if state.quitting:
            self._tray.stop()
            return
        self._tray.show(state)
        if state.mood is Mood.FAULT and (before is None or before.problem != state.problem):
            self.tell(state.problem)

    def _menu_of(self, state: State) -> Menu:
        return build_menu(state, self._tr, self._daemon.panel_opener is not None, is_autostarted())

    def _open_doctor(self, _daemon: Daemon, _value: str) -> None:
        if self._open_check is None:
            self.tell(self._tr("Open a terminal and run: facewarp doctor"))
        else:
            self._open_check()

    def _make_tray(self, backend: TrayBackend, tr: Translate) -> Tray:
        act: Callable[[Action], None] = self._actions.put
        if backend is TrayBackend.NONE:
            return NoTray(self._daemon, self._say)
        if backend is not TrayBackend.QT:
            from vcam.desktop.tray_pystray import PystrayTray

            return PystrayTray(backend, self._menu_of, act, tr)
        from vcam.desktop.panel.opener import PanelOpener
        from vcam.desktop.tray_qt import QtTray

        opener = PanelOpener(self._daemon, tr)
        self._daemon.panel_opener = opener.open
        self._open_check = opener.open_check
        return QtTray(self._menu_of, act, opener.thumbnail, tr)


def run_desktop(daemon: Daemon, say: Say) -> None:
    """Show the tray until the program shall end.

    Args:
        daemon: running.
        say: writes a sentence to the terminal.
    """
    order = backend_order(daemon.settings.desktop.tray, sys.platform, has_qt())
    backend = choose_backend(order)
    log.info("tray: %s", backend)
    Desktop(daemon, backend, say).run()
