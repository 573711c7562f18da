"""The self-check and what this program is: findings with their repairs, to be read and copied."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from vcam import __version__
from vcam.daemon.daemon import Daemon
from vcam.daemon.state import State
from vcam.desktop.panel.background import Background
from vcam.desktop.panel.widgets import button, card, label
from vcam.desktop.selfcheck import examine_desktop
from vcam.desktop.translate import Translate
from vcam.doctor import Finding, Health, examine


class CheckPage(QWidget):
    """See the module.

    Args:
        daemon: running.
        background: for the check, which takes seconds.
        tr: texts in the user's language.
    """

    def __init__(self, daemon: Daemon, background: Background, tr: Translate) -> None:
        super().__init__()
        self._daemon, self._background, self._tr = daemon, background, tr
        self.start = button(tr("Check this computer"), self.check, primary=True)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)  # the card inside has one
        self._area.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(label(tr("About and self-check"), "title"))
        about = tr("FaceWarp Cam {version}. Free software, GPL 2 or later. Everything happens on this computer.")
        row = QHBoxLayout()
        row.addWidget(self.start)
        row.addStretch(1)
        column.addWidget(card(label(about.format(version=__version__)), row))
        column.addWidget(self._area, 1)
        column.addStretch(0)  # keeps the card at the top while there are no findings

    def show_state(self, _state: State) -> None:
        """The findings are made when they are asked for."""

    def check(self) -> None:
        """Look at everything, beside the window."""
        self.start.setEnabled(False)
        self.start.setText(self._tr("Checking…"))
        hotkeys = self._daemon.settings.hotkeys
        self._background.run(lambda: [*examine(), *examine_desktop(hotkeys)], self.show_findings, self._ready)

    def _repair(self, fix: Callable[[], None]) -> None:
        """Mend one thing beside the window, and look again."""
        self._background.run(fix, lambda _nothing: self.check())

    def _ready(self) -> None:
        self.start.setEnabled(True)
        self.start.setText(self._tr("Check this computer"))

    def show_findings(self, findings: list[Finding]) -> None:
        """Faults first."""
        self._ready()
        grid = QGridLayout()
        grid.setColumnStretch(2, 1)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        words = {Health.OK: self._tr("Good"), Health.NOTE: self._tr("Note"), Health.FAULT: self._tr("Fault")}
        order = [Health.FAULT, Health.NOTE, Health.OK]
        for row, finding in enumerate(sorted(findings, key=lambda finding: order.index(finding.health))):
            text = label(f"{finding.text}\n{finding.repair}".strip())
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(label(words[finding.health], "heading"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(finding.name), row, 1, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 2, Qt.AlignmentFlag.AlignTop)
            if finding.fix is not None:
                grid.addWidget(button(self._tr("Repair"), partial(self._repair, finding.fix)), row, 3)
        self._area.setWidget(card(grid))
        self._area.show()
