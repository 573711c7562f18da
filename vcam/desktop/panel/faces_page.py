"""The gallery: add faces by drag and drop, paste, file or camera; rename and remove them."""

# ruff: noqa: N802 - Qt's own names

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QInputDialog, QLineEdit, QMessageBox, QVBoxLayout, QWidget

from vcam.daemon.daemon import Daemon
from vcam.daemon.state import State
from vcam.desktop.panel.background import Background
from vcam.desktop.panel.camera_dialog import CameraDialog
from vcam.desktop.panel.consent_dialog import Answer, ConsentDialog
from vcam.desktop.panel.live_page import FaceStrip
from vcam.desktop.panel.preview import PreviewFeed
from vcam.desktop.panel.which_dialog import WhichDialog
from vcam.desktop.panel.widgets import button, label
from vcam.desktop.translate import Translate
from vcam.errors import BadInput
from vcam.safeguards.consent import record_lines
from vcam.types import Source

if TYPE_CHECKING:
    from vcam.pipeline.enrol import SeveralFaces

EXPORT_ENDING = ".facewarp"
Buttons = Sequence[tuple[str, Callable[[], None]]]
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


class FacesPage(QWidget):
    """See the module.

    Args:
        daemon: running.
        feed: of the panel.
        background: for enrolling.
        tr: texts in the user's language.
    """

    def __init__(self, daemon: Daemon, feed: PreviewFeed, background: Background, tr: Translate) -> None:
        super().__init__()
        self._daemon, self._feed, self._background, self._tr = daemon, feed, background, tr
        self.setAcceptDrops(True)
        self.faces = FaceStrip(daemon, tr("Faces"))
        self.faces.setWrapping(True)
        self.faces.setResizeMode(FaceStrip.ResizeMode.Adjust)
        self.faces.setSpacing(6)
        self._hint = tr("Drop photos here, or paste one. Several photos of one person make a better likeness.")
        self.note = label(self._hint, "faint")
        adding = _row(
            ((tr("Add photos"), self._choose_files), (tr("Take a photo"), self._take_photo), (tr("Paste"), self.paste)),
            ((tr("Import"), self._import), (tr("Export"), self._export)),
        )
        changing = _row(
            ((tr("Rename"), self._rename), (tr("Remove"), self._remove), (tr("Record"), self._show_record)), ()
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.addWidget(label(tr("Faces"), "title"))
        column.addLayout(adding)
        column.addWidget(self.note)
        column.addWidget(self.faces, 1)
        column.addLayout(changing)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self, self.paste)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.faces, self._remove)

    def show_state(self, state: State) -> None:
        """Follow the daemon."""
        self.faces.show_state(state)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Qt's question."""
        if _photos_in(event.mimeData()) or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Qt's notice."""
        event.acceptProposedAction()
        self._add_mime(event.mimeData())

    def paste(self) -> None:
        """Add what is on the clipboard.

        Raises:
            BadInput: there is no picture on it.
        """
        self._add_mime(QGuiApplication.clipboard().mimeData())

    def add(
        self, photos: list[Path], answer: Answer, temporary: bool = False, which: dict[Path, int] | None = None
    ) -> None:
        """Enrol photos beside the window, and wear the face; temporary files do not outlive this.

        Args:
            photos: files.
            answer: what the keeper stated.
            temporary: the files are ours.
            which: of the photos' faces is meant, where that has been asked.
        """
        self.note.setText(self._tr("Reading the face…"))

        def enrol() -> Source | SeveralFaces:
            from vcam.pipeline.enrol import SeveralFaces

            asking = False
            try:
                return self._daemon.faces.add(photos, answer.name, answer.basis, answer.note, which=which)
            except SeveralFaces as several:
                asking = True
                return several
            finally:
                if temporary and not asking:
                    _remove_files(photos)

        def enrolled(result: Source | SeveralFaces) -> None:
            if isinstance(result, Source):
                self._added(result)
                return
            dialog = WhichDialog(self, result.crops, self._tr)
            if dialog.exec() == WhichDialog.DialogCode.Accepted:
                self.add(photos, answer, temporary, (which or {}) | {result.photo: dialog.chosen})
            else:
                self.note.setText(self._hint)
                if temporary:
                    _remove_files(photos)

        self._background.run(enrol, enrolled, lambda: self.note.setText(self._hint))

    def _added(self, source: Source) -> None:
        self.note.setText(self._tr("{face} was added.").format(face=source.name))
        self._daemon.reload_faces()
        self._daemon.wear(source.id)

    def _ask_and_add(self, photos: list[Path], name: str, temporary: bool = False) -> None:
        dialog = ConsentDialog(self, name, self._tr)
        if dialog.exec() == ConsentDialog.DialogCode.Accepted:
            self.add(photos, dialog.answer(), temporary)
        elif temporary:
            _remove_files(photos)

    def _add_mime(self, data: QMimeData) -> None:
        photos = _photos_in(data)
        if photos:
            self._ask_and_add(photos, photos[0].stem)
            return
        image = QImage(data.imageData()) if data.hasImage() else QImage()
        if image.isNull():
            raise BadInput(self._tr("There is no photo in what was dropped or pasted."))
        path = _temporary_png()
        image.save(str(path))
        self._ask_and_add([path], self._tr("Pasted"), temporary=True)

    def _choose_files(self) -> None:
        endings = " ".join(f"*{ending}" for ending in PHOTO_ENDINGS)
        names, _ = QFileDialog.getOpenFileNames(self, self._tr("Add photos"), "", f"{self._tr('Photos')} ({endings})")
        if names:
            self._ask_and_add([Path(name) for name in names], Path(names[0]).stem)

    def _take_photo(self) -> None:
        dialog = CameraDialog(self, self._feed, self._tr)
        dialog.exec()
        picture = dialog.picture
        dialog.deleteLater()
        if picture is None:
            return
        path = _temporary_png()
        cv2.imwrite(str(path), picture)
        self._ask_and_add([path], self._tr("Me"), temporary=True)

    def _rename(self) -> None:
        face_id = self.faces.chosen_id()
        old = next((face.name for face in self._daemon.state.faces if face.id == face_id), "")
        name, good = QInputDialog.getText(self, self._tr("Rename"), self._tr("New name"), text=old)
        if good and name:
            self._daemon.faces.rename(face_id, name)
            self._daemon.reload_faces()

    def _remove(self) -> None:
        face_id = self.faces.chosen_id()
        question = self._tr("Remove this face and everything that belongs to it?")
        if QMessageBox.question(self, self._tr("Remove"), question) is QMessageBox.StandardButton.Yes:
            self._daemon.faces.remove(face_id)
            self._daemon.reload_faces()

    def _show_record(self) -> None:
        source = self._daemon.faces.source(self.faces.chosen_id())
        lines = "\n".join(f"{name}: {text}" for name, text in record_lines(source.consent))
        QMessageBox.information(self, source.name, lines)

    def _export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, self._tr("Export"), f"faces{EXPORT_ENDING}")
        passphrase = self._ask_passphrase(self._tr("Choose a passphrase for the file")) if path else ""
        if passphrase:
            self.export(Path(path), passphrase)

    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self._tr("Import"))
        passphrase = self._ask_passphrase(self._tr("Passphrase of the file")) if path else ""
        if passphrase:
            self.import_from(Path(path), passphrase)

    def _ask_passphrase(self, question: str) -> str:
        text, good = QInputDialog.getText(self, self._tr("Passphrase"), question, QLineEdit.EchoMode.Password)
        return text if good else ""

    def export(self, path: Path, passphrase: str) -> None:
        """Write the user's own faces into one encrypted file."""

        def work() -> int:
            content, count = self._daemon.faces.export(passphrase)
            try:
                path.write_bytes(content)
            except OSError as error:
                raise BadInput(f"{path} cannot be written: {error.strerror}") from error
            return count

        told = self._tr("Faces written to the file: {count}.")
        self._background.run(work, lambda count: self.note.setText(told.format(count=count)))

    def import_from(self, path: Path, passphrase: str) -> None:
        """Add the faces of an exported file."""

        def work() -> int:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise BadInput(f"{path} cannot be read: {error.strerror}") from error
            return len(self._daemon.faces.import_from(content, passphrase))

        def done(count: int) -> None:
            self.note.setText(self._tr("Faces added: {count}.").format(count=count))
            self._daemon.reload_faces()

        self._background.run(work, done)


def _row(left: Buttons, right: Buttons) -> QHBoxLayout:
    """Buttons at both ends of a line; (text, what pressing does) each."""
    row = QHBoxLayout()
    for text, pressed in left:
        row.addWidget(button(text, pressed))
    row.addStretch(1)
    for text, pressed in right:
        row.addWidget(button(text, pressed))
    return row


def _photos_in(data: QMimeData) -> list[Path]:
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() in PHOTO_ENDINGS]


def _remove_files(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _temporary_png() -> Path:
    with tempfile.NamedTemporaryFile(prefix="facewarp-", suffix=".png", delete=False) as file:
        return Path(file.name)
