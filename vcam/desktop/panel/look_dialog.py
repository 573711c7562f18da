"""Has the keeper look into the camera, so that the record can say that the photo shows them; keeps no picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QProgressBar, QWidget

from vcam.daemon.daemon import Daemon
from vcam.desktop.panel.background import Background
from vcam.desktop.panel.preview import Preview, PreviewFeed, View
from vcam.desktop.panel.widgets import button, label, lay_out_dialog
from vcam.desktop.translate import Translate
from vcam.errors import CameraLost
from vcam.pipeline.latest import Latest
from vcam.safeguards.consent import LEAST_LOOKS, LOOKS
from vcam.types import Embedding, Image

PICTURE_S = 10.0  # a camera that rests needs a while until its first picture


class LookDialog(QDialog):
    """See the module. It looks at the runner's own pictures of the camera, beside the window.

    Args:
        parent: the page.
        daemon: running.
        feed: of the panel; a visible preview wakes a camera that rests.
        tr: texts in the user's language.

    Attributes:
        looks: of the keeper; empty before the dialog is accepted.
    """

    _seen = Signal(int)

    def __init__(self, parent: QWidget, daemon: Daemon, feed: PreviewFeed, tr: Translate) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Look into the camera"))
        self._daemon, self._feed, self._tr = daemon, feed, tr
        self._background = Background(self._say, tr)
        self._pictures: Latest[Image] = Latest()
        self.looks: Sequence[Embedding] = ()
        self.preview = Preview(feed, tr("Live preview"))
        self.preview.show_view(View.BEFORE)
        self.progress = QProgressBar(maximum=LOOKS, textVisible=False)
        self.progress.setAccessibleName(tr("Looks"))
        self.says = label("")
        self.again = button(tr("Try again"), self._start, primary=True)
        hint = label(tr("No picture of it is kept. A photo held before the camera passes too."), "faint")
        lay_out_dialog(self, self.preview, [self.progress, self.says, hint], self.again)
        self._seen.connect(self._show_seen)
        feed.arrived.connect(self._hand_on)
        self._start()

    def done(self, result: int) -> None:
        """Qt's way to end a dialog; whoever still waits for a picture gets none."""
        self._feed.arrived.disconnect(self._hand_on)
        self._background.forget()
        super().done(result)

    def _start(self) -> None:
        self.again.hide()
        self._show_seen(0)
        self._background.run(lambda: self._daemon.faces.look_into(self._next_picture, self._seen.emit), self._looked)

    def _looked(self, looks: Sequence[Embedding]) -> None:
        if len(looks) < LEAST_LOOKS:
            self._say(self._tr("No face was seen clearly. Sit in the light, face the camera, and try again."))
            return
        self.looks = looks
        self.accept()

    def _show_seen(self, count: int) -> None:
        self.progress.setValue(count)
        told = self._tr("Your face was seen {count} of {all} times; keep looking.").format(count=count, all=LOOKS)
        self.says.setText(told if count else self._tr("Look straight into the camera, in good light."))

    def _say(self, sentence: str) -> None:
        self.says.setText(sentence)
        self.again.show()

    def _hand_on(self) -> None:
        if self._feed.before is not None:
            self._pictures.put(self._feed.before)

    def _next_picture(self) -> Image:
        picture = self._pictures.take(PICTURE_S)
        if picture is None:
            raise CameraLost(self._tr("The camera gives no picture. End a pause, or choose another camera."))
        return picture
