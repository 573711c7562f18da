"""The tray by Qt: works on StatusNotifier and on XEmbed trays, without PyGObject, with thumbnails in the menu."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier, Signal
from PySide6.QtGui import QAction, QActionGroup, QIcon, QImage, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from vcam.daemon.state import Mood, State
from vcam.desktop.icon import draw_icon
from vcam.desktop.menu import Action, Item, Menu, tooltip
from vcam.desktop.translate import Translate

ICON_SIDES_PX = (16, 22, 24, 32, 48, 64)
MESSAGE_MS = 6000

log = logging.getLogger(__name__)


def application() -> QApplication:
    """The one Qt application of this process."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    app = QApplication(["facewarp"])
    app.setApplicationName("facewarp-cam")
    app.setApplicationDisplayName("FaceWarp Cam")
    app.setDesktopFileName("facewarp-cam")
    app.setQuitOnLastWindowClosed(False)
    return app


def mood_icon(mood: Mood) -> QIcon:
    """The drawn icon in the usual sizes."""
    icon = QIcon()
    for side in ICON_SIDES_PX:
        pixels = draw_icon(mood, side)
        image = QImage(pixels.tobytes(), side, side, side * 4, QImage.Format.Format_RGBA8888)
        icon.addPixmap(QPixmap.fromImage(image))
    return icon


class QtTray(QObject):
    """See ``vcam.desktop.tray.Tray``.

    Args:
        menu_of: the menu for a state.
        act: takes the action of a chosen item.
        thumbnail: the picture of a face by its id, or None.
        tr: texts in the user's language.
    """

    _shown = Signal(object)
    _told = Signal(str)
    _stopped = Signal()

    def __init__(
        self,
        menu_of: Callable[[State], Menu],
        act: Callable[[Action], None],
        thumbnail: Callable[[str], QIcon | None],
        tr: Translate,
    ) -> None:
        self._app = application()
        super().__init__()
        self._menu_of, self._act, self._thumbnail, self._tr = menu_of, act, thumbnail, tr
        self._icons = {mood: mood_icon(mood) for mood in Mood}
        self._menu = QMenu()
        self._shown_menu: Menu = ()
        self._default: Action | None = None
        self._tray = QSystemTrayIcon(self._icons[Mood.SAFE], self)
        self._tray.setContextMenu(self._menu)
        self._tray.activated.connect(self._activated)
        self._shown.connect(self._show)
        self._told.connect(self._tell)
        self._stopped.connect(self._app.quit)

    def run(self) -> None:
        """Show the icon until ``stop``; Python's signal handlers are heard meanwhile."""
        self._tray.show()
        if not QSystemTrayIcon.isSystemTrayAvailable():
            log.info("no tray yet; the icon appears as soon as there is one")
        wakeup = _WakeForSignals()
        self._app.exec()
        wakeup.close()
        self._tray.hide()

    def show(self, state: State) -> None:
        """The state has changed."""
        self._shown.emit(state)

    def tell(self, sentence: str) -> None:
        """Show a message."""
        self._told.emit(sentence)

    def stop(self) -> None:
        """End ``run``."""
        self._stopped.emit()

    def _show(self, state: State) -> None:
        self._tray.setIcon(self._icons[state.mood])
        self._tray.setToolTip(tooltip(state, self._tr))
        menu = self._menu_of(state)
        if menu != self._shown_menu:  # an open menu is not torn down for nothing
            self._shown_menu = menu
            self._default = next((item.action for item in menu if item is not None and item.default), None)
            self._menu.clear()
            self._fill(self._menu, menu)

    def _tell(self, sentence: str) -> None:
        self._tray.showMessage("FaceWarp Cam", sentence, self._icons[Mood.ON], MESSAGE_MS)

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger and self._default is not None:
            self._act(self._default)

    def _fill(self, menu: QMenu, items: Menu) -> None:
        group: QActionGroup | None = None
        for item in items:
            if item is None:
                menu.addSeparator()
            elif item.children:
                submenu = menu.addMenu(item.text)
                submenu.setEnabled(item.enabled)
                self._fill(submenu, item.children)
            else:
                action = self._add(menu, item)
                if item.radio:
                    group = group or QActionGroup(menu)
                    group.addAction(action)
            if item is None or not item.radio:
                group = None

    def _add(self, menu: QMenu, item: Item) -> QAction:
        action = menu.addAction(item.text.replace("&", "&&"))
        action.setEnabled(item.enabled)
        if item.checked is not None:
            action.setCheckable(True)
            action.setChecked(item.checked)
        if item.default:
            font = action.font()
            font.setBold(True)
            action.setFont(font)
        icon = self._thumbnail(item.face) if item.face else None
        if icon is not None:
            action.setIcon(icon)
        chosen = item.action
        if chosen is not None:
            action.triggered.connect(lambda _checked=False, chosen=chosen: self._act(chosen))
        return action


class _WakeForSignals:
    """Lets Python run its signal handlers while Qt's loop waits: a signal writes a byte, the byte wakes the loop."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._before = signal.set_wakeup_fd(self._write.fileno())
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(lambda: self._read.recv(64))

    def close(self) -> None:
        signal.set_wakeup_fd(self._before)
        self._notifier.setEnabled(False)
        self._read.close()
        self._write.close()
