"""The panel's window: pages on the left, a line for messages, and a guard that keeps errors away from the camera."""

# ruff: noqa: N802 - Qt's own names

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Protocol, cast

from PySide6.QtCore import QLibraryInfo, Qt, QTimer, QTranslator, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QStackedWidget, QVBoxLayout, QWidget

from vcam.config import Language
from vcam.daemon.daemon import Daemon
from vcam.daemon.state import State
from vcam.desktop.panel.background import Background
from vcam.desktop.panel.check_page import CheckPage
from vcam.desktop.panel.faces_page import FacesPage
from vcam.desktop.panel.live_page import LivePage
from vcam.desktop.panel.preview import PreviewFeed
from vcam.desktop.panel.settings_page import SettingsPage
from vcam.desktop.panel.speed_page import SpeedPage
from vcam.desktop.panel.style import colours, style_sheet
from vcam.desktop.panel.tour_page import TourPage
from vcam.desktop.panel.widgets import label
from vcam.desktop.translate import Translate, system_language
from vcam.desktop.tray_qt import application, mood_icon
from vcam.errors import VcamError

MESSAGE_MS = 12_000

log = logging.getLogger(__name__)


class Page(Protocol):
    """A page of the panel."""

    def show_state(self, state: State) -> None:
        """Follow the daemon."""
        ...


class PanelWindow(QWidget):
    """The whole panel.

    Args:
        daemon: running.
        tr: texts in the user's language.
    """

    _changed = Signal(object)

    def __init__(self, daemon: Daemon, tr: Translate) -> None:
        application()
        super().__init__()
        self._daemon, self._tr, self._problem = daemon, tr, ""
        theme = colours(daemon.settings.desktop.theme)
        _translate_dialogs(daemon.settings.desktop.language)
        self.setWindowTitle("FaceWarp Cam")
        self.setStyleSheet(style_sheet(theme))
        self.resize(1040, 720)
        self.setMinimumSize(880, 560)
        self.setAcceptDrops(True)
        self.message = label("", "message")
        self.message.hide()
        self._message_timer = QTimer(self, singleShot=True, interval=MESSAGE_MS)
        self._message_timer.timeout.connect(self._end_message)
        feed, background = PreviewFeed(daemon), Background(self.tell, tr)
        self._feed, self._background = feed, background
        self.live = LivePage(daemon, feed, tr)
        self.faces = FacesPage(daemon, feed, background, tr)
        self.settings = SettingsPage(daemon, tr)
        self.speed = SpeedPage(daemon, theme, tr)
        self.check = CheckPage(daemon, background, tr)
        self.tour = TourPage(daemon, feed, lambda: self.open_page(1), tr)
        self.stack, self.pages = QStackedWidget(), QListWidget()
        self.pages.setObjectName("pages")
        self.pages.setAccessibleName(tr("Pages"))
        self.pages.setFixedWidth(214)
        self.pages.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for number, (title, page) in enumerate(
            (
                (tr("Live"), self.live),
                (tr("Faces"), self.faces),
                (tr("Camera and quality"), self.settings),
                (tr("Speed"), self.speed),
                (tr("Tour and help"), self.tour),
                (tr("About"), self.check),
            )
        ):
            self.pages.addItem(title)
            self.stack.addWidget(page)
            QShortcut(QKeySequence(f"Ctrl+{number + 1}"), self, lambda number=number: self.open_page(number))
        self.pages.currentRowChanged.connect(self.stack.setCurrentIndex)
        self._arrange()
        self._changed.connect(self._show_state, Qt.ConnectionType.QueuedConnection)
        self._stop_listening = daemon.listen(self._changed.emit)
        self._hook_before = sys.excepthook
        sys.excepthook = self._slot_failed
        self._show_state(daemon.state)
        self.open_page(0 if daemon.settings.desktop.tour_seen else 4)

    def open_page(self, number: int) -> None:
        """Show a page: 0 live, 1 faces, 2 camera and quality, 3 speed, 4 tour, 5 about."""
        self.pages.setCurrentRow(number)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Qt's question: a photo may be dropped on any page."""
        self.faces.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Qt's notice."""
        self.open_page(1)
        self.faces.dropEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Qt's notice: who closes the window has seen the tour."""
        if not self._daemon.settings.desktop.tour_seen:
            self._daemon.choose("desktop.tour_seen", True)
        super().closeEvent(event)

    def tell(self, sentence: str) -> None:
        """Show a message for a while."""
        self.message.setText(sentence)
        self.message.show()
        self._message_timer.start()

    def _end_message(self) -> None:
        """A problem stays as long as there is one."""
        self.message.setText(self._problem)
        self.message.setVisible(bool(self._problem))

    def dispose(self) -> None:
        """End it for good: no more listening, errors go their old way."""
        self._stop_listening()
        sys.excepthook = self._hook_before
        self.close()
        self.deleteLater()

    def _arrange(self) -> None:
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        messages = QVBoxLayout()
        messages.setContentsMargins(24, 16, 24, 0)
        messages.addWidget(self.message)
        right.addLayout(messages)
        right.addWidget(self.stack, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.pages)
        row.addLayout(right, 1)

    def _show_state(self, state: State) -> None:
        self.setWindowIcon(mood_icon(state.mood))
        for number in range(self.stack.count()):
            cast(Page, self.stack.widget(number)).show_state(state)
        if state.problem != self._problem:
            self._problem = state.problem
            self._end_message()

    def _slot_failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A slot has raised: what the user did wrong is a sentence, a fault of ours goes to the log."""
        if isinstance(error, VcamError):
            self.tell(str(error))
            return
        log.error("a slot failed", exc_info=(kind, error, trace))
        self.tell(self._tr("That did not work; the log says why."))


def _translate_dialogs(language: Language) -> None:
    """Qt's own words (OK, Cancel) in the panel's language."""
    wanted = system_language() if language is Language.SYSTEM else language.value
    app = application()
    dialogs = QTranslator(app)
    if dialogs.load(f"qtbase_{wanted}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(dialogs)
