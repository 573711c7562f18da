"""The first page: see yourself, switch the swap, take another face."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QListView, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from vcam.daemon.daemon import Daemon
from vcam.daemon.state import FaceName, State
from vcam.desktop.menu import status
from vcam.desktop.panel.pictures import face_icon
from vcam.desktop.panel.preview import Preview, PreviewFeed, View
from vcam.desktop.panel.widgets import Choice, label
from vcam.desktop.translate import Translate

FACE_PX = 72


class FaceStrip(QListWidget):
    """The faces side by side; choosing one wears it.

    Args:
        daemon: running.
        name: for screen readers.
    """

    def __init__(self, daemon: Daemon, name: str) -> None:
        super().__init__()
        self._daemon = daemon
        self._shown: tuple[FaceName, ...] = ()
        self.setAccessibleName(name)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(FACE_PX, FACE_PX))
        self.setGridSize(QSize(FACE_PX + 32, FACE_PX + 36))
        self.setWordWrap(False)
        self.itemActivated.connect(self._wear)
        self.itemClicked.connect(self._wear)

    def show_state(self, state: State) -> None:
        """Show the faces and mark the worn one."""
        if self._shown != state.faces:
            self._shown = state.faces
            self.clear()
            for face in state.faces:
                icon = face_icon(self._daemon.faces, face.id) or QIcon()
                item = QListWidgetItem(icon, face.name, self)
                item.setData(Qt.ItemDataRole.UserRole, face.id)
                item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
        for row in range(self.count()):
            item = self.item(row)
            if item.data(Qt.ItemDataRole.UserRole) == state.face and not item.isSelected():
                self.setCurrentItem(item)

    def chosen_id(self) -> str:
        """Id of the marked face; empty when there is none."""
        item = self.currentItem()
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def _wear(self, item: QListWidgetItem) -> None:
        self._daemon.wear(item.data(Qt.ItemDataRole.UserRole))


class LivePage(QWidget):
    """See the module.

    Args:
        daemon: running.
        feed: of the panel.
        tr: texts in the user's language.
    """

    def __init__(self, daemon: Daemon, feed: PreviewFeed, tr: Translate) -> None:
        super().__init__()
        self._daemon, self._tr = daemon, tr
        self.preview = Preview(feed, tr("Live preview"))
        self.view = Choice(
            tr("Preview shows"),
            ((View.BEFORE, tr("Before")), (View.AFTER, tr("After")), (View.SPLIT, tr("Split"))),
            lambda view: self.preview.show_view(View(view)),
        )
        self.view.show_chosen(View.AFTER)
        self.switch = QPushButton(tr("Swap my face"))
        self.switch.setCheckable(True)
        self.switch.setAccessibleName(tr("Swap my face"))
        self.switch.clicked.connect(daemon.turn)
        self.pause = QPushButton(tr("Pause"))
        self.pause.setCheckable(True)
        self.pause.setAccessibleName(tr("Pause for 10 minutes"))
        self.pause.setToolTip(tr("Pause for 10 minutes"))
        self.pause.clicked.connect(lambda _checked: daemon.toggle_pause())
        self.status = label("", "faint")
        self.faces = FaceStrip(daemon, tr("Faces"))
        self.faces.setFixedHeight(FACE_PX + 66)
        self.faces.setFlow(QListView.Flow.LeftToRight)
        self.faces.setWrapping(False)
        self.faces.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        row = QHBoxLayout()
        row.addWidget(self.switch)
        row.addWidget(self.pause)
        row.addStretch(1)
        row.addWidget(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.addWidget(self.preview, 1)
        column.addWidget(self.status)
        column.addLayout(row)
        column.addWidget(self.faces)

    def show_state(self, state: State) -> None:
        """Follow the daemon."""
        self.switch.setChecked(state.enabled)
        self.pause.setChecked(state.paused)
        problem_is_above = bool(state.problem)  # in the window's line for messages
        self.status.setText("" if problem_is_above else status(state, self._tr))
        self.faces.show_state(state)
