"""Small building blocks of the pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)


def label(text: str, kind: str = "") -> QLabel:
    """A text; ``kind`` is title, heading, faint or nothing."""
    made = QLabel(text)
    made.setObjectName(kind)
    made.setWordWrap(True)
    return made


def card(*contents: QWidget | QLayout) -> QFrame:
    """A framed group, from top to bottom."""
    frame = QFrame()
    frame.setObjectName("card")
    column = QVBoxLayout(frame)
    column.setContentsMargins(16, 14, 16, 14)
    column.setSpacing(10)
    for content in contents:
        if isinstance(content, QWidget):
            column.addWidget(content)
        else:
            column.addLayout(content)
    return frame


def scrolled(contents: QWidget) -> QScrollArea:
    """Contents that may be higher than the window."""
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(contents)
    return area


def button(text: str, pressed: Callable[[], object], primary: bool = False) -> QPushButton:
    """A push button."""
    made = QPushButton(text)
    made.setObjectName("primary" if primary else "")
    made.setAccessibleName(text)
    made.clicked.connect(lambda _checked=False: pressed())
    return made


def lay_out_dialog(dialog: QDialog, main: QWidget, under: Sequence[QWidget], action: QPushButton) -> None:
    """A dialog round one large widget: what stands under it, then its button and Cancel."""
    cancel = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    cancel.rejected.connect(dialog.reject)
    row = QHBoxLayout()
    row.addWidget(action)
    row.addStretch(1)
    row.addWidget(cancel)
    column = QVBoxLayout(dialog)
    column.setContentsMargins(20, 20, 20, 20)
    column.setSpacing(10)
    column.addWidget(main, 1)
    for widget in under:
        column.addWidget(widget)
    column.addLayout(row)


class DropDown(QComboBox):
    """A combo box; its arrow is drawn here, since style sheets take it away.

    Args:
        name: for screen readers.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's own name
        """Qt's request."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), 1.8))
        x, y = self.width() - 18, self.height() / 2
        painter.drawPolyline([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)])
        painter.end()


class Choice(QWidget):
    """One of a few: buttons side by side, of which one is pressed.

    Args:
        name: for screen readers.
        options: (value, text).
        chosen: is told the value the user has pressed.
    """

    def __init__(self, name: str, options: Sequence[tuple[str, str]], chosen: Callable[[str], object]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for value, text in options:
            made = QPushButton(text)
            made.setCheckable(True)
            made.setAccessibleName(f"{name}: {text}")
            made.clicked.connect(lambda _checked=False, value=value: chosen(value))
            self._group.addButton(made)
            self._buttons[value] = made
            row.addWidget(made)
        row.addStretch(1)

    def show_chosen(self, value: str) -> None:
        """Press the button of a value, or none, without telling anybody."""
        self._group.setExclusive(False)
        for own, made in self._buttons.items():
            made.setChecked(own == value)
        self._group.setExclusive(True)

    def press(self, value: str) -> None:
        """As the user would."""
        self._buttons[value].click()
