"""Asks which of several faces in a photo is meant."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from vcam.desktop.panel.pictures import to_pixmap
from vcam.desktop.panel.widgets import label
from vcam.desktop.translate import Translate
from vcam.types import Image

FACE_PX = 120


class WhichDialog(QDialog):
    """See the module.

    Args:
        parent: the page.
        crops: uint8 (S, S, 3) BGR faces, from left to right.
        tr: texts in the user's language.

    Attributes:
        chosen: number of the pressed face from 1; 0 before.
    """

    def __init__(self, parent: QWidget, crops: Sequence[Image], tr: Translate) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Which face?"))
        self.chosen = 0
        row = QHBoxLayout()
        self.faces = []
        for number, crop in enumerate(crops, 1):
            face = QToolButton()
            face.setIcon(QIcon(to_pixmap(crop)))
            face.setIconSize(QSize(FACE_PX, FACE_PX))
            face.setAccessibleName(tr("Face {number} from the left").format(number=number))
            face.clicked.connect(lambda _checked=False, number=number: self._choose(number))
            self.faces.append(face)
            row.addWidget(face)
        cancel = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        cancel.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(10)
        column.addWidget(label(tr("The photo shows several faces. Which one do you mean?"), "heading"))
        column.addLayout(row)
        column.addWidget(cancel)

    def _choose(self, number: int) -> None:
        self.chosen = number
        self.accept()
