"""Takes a photo with the camera: what is seen is what is taken."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QWidget

from vcam.desktop.panel.preview import Preview, PreviewFeed, View
from vcam.desktop.panel.widgets import button, label, lay_out_dialog
from vcam.desktop.translate import Translate
from vcam.types import Image


class CameraDialog(QDialog):
    """See the module. The preview wakes a camera that rests.

    Args:
        parent: the page.
        feed: of the panel.
        tr: texts in the user's language.

    Attributes:
        picture: uint8 (H, W, 3) BGR, the taken one; None before.
    """

    def __init__(self, parent: QWidget, feed: PreviewFeed, tr: Translate) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Take a photo"))
        self._feed = feed
        self.picture: Image | None = None
        self.preview = Preview(feed, tr("Live preview"))
        self.preview.show_view(View.BEFORE)
        self.take = button(tr("Take a photo"), self._take, primary=True)
        self.take.setEnabled(False)
        feed.arrived.connect(self._look)
        hint = label(tr("Look straight into the camera, in good light."), "faint")
        lay_out_dialog(self, self.preview, [hint], self.take)

    def _look(self) -> None:
        self.take.setEnabled(self._feed.before is not None)

    def _take(self) -> None:
        if self._feed.before is not None:
            self.picture = self._feed.before.copy()
            self.accept()
