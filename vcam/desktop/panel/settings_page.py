"""Camera, size, quality, what is shown without a swap; what is rarely changed is behind "More"."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from vcam.config import Engine
from vcam.daemon.daemon import Daemon
from vcam.daemon.state import State
from vcam.desktop.autostart import is_autostarted, set_autostart
from vcam.desktop.menu import camera_text
from vcam.desktop.panel.widgets import Choice, DropDown, button, card, label, scrolled
from vcam.desktop.translate import Translate
from vcam.types import BadgeMode, Safe

SIZES = ("640x360", "640x480", "960x540", "1280x720", "1920x1080")
RATES = (15, 24, 25, 30, 60)
MOST_THREADS = 8


class CameraChoice(DropDown):
    """The cameras there are; choosing one takes it.

    Args:
        daemon: running.
        tr: texts in the user's language.
    """

    def __init__(self, daemon: Daemon, tr: Translate) -> None:
        super().__init__(tr("Camera"))
        self._tr = tr
        self._shown: tuple[str, ...] = ()
        self.activated.connect(lambda row: daemon.use_camera(self.itemData(row)))

    def show_state(self, state: State) -> None:
        """Follow the daemon."""
        names = tuple(dict.fromkeys(("", *state.cameras, "synthetic", state.camera)))
        if names != self._shown:
            self._shown = names
            self.clear()
            for name in names:
                self.addItem(camera_text(name, self._tr), name)
        self.setCurrentIndex(names.index(state.camera))


class SettingsPage(QWidget):
    """See the module.

    Args:
        daemon: running.
        tr: texts in the user's language.
    """

    def __init__(self, daemon: Daemon, tr: Translate) -> None:
        super().__init__()
        self._daemon, self._tr = daemon, tr
        self.camera = CameraChoice(daemon, tr)
        self.given = label("", "faint")
        self.size_choice, self.rate = DropDown(tr("Size")), DropDown(tr("Pictures a second"))
        self.size_choice.activated.connect(self._choose_size)
        self.rate.activated.connect(lambda row: daemon.choose("camera.fps", float(RATES[row])))
        self.rate.addItems([str(rate) for rate in RATES])
        self.preset = Choice(
            tr("Quality"),
            (("light", tr("Light")), ("balanced", tr("Balanced")), ("best", tr("Best"))),
            daemon.choose_preset,
        )
        self.safe = Choice(
            tr("When no face is found"),
            ((Safe.HOLD_BLUR, tr("Blur")), (Safe.HOLD_CARD, tr("Card")), (Safe.RAW, tr("My own face"))),
            lambda value: daemon.choose_safe(Safe(value)),
        )
        self.more = self._more()
        contents = QWidget()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scrolled(contents))
        column = QVBoxLayout(contents)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(label(tr("Camera and quality"), "title"))
        column.addWidget(card(label(tr("Camera"), "heading"), self.camera, self.given))
        explained = label(tr("Light is for old computers, best for fast ones."), "faint")
        self.more_button = button(tr("More"), self._toggle_more)
        row = QHBoxLayout()
        row.addWidget(self.preset, 1)
        row.addWidget(self.more_button)
        column.addWidget(card(label(tr("Quality"), "heading"), row, explained, self.more))
        promise = label(tr("While the swap is on, your own face is never shown by accident."), "faint")
        column.addWidget(card(label(tr("When no face is found"), "heading"), self.safe, promise))
        self.badge = Choice(
            tr("Label on the picture"),
            (
                (BadgeMode.OFF, tr("None")),
                (BadgeMode.FIRST, tr("First 5 seconds")),
                (BadgeMode.ALWAYS, tr("Always")),
            ),
            lambda value: daemon.choose("safeguards.badge", BadgeMode(value)),
        )
        badge_explained = label(tr("The words AI face, beside your face, for everybody to see."), "faint")
        column.addWidget(card(label(tr("Label on the picture"), "heading"), self.badge, badge_explained))
        self.autostart = QCheckBox(tr("Start with the computer"))
        self.autostart.setChecked(is_autostarted())
        self.autostart.clicked.connect(set_autostart)
        column.addWidget(card(self.autostart))

    def show_state(self, state: State) -> None:
        """Follow the daemon."""
        self.camera.show_state(state)
        closed = self._tr("The camera is closed: nobody is watching.") if state.idle else self._tr("No camera is open.")
        given = self._tr("The camera gives {mode}.").format(mode=state.camera_in_use)
        self.given.setText(given if state.camera_in_use else closed)
        sizes = list(dict.fromkeys((*SIZES, state.size)))
        if [self.size_choice.itemText(row) for row in range(self.size_choice.count())] != sizes:
            self.size_choice.clear()
            self.size_choice.addItems(sizes)
        self.size_choice.setCurrentText(state.size)
        self.rate.setCurrentText(f"{state.fps:g}")
        self.preset.show_chosen(state.preset)
        self.safe.show_chosen(state.safe)
        self.badge.show_chosen(state.badge)
        self.engine.show_chosen(state.engine)
        if not self.threads.isSliderDown():  # the user holds it
            self.threads.setValue(self._daemon.settings.run.pipeline.threads)
        self.cross_fade.setChecked(self._daemon.settings.run.cross_fade)

    def _more(self) -> QWidget:
        tr, daemon = self._tr, self._daemon
        self.engine = Choice(
            tr("How the face is made"),
            ((Engine.AEI, tr("Network (AEI-Net)")), (Engine.MESH, tr("Warped photo (no network)"))),
            lambda value: daemon.choose_engine(Engine(value)),
        )
        self.threads = QSlider(Qt.Orientation.Horizontal)
        self.threads.setRange(1, MOST_THREADS)
        self.threads.setPageStep(1)
        self.threads.setAccessibleName(tr("Processor threads"))
        self.threads.sliderReleased.connect(self._choose_threads)
        made = QWidget()
        form = QFormLayout(made)
        form.setContentsMargins(0, 6, 0, 0)
        form.setHorizontalSpacing(16)
        threads, count = QHBoxLayout(), QLabel(str(self.threads.value()))
        self.threads.valueChanged.connect(count.setNum)
        self.threads.valueChanged.connect(self._choose_threads)  # by keys
        threads.addWidget(self.threads, 1)
        threads.addWidget(count)
        for text, control in (
            (tr("Size"), self.size_choice),
            (tr("Pictures a second"), self.rate),
            (tr("How the face is made"), self.engine),
        ):
            name = QLabel(text)
            name.setMinimumHeight(control.sizeHint().height())  # else it stands above the control's middle
            form.addRow(name, control)
        form.addRow(tr("Processor threads"), threads)
        self.cross_fade = QCheckBox(tr("Fade from one face to the next"))
        self.cross_fade.clicked.connect(lambda wanted: daemon.choose("swap.cross_fade", wanted))
        form.addRow(self.cross_fade)
        made.hide()
        return made

    def _toggle_more(self) -> None:
        self.more.setVisible(not self.more.isVisible())
        self.more_button.setText(self._tr("Less") if self.more.isVisible() else self._tr("More"))

    def _choose_threads(self) -> None:
        value = self.threads.value()
        if not self.threads.isSliderDown() and value != self._daemon.settings.run.pipeline.threads:
            self._daemon.choose("swap.threads", value)

    def _choose_size(self, row: int) -> None:
        width, _, height = self.size_choice.itemText(row).partition("x")
        self._daemon.choose("camera.size", (int(width), int(height)))
