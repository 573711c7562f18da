"""The live preview: the newest picture only, small, and only while somebody can see it."""

# ruff: noqa: N802 - Qt's own names

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from PySide6.QtCore import QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPainterPath, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vcam.daemon.daemon import Daemon
from vcam.desktop.panel.pictures import to_qimage
from vcam.pipeline.latest import Latest
from vcam.types import Image

PERIOD_MS = 50  # 20 pictures a second are enough to look at
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
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        picture = compose(self._feed.before, self._feed.after, self.view)
        frame = self._frame(picture)
        path = QPainterPath()
        path.addRoundedRect(frame, 12, 12)
        painter.setClipPath(path)
        painter.fillPath(path, QColor("#0b0d0f"))
        if picture is not None:
            painter.drawImage(frame, to_qimage(picture))
        if picture is not None and self.view is View.SPLIT:
            painter.setPen(QPen(QColor("white"), 2))
            middle = frame.center().x()
            painter.drawLine(round(middle), round(frame.top()), round(middle), round(frame.bottom()))
        painter.end()

    def _frame(self, picture: Image | None) -> QRectF:
        width, height = SIZE_WH if picture is None else (picture.shape[1], picture.shape[0])
        size = QSize(width, height).scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        return QRectF(left, top, size.width(), size.height())


def compose(before: Image | None, after: Image | None, view: View) -> Image | None:
    """The picture for a view, at most 640x360; None when there is none."""
    if view is not View.SPLIT:
        wanted = before if view is View.BEFORE else after
        return None if wanted is None else _small(wanted)
    if before is None or after is None:
        return None if after is None else _small(after)
    left, right = _small(before), _small(after)
    half = left.shape[1] // 2
    return np.ascontiguousarray(np.hstack([left[:, :half], right[:, half:]]))


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(SIZE_WH[0] / width, SIZE_WH[1] / height, 1.0)
    if scale == 1.0:
        return image
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
