"""Opens the panel from any thread; the window is made when it is first wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QIcon

from vcam.daemon.daemon import Daemon
from vcam.desktop.translate import Translate

if TYPE_CHECKING:
    from vcam.desktop.panel.window import PanelWindow


CHECK_PAGE = 5


class PanelOpener(QObject):
    """Lives in the GUI thread.

    Args:
        daemon: running.
        tr: texts in the user's language.
    """

    _wanted = Signal(int)

    def __init__(self, daemon: Daemon, tr: Translate) -> None:
        from vcam.desktop.tray_qt import application

        application()
        super().__init__()
        self._daemon, self._tr = daemon, tr
        self._window: PanelWindow | None = None
        self._wanted.connect(self._open, Qt.ConnectionType.QueuedConnection)

    def open(self) -> None:
        """Show the panel soon."""
        self._wanted.emit(-1)

    def open_check(self) -> None:
        """Show the panel's page of the self-check soon."""
        self._wanted.emit(CHECK_PAGE)

    def thumbnail(self, face_id: str) -> QIcon | None:
        """The picture of a face for the menu."""
        from vcam.desktop.panel.pictures import face_icon

        return face_icon(self._daemon.faces, face_id)

    def _open(self, page: int) -> None:
        from vcam.desktop.panel.window import PanelWindow

        if self._window is None:
            self._window = PanelWindow(self._daemon, self._tr)
        if page >= 0:
            self._window.open_page(page)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()
