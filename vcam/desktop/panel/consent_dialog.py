"""Asks on what ground a face may be worn; without an answer no face is added."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from vcam.desktop.panel.widgets import card, label
from vcam.desktop.translate import Translate
from vcam.safeguards.consent import PROMISE, TEXT_VERSION, TEXTS
from vcam.types import Basis

WIDTH_PX = 520
NEED_NOTE = (Basis.WRITTEN, Basis.LICENSED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the keeper stated.

    Attributes:
        name: of the face.
        basis: why it may be worn.
        note: who agreed, and where that is kept.
        confirm: a look into the camera shall confirm that it is the keeper's own face.
    """

    name: str
    basis: Basis
    note: str = ""
    confirm: bool = False


class ConsentDialog(QDialog):
    """See the module.

    Args:
        parent: the page.
        name: proposed.
        tr: texts in the user's language.
    """

    def __init__(self, parent: QWidget, name: str, tr: Translate) -> None:
        super().__init__(parent)
        self._tr = tr
        self.setWindowTitle(tr("Whose face is this?"))
        self.name = QLineEdit(name)
        self.name.setAccessibleName(tr("Name"))
        self.note = QLineEdit()
        self.note.setAccessibleName(tr("Who agreed, and where that is kept"))
        self.note.setPlaceholderText(tr("Who agreed, and where that is kept"))
        self._group = QButtonGroup(self)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(10)
        column.addWidget(label(tr("Name"), "heading"))
        column.addWidget(self.name)
        column.addWidget(label(tr("Why may you wear it?"), "heading"))
        self.choices: dict[Basis, QRadioButton] = {}
        for basis, text in (
            (Basis.SELF, tr("It is my own face")),
            (Basis.WRITTEN, tr("The person has agreed in writing")),
            (Basis.LICENSED, tr("I hold a licence for it")),
            (Basis.SYNTHETIC, tr("It is nobody's: a computer made it")),
        ):
            self.choices[basis] = QRadioButton(text)
            self._group.addButton(self.choices[basis])
            column.addWidget(self.choices[basis])
        column.addWidget(self.note)
        self.confirm = QCheckBox(tr("Confirm it by a look into the camera"))
        column.addWidget(self.confirm)
        self.stated = label("")
        column.addWidget(card(label(tr("You state:"), "faint"), self.stated))
        self.warning = label(tr("Whether it is a child's face, you must judge. Do not wear a child's."), "faint")
        column.addWidget(self.warning)
        column.addWidget(label(tr("The photo stays on this computer, encrypted."), "faint"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column.addWidget(self.buttons)
        for changed in (self._group.buttonToggled, self.name.textChanged, self.note.textChanged):
            changed.connect(lambda *_: self._check())
        self._check()

    def answer(self) -> Answer:
        """What was stated."""
        basis = next(basis for basis, choice in self.choices.items() if choice.isChecked())
        note = self.note.text().strip() if basis in NEED_NOTE else ""
        return Answer(self.name.text().strip(), basis, note, basis is Basis.SELF and self.confirm.isChecked())

    def _check(self) -> None:
        chosen = next((basis for basis, choice in self.choices.items() if choice.isChecked()), None)
        noted = chosen not in NEED_NOTE or bool(self.note.text().strip())
        complete = chosen is not None and noted and bool(self.name.text().strip())
        self.note.setVisible(chosen in NEED_NOTE)
        self.confirm.setVisible(chosen is Basis.SELF)
        self.warning.setVisible(chosen in NEED_NOTE)
        wording = TEXTS[TEXT_VERSION][chosen] if chosen else ""
        self.stated.setText(" ".join(self._tr(text) for text in (wording, PROMISE) if text))
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(complete)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's own name
        """Qt's notice: from now on the fonts are known."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as the texts: Qt does not ask wrapped lines for their height by itself."""
        self._column.activate()
        self.setFixedSize(WIDTH_PX, self._column.totalHeightForWidth(WIDTH_PX))
