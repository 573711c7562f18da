"""The live preview: the newest picture only, small, and only while somebody can see it."""

# ruff: noqa: N802 - Qt's own names

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from PySide6.QtCore import QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QBrush, QColor, QHideEvent, QImage, QPainter, QPaintEvent, QPen, QShowEvent, QTransform
from PySide6.QtWidgets import QSizePolicy, QWidget

from vcam.daemon.daemon import Daemon
from vcam.desktop.panel.pictures import to_qimage
from vcam.pipeline.latest import Latest
from vcam.types import Image

PERIOD_MS = 66  # 15 pictures a second are enough to look at
ROUND_PX = 12
SIZE_WH = (640, 360)


class View(StrEnum):
    """Which picture is shown."""

    BEFORE = "before"
    AFTER = "after"
    SPLIT = "split"


class PreviewFeed(QObject):
    """Takes pictures from the runner while at least one preview is visible; costs nothing otherwise.

    Args:
        daemon: running.
    """

    arrived = Signal()

    def __init__(self, daemon: Daemon) -> None:
        super().__init__()
        self._daemon = daemon
        self._slot: Latest[tuple[Image | None, Image]] = Latest()
        self._viewers = 0
        self._timer = QTimer(self)
        self._timer.setInterval(PERIOD_MS)
        self._timer.timeout.connect(self._look)
        self.before: Image | None = None
        self.after: Image | None = None

    def join(self) -> None:
        """A preview has become visible."""
        self._viewers += 1
        if self._viewers == 1:
            self._daemon.runner.preview = self._slot
            self._timer.start()

    def leave(self) -> None:
        """A preview has become hidden."""
        self._viewers -= 1
        if self._viewers == 0:
            self._timer.stop()
            self._daemon.runner.preview = None
            self._slot.clear()
            self.before = self.after = None

    def _look(self) -> None:
        taken = self._slot.take(0)
        if taken is not None:
            self.before, self.after = taken
            self.arrived.emit()


class Preview(QWidget):
    """Shows the feed before, after, or split.

    Args:
        feed: of the panel.
        name: for screen readers.
    """

    def __init__(self, feed: PreviewFeed, name: str) -> None:
        super().__init__()
        self._feed, self.view = feed, View.AFTER
        self.setAccessibleName(name)
        self.setMinimumSize(320, 180)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setSizePolicy(policy)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # what is behind it need not be drawn each time
        feed.arrived.connect(self._repaint)

    def sizeHint(self) -> QSize:
        """Qt's question."""
        return QSize(*SIZE_WH)

    def showEvent(self, event: QShowEvent) -> None:
        """Qt's notice."""
        self._feed.join()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Qt's notice."""
        self._feed.leave()
        super().hideEvent(event)

    def show_view(self, view: View) -> None:
        """Choose the picture."""
        self.view = view
        self.update()

    def _repaint(self) -> None:
        if self.isVisible():
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's request: draw the newest picture, whole, centred, with round corners."""
        frame = self._frame(self._feed.after)
        density = self.devicePixelRatio()
        size_wh = round(frame.width() * density), round(frame.height() * density)
        picture = compose(self._feed.before, self._feed.after, self.view, size_wh)
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().window())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#0b0d0f") if picture is None else _brush(to_qimage(picture), frame))
        painter.drawRoundedRect(frame, ROUND_PX, ROUND_PX)
        if picture is not None and self.view is View.SPLIT:
            painter.setPen(QPen(QColor("white"), 2))
            middle = frame.center().x()
            painter.drawLine(round(middle), round(frame.top()), round(middle), round(frame.bottom()))
        painter.end()

    def _frame(self, picture: Image | None) -> QRectF:
        """Where the picture goes: on whole pixels, so that it need not be scaled once more."""
        width, height = SIZE_WH if picture is None else (picture.shape[1], picture.shape[0])
        size = QSize(width, height).scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
        return QRectF(left, top, size.width(), size.height())


def _brush(picture: QImage, frame: QRectF) -> QBrush:
    """The picture spread over the frame: cheaper than drawing it through a path with round corners."""
    brush = QBrush(picture)
    spread = QTransform.fromTranslate(frame.left(), frame.top())
    brush.setTransform(spread.scale(frame.width() / picture.width(), frame.height() / picture.height()))
    return brush


def compose(before: Image | None, after: Image | None, view: View, size_wh: tuple[int, int]) -> Image | None:
    """The picture for a view; None when there is none.

    Args:
        before: uint8 (H, W, 3) BGR, of the camera.
        after: the same form, as sent.
        view: which of them is shown.
        size_wh: px on the screen; a smaller picture keeps its size, since the screen enlarges it anyway.
    """
    if view is not View.SPLIT or before is None or after is None:
        wanted = before if view is View.BEFORE else after
        return wanted if wanted is None or wanted.shape[1] <= size_wh[0] else _resized(wanted, size_wh)
    middle, (width, height) = after.shape[1] // 2, size_wh
    left, right = before[:, :middle], after[:, middle:]
    if after.shape[1] > width:  # both halves or none: a half alone may just fit
        left, right = _resized(left, (width // 2, height)), _resized(right, (width - width // 2, height))
    return np.hstack([left, right])


def _resized(image: Image, size_wh: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)
