"""Times of the stages and the latency, as numbers and as a small graph; looked at only while visible."""

# ruff: noqa: N802 - Qt's own names

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from PySide6.QtCore import QPointF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QPen, QPolygonF, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from vcam.daemon.daemon import Daemon
from vcam.daemon.state import State
from vcam.desktop.panel.style import Colours
from vcam.desktop.panel.widgets import card, label
from vcam.desktop.translate import Translate
from vcam.pipeline.stats import Recent, Stats

PERIOD_MS = 1000
KEPT = 60  # points: the last minute


class Graph(QWidget):
    """A line of the last values, scaled to the largest.

    Args:
        name: for screen readers.
        theme: colours.
    """

    def __init__(self, name: str, theme: Colours) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMinimumHeight(140)
        self._theme = theme
        self.values: deque[float] = deque(maxlen=KEPT)

    def sizeHint(self) -> QSize:
        """Qt's question."""
        return QSize(600, 160)

    def add(self, value: float) -> None:
        """The newest value."""
        self.values.append(value)
        self.setAccessibleDescription(f"{value:.0f} ms")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's request."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height, edge = self.width(), self.height() - 12, 56
        scale = nice_scale(max(self.values, default=0.0))
        for part in (0.0, 0.5, 1.0):
            y = round(height - part * (height - 18)) + 2
            painter.setPen(QPen(QColor(self._theme.line), 1))
            painter.drawLine(edge, y, width, y)
            painter.setPen(QColor(self._theme.faint))
            painter.drawText(0, y - 8, edge - 6, 16, Qt.AlignmentFlag.AlignRight, f"{part * scale:.0f} ms")
        if len(self.values) > 1:
            step = (width - edge) / (KEPT - 1)
            first = width - step * (len(self.values) - 1)
            points = [
                QPointF(first + number * step, height - value / scale * (height - 18) + 2)
                for number, value in enumerate(self.values)
            ]
            painter.setPen(QPen(QColor(self._theme.accent), 2.5))
            painter.drawPolyline(QPolygonF(points))
        painter.end()


def step_names(tr: Translate) -> dict[str, str]:
    """The pipeline's stages as the user reads them."""
    return {
        "track": tr("Find the face"),
        "crop": tr("Cut it out"),
        "regions": tr("Find what is before it"),
        "swap": tr("Make the other face"),
        "blend": tr("Put it back"),
        "badge": tr("Label on the picture"),
        "mark": tr("Invisible mark"),
    }


class SpeedPage(QWidget):
    """See the module.

    Args:
        daemon: running.
        theme: colours.
        tr: texts in the user's language.
    """

    def __init__(self, daemon: Daemon, theme: Colours, tr: Translate) -> None:
        super().__init__()
        self._daemon, self._tr, self._steps = daemon, tr, step_names(tr)
        self._before: tuple[Stats, Recent] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(PERIOD_MS)
        self._timer.timeout.connect(self.look)
        self.graph = Graph(tr("Latency"), theme)
        self.rates = label("")
        self._rows: dict[str, tuple[QLabel, QProgressBar]] = {}
        self._grid = QGridLayout()
        self._grid.setColumnStretch(2, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(label(tr("Speed"), "title"))
        column.addWidget(card(label(tr("From the camera to the output"), "heading"), self.graph, self.rates))
        column.addWidget(card(label(tr("Time of each step"), "heading"), self._grid))

    def show_state(self, _state: State) -> None:
        """The numbers are looked at by a timer."""

    def showEvent(self, event: QShowEvent) -> None:
        """Qt's notice."""
        self._timer.start()
        self.look()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Qt's notice."""
        self._timer.stop()
        self._before = None
        super().hideEvent(event)

    def look(self) -> None:
        """Take the newest numbers."""
        stats = self._daemon.runner.stats
        before, recent = self._before, stats.recent()
        self._before = (stats, recent)
        if before is None or before[0] is not stats:  # the first look, or another runner
            return
        past = before[1]
        seconds = max(recent.at - past.at, 1e-3)
        sent, swapped = ((now - then) / seconds for now, then in
                         ((recent.sent, past.sent), (recent.processed, past.processed)))  # fmt: skip
        if recent.live > past.live:
            self.graph.add(recent.latency_ms)
            text = self._tr("Latency {latency:.0f} ms; {sent:.1f} pictures a second sent, {swapped:.1f} swapped")
            self.rates.setText(text.format(latency=recent.latency_ms, sent=sent, swapped=swapped))
        else:
            self.rates.setText(self._tr("No live pictures now; {sent:.1f} pictures a second sent").format(sent=sent))
        self._show_steps(recent.stage_ms)

    def _show_steps(self, stage_ms: Mapping[str, float]) -> None:
        full = nice_scale(max(stage_ms.values(), default=0.0))
        for name, ms in stage_ms.items():
            if name not in self._rows:
                row = len(self._rows)
                bar = QProgressBar(textVisible=False)
                step = QLabel(self._steps.get(name, name))
                bar.setAccessibleName(step.text())
                self._rows[name] = (label(""), bar)
                self._grid.addWidget(step, row, 0)
                self._grid.addWidget(self._rows[name][0], row, 1)
                self._grid.addWidget(bar, row, 2)
            shown, bar = self._rows[name]
            shown.setText(f"{ms:.1f} ms")
            bar.setMaximum(round(full * 10))
            bar.setValue(round(ms * 10))


def nice_scale(largest_ms: float) -> float:
    """The end of a scale for values up to there: 50, 100, 200, 500, 1000 ms and so on."""
    return next(end * 10.0**power for power in range(1, 9) for end in (5, 10, 20) if largest_ms <= end * 10**power)
