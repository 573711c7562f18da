"""The first-run tour, which stays as the help page: camera, face, see yourself, choose it in other programs."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from vcam.daemon.daemon import Daemon
from vcam.daemon.state import State
from vcam.desktop.menu import status
from vcam.desktop.panel.live_page import FACE_PX, FaceStrip
from vcam.desktop.panel.preview import Preview, PreviewFeed, View
from vcam.desktop.panel.settings_page import CameraChoice
from vcam.desktop.panel.widgets import button, card, label
from vcam.desktop.translate import Translate


def programs(tr: Translate) -> tuple[tuple[str, str], ...]:
    """(program, where its camera is chosen)."""
    return (
        ("OBS", tr("Sources > + > Video Capture Device > Device: FaceWarp Cam")),
        ("Zoom", tr("Settings > Video > Camera: FaceWarp Cam")),
        ("Google Meet", tr("Three dots > Settings > Video > Camera: FaceWarp Cam")),
        ("Microsoft Teams", tr("Three dots > Settings > Devices > Camera: FaceWarp Cam")),
        ("Discord", tr("User Settings > Voice & Video > Camera: FaceWarp Cam")),
    )


class TourPage(QWidget):
    """See the module.

    Args:
        daemon: running.
        feed: of the panel.
        add_face: opens the page where faces are added.
        tr: texts in the user's language.
    """

    def __init__(self, daemon: Daemon, feed: PreviewFeed, add_face: Callable[[], object], tr: Translate) -> None:
        super().__init__()
        self._daemon, self._tr = daemon, tr
        self.camera = CameraChoice(daemon, tr)
        self.faces = FaceStrip(daemon, tr("Faces"))
        self.faces.setMinimumHeight(2 * (FACE_PX + 50))
        self.preview = Preview(feed, tr("Live preview"))
        self.status = label("", "faint")
        mirror = Preview(feed, tr("Live preview"))
        mirror.show_view(View.BEFORE)
        quiet = tr("Everything happens on this computer. Nothing is sent anywhere.")
        self.steps = QStackedWidget()
        self.steps.addWidget(self._step(tr("1. Choose your camera"), self.camera, mirror, label(quiet, "faint")))
        own = button(tr("Add a face of your own"), add_face)
        self.steps.addWidget(self._step(tr("2. Choose a face"), self.faces, own))
        self.steps.addWidget(self._step(tr("3. See yourself"), self.preview, self.status))
        missing = label(
            tr("It is not in the list? Start that program again; the page About checks this computer."), "faint"
        )
        self.steps.addWidget(
            self._step(tr("4. Choose FaceWarp Cam in your program"), card(self._programs()), missing, self._keys())
        )
        self.back = button(tr("Back"), lambda: self._go(-1))
        self.forward = button(tr("Next"), lambda: self._go(1), primary=True)
        row = QHBoxLayout()
        row.addWidget(self.back)
        row.addStretch(1)
        row.addWidget(self.forward)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.addWidget(self.steps, 1)
        column.addLayout(row)
        self._go(0)

    def show_state(self, state: State) -> None:
        """Follow the daemon."""
        self.camera.show_state(state)
        self.faces.show_state(state)
        self.status.setText(status(state, self._tr))

    def _go(self, step: int) -> None:
        last = self.steps.count() - 1
        wanted = self.steps.currentIndex() + step
        if wanted > last:
            self._daemon.choose("desktop.tour_seen", True)
            wanted = 0
        self.steps.setCurrentIndex(wanted)
        self.back.setEnabled(wanted > 0)
        self.forward.setText(self._tr("Done") if wanted == last else self._tr("Next"))

    def _step(self, title: str, *contents: QWidget) -> QWidget:
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        column.addWidget(label(title, "title"))
        for content in contents:
            column.addWidget(content, 1 if isinstance(content, Preview) else 0)
        if not any(isinstance(content, Preview) for content in contents):
            column.setAlignment(Qt.AlignmentFlag.AlignTop)
        return made

    def _keys(self) -> QFrame:
        """Which keys work in every program; none where the settings name none."""
        hotkeys, grid = self._daemon.settings.hotkeys, QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(18)
        for key, deed in (
            (hotkeys.toggle, self._tr("switches the swap on or off, in every program")),
            (hotkeys.next_face, self._tr("takes the next face")),
        ):
            if key is not None:
                grid.addWidget(label(str(key), "heading"), grid.rowCount(), 0)
                grid.addWidget(label(deed), grid.rowCount() - 1, 1)
        shown = card(grid)
        shown.setVisible(grid.count() > 0)
        return shown

    def _programs(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(12)
        for row, (program, where) in enumerate(programs(self._tr)):
            grid.addWidget(label(program, "heading"), row, 0)
            grid.addWidget(label(where), row, 1)
        return grid
