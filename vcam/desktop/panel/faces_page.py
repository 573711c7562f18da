"""The gallery: add faces by drag and drop, paste, file or camera; rename and remove them."""

# ruff: noqa: N802 - Qt's own names

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QMimeData
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QImageWriter,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QInputDialog, QLineEdit, QMessageBox, QVBoxLayout, QWidget

from vcam.daemon.daemon import Daemon
from vcam.daemon.state import State
from vcam.desktop.panel.background import Background
from vcam.desktop.panel.camera_dialog import CameraDialog
from vcam.desktop.panel.consent_dialog import Answer, ConsentDialog
from vcam.desktop.panel.live_page import FaceStrip
from vcam.desktop.panel.look_dialog import LookDialog
from vcam.desktop.panel.preview import PreviewFeed
from vcam.desktop.panel.which_dialog import WhichDialog
from vcam.desktop.panel.widgets import button, label
from vcam.desktop.translate import Translate
from vcam.errors import BadInput
from vcam.safeguards.consent import ConsentRefused, record_lines
from vcam.types import Embedding, Photo, Source
from vcam.video.photos import encode_photo, load_photo

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
        self.rename, self.remove = button(tr("Rename"), self._rename), button(tr("Remove"), self._remove)
        changing = QHBoxLayout()
        for made in (self.rename, self.remove, button(tr("Record"), self._show_record)):
            changing.addWidget(made)
        changing.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.addWidget(label(tr("Faces"), "title"))
        column.addLayout(adding)
        column.addWidget(self.note)
        column.addWidget(self.faces, 1)
        column.addLayout(changing)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self, self.paste)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.faces, self.remove.click)
        self.faces.currentItemChanged.connect(lambda *_: self._offer_changes())

    def show_state(self, state: State) -> None:
        """Follow the daemon."""
        self.faces.show_state(state)
        self._offer_changes()

    def _offer_changes(self) -> None:
        """Those that came with the program stay as they are."""
        chosen = self.faces.chosen_id()
        own = any(face.id == chosen and not face.built_in for face in self._daemon.state.faces)
        self.rename.setEnabled(own)
        self.remove.setEnabled(own)

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
        self,
        photos: Sequence[Photo],
        answer: Answer,
        which: Mapping[Photo, int] | None = None,
        looks: Sequence[Embedding] | None = None,
    ) -> None:
        """Enrol photos beside the window, and wear the face.

        Args:
            photos: of one person.
            answer: what the keeper stated.
            which: of the photos' faces is meant, where that has been asked.
            looks: of the keeper in the camera, where they have looked.
        """
        self.note.setText(self._tr("Reading the face…"))
        chosen = dict(which or {})

        def enrol() -> Source | SeveralFaces | ConsentRefused:
            from vcam.pipeline.enrol import SeveralFaces

            faces = self._daemon.faces
            try:
                added = faces.add(photos, answer.name, answer.basis, answer.note, which=chosen, looks=looks)
            except SeveralFaces as several:
                return several
            except ConsentRefused as refused:
                if looks is None:
                    raise
                return refused
            self._daemon.reload_faces()
            self._daemon.wear(added.id)
            return added

        def enrolled(result: Source | SeveralFaces | ConsentRefused) -> None:
            if isinstance(result, Source):
                self.note.setText(self._tr("{face} was added.").format(face=result.name))
            elif isinstance(result, ConsentRefused):
                self._ask_without_look(photos, answer, chosen)
            else:
                dialog = WhichDialog(self, result.crops, self._tr)
                if dialog.exec() == WhichDialog.DialogCode.Accepted:
                    self.add(photos, answer, chosen | {result.photo: dialog.chosen}, looks)
                else:
                    self.note.setText(self._hint)

        self._background.run(enrol, enrolled, lambda: self.note.setText(self._hint))

    def _ask_and_add(self, photos: Sequence[Photo], name: str) -> None:
        dialog = ConsentDialog(self, name, self._tr)
        if dialog.exec() == ConsentDialog.DialogCode.Accepted:
            self.look_and_add(photos, dialog.answer())

    def look_and_add(self, photos: Sequence[Photo], answer: Answer, which: Mapping[Photo, int] | None = None) -> None:
        """Enrol photos, after a look into the camera where the keeper wants one; see ``add``."""
        if not answer.confirm:
            self.add(photos, answer, which)
            return
        dialog = LookDialog(self, self._daemon, self._feed, self._tr)
        if dialog.exec() == LookDialog.DialogCode.Accepted:
            self.add(photos, answer, which, dialog.looks)
        else:
            self.note.setText(self._hint)
        dialog.deleteLater()

    def _ask_without_look(self, photos: Sequence[Photo], answer: Answer, which: Mapping[Photo, int]) -> None:
        """Somebody else than the one in the photo has looked into the camera."""
        self.note.setText(self._hint)
        question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Question)
        question.setWindowTitle(self._tr("Look into the camera"))
        question.setText(self._tr("The face in the camera does not seem to be the one in the photo."))
        question.setInformativeText(
            self._tr("Look again, take a newer photo, or add the face without the confirmation.")
        )
        again = question.addButton(self._tr("Try again"), QMessageBox.ButtonRole.AcceptRole)
        without = question.addButton(self._tr("Add without it"), QMessageBox.ButtonRole.DestructiveRole)
        question.addButton(QMessageBox.StandardButton.Cancel)
        question.exec()
        if question.clickedButton() is again:
            self.look_and_add(photos, answer, which)
        elif question.clickedButton() is without:
            self.add(photos, replace(answer, confirm=False), which)

    def _add_mime(self, data: QMimeData) -> None:
        paths = _photos_in(data)
        if paths:
            self._ask_and_add([load_photo(path) for path in paths], paths[0].stem)
            return
        image = QImage(data.imageData()) if data.hasImage() else QImage()
        if image.isNull():
            raise BadInput(self._tr("There is no photo in what was dropped or pasted."))
        name = self._tr("Pasted")
        self._ask_and_add([Photo(f"{name}.png", _as_png(image))], name)

    def _choose_files(self) -> None:
        endings = " ".join(f"*{ending}" for ending in PHOTO_ENDINGS)
        names, _ = QFileDialog.getOpenFileNames(self, self._tr("Add photos"), "", f"{self._tr('Photos')} ({endings})")
        if names:
            self._ask_and_add([load_photo(name) for name in names], Path(names[0]).stem)

    def _take_photo(self) -> None:
        dialog = CameraDialog(self, self._feed, self._tr)
        dialog.exec()
        picture = dialog.picture
        dialog.deleteLater()
        if picture is not None:
            name = self._tr("Me")
            self._ask_and_add([encode_photo(picture, name)], name)

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


def _as_png(image: QImage) -> bytes:
    """In memory: a photo that is only on the clipboard never lies on the disk unencrypted."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"PNG")).write(image)
    return bytes(buffer.data().data())
