"""The library of source faces: the built-in ones and the user's own from the encrypted gallery, ready to be worn.

Everything slow (finding the face in a photo, its identity, decryption) happens when a face is added or when the
library is read; afterwards choosing a face is a look into a dictionary. What that needs (ONNX Runtime, cryptography,
the keyring) is imported where it is used: the camera shall be there before any of it is loaded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from vcam.catalogue import built_in_faces, find_models_folder, read_pack
from vcam.daemon.faces import find_face
from vcam.daemon.state import FaceName
from vcam.errors import BadInput, BadSettings, VcamError
from vcam.safeguards.consent import Ask, Statement, confirmed, refuse_unstated
from vcam.types import Basis, Embedding, Image, Photo, Source

if TYPE_CHECKING:
    from vcam.safeguards.gallery import Gallery, GalleryFace
    from vcam.safeguards.vault import KeyStore

_LOG = logging.getLogger(__name__)


def _say_nothing(_sentence: str) -> None:
    """Notices name files; they may be shown, but not written to the log."""


def gallery_folder() -> Path:
    """Where the user's faces lie, encrypted."""
    return Path(platformdirs.user_data_dir("facewarp-cam", appauthor=False)) / "faces"


def read_face(
    face: str | None,
    models: Path | None,
    notice: Callable[[str], None],
    ask: Ask = refuse_unstated,
    folder: Path | None = None,
    keys: KeyStore | None = None,
) -> Source:
    """The source face that a command names: a photo, a built-in face, or one of the user's own.

    The gallery is opened only for a name that is neither of the first two, so that nothing else asks for its key.

    Args:
        face: see above; None is the first built-in face.
        models: see ``Library``.
        notice: takes a sentence for the user that is not an error.
        ask: why a photo may be worn.
        folder: see ``Library``.
        keys: see ``Library``.

    Raises:
        ConsentRefused: what was stated of a photo does not do.
        BadInput: there is no such face, or it cannot be worn; a gallery that cannot be opened says why.
        BadPhoto: the photo cannot be used.
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    from vcam.pipeline.enrol import read_source

    try:
        return read_source(face, models or find_models_folder(), notice, ask)
    except BadSettings:
        library = Library(models, folder, keys, read=False)
        if not library.has_gallery():
            raise
    library.reload()
    try:
        return library.source(find_face(library.list(), face or "").id)
    except BadInput as error:
        raise BadInput("; ".join((str(error), *library.faults))) from error


class Library:
    """See ``vcam.daemon.faces.Faces``.

    Args:
        models: folder of the embedded pack; None is the one that came with the program.
        folder: of the gallery.
        keys: where the gallery's key lies; None is the system's keyring.
        read: whether it is read at once; otherwise there are no faces before the first ``reload``.

    Attributes:
        faults: one sentence for each face that cannot be used.

    Raises:
        ModelMissing, ModelCorrupt: the built-in faces are not whole.
    """

    def __init__(
        self,
        models: Path | None = None,
        folder: Path | None = None,
        keys: KeyStore | None = None,
        *,
        read: bool = True,
    ) -> None:
        self._models = models or find_models_folder()
        self._folder, self._keys = folder or gallery_folder(), keys
        self._built_in: tuple[Source, ...] = ()
        self._gallery: Gallery | None = None
        self._lock = threading.Lock()
        self._sources: dict[str, Source] = {}
        self._names: tuple[FaceName, ...] = ()
        self.faults: tuple[str, ...] = ()
        if read:
            self.reload()

    def list(self) -> tuple[FaceName, ...]:
        """The user's own faces first, then the built-in ones."""
        return self._names

    def source(self, face_id: str) -> Source:
        """A face ready to be worn.

        Raises:
            BadInput: there is none of that id.
        """
        if face_id not in self._sources:
            raise BadInput(f"there is no face {face_id!r}; see: facewarp faces list")
        return self._sources[face_id]

    def reload(self) -> None:
        """Read the gallery again. One that cannot be opened is a fault; the built-in faces are there all the same."""
        from vcam.pipeline.enrol import built_in_source

        own: tuple[Source, ...] = ()
        faults: tuple[str, ...] = ()
        if not self._built_in:
            self._built_in = tuple(built_in_source(face) for face in built_in_faces(self._models))
        if self.has_gallery():
            try:
                listing = self.gallery().list_faces()
                own, faults = tuple(self._renewed(face) for face in listing.faces), listing.faults
            except BadInput as error:
                faults = (str(error),)
        with self._lock:
            self._sources = {source.id: source for source in (*own, *self._built_in)}
            self._names = tuple(FaceName(source.id, source.name) for source in own) + tuple(
                FaceName(source.id, source.name, built_in=True) for source in self._built_in
            )
            self.faults = faults

    def add(
        self,
        photos: Sequence[Photo],
        name: str,
        basis: Basis,
        note: str = "",
        notice: Callable[[str], None] = _say_nothing,
        which: Mapping[Photo, int] | None = None,
        looks: Sequence[Embedding] | None = None,
    ) -> Source:
        """Add a person from one photo or several; of several, the identities' mean is worn.

        Args:
            photos: whole files.
            name: what the user reads.
            basis: why the face may be worn.
            note: who agreed, and where that is kept.
            notice: takes a sentence for the user that is not an error.
            which: for photos that show several faces, which one is meant, counted from the left from 1.
            looks: of the keeper in the camera, see ``vcam.pipeline.enrol.look_into``; they must show this person.

        Raises:
            ConsentRefused: what was stated does not do, or the looks show somebody else.
            SeveralFaces: a photo shows several, and ``which`` does not name it.
            BadPhoto: a photo cannot be used; the sentence says why.
            BadInput: the name is taken, or the consent record is not complete.
        """
        from vcam.pipeline.enrol import enrol_photo, mean_identity

        self._refuse_built_in(name)
        stated = Statement(basis, note)
        enrolled = [enrol_photo(photo, self._models, stated, notice, (which or {}).get(photo, 0)) for photo in photos]
        contents = [photo.data for photo in photos]
        embedding = mean_identity([source.embedding for source in enrolled])
        consent = enrolled[0].consent if looks is None else confirmed(enrolled[0].consent, embedding, looks)
        added = self.gallery().add(name, embedding, consent, contents, enrolled[0].image)
        self.reload()
        return added

    def look_into(self, next_picture: Callable[[], Image], seen: Callable[[int], object]) -> Sequence[Embedding]:
        """See ``vcam.pipeline.enrol.look_into``."""
        from vcam.pipeline.enrol import look_into

        return look_into(next_picture, self._models, seen)

    def rename(self, wanted: str, name: str) -> None:
        """Give one of the user's faces another name.

        Raises:
            BadInput: there is no such face, it is built in, or the name is taken.
        """
        self._refuse_built_in(name)
        self.gallery().rename(self._own(wanted), name)
        self.reload()

    def remove(self, wanted: str) -> None:
        """Remove one of the user's faces and everything that belongs to it.

        Raises:
            BadInput: there is no such face, or it is built in.
        """
        self.gallery().remove(self._own(wanted))
        self.reload()

    def export(self, passphrase: str) -> tuple[bytes, int]:
        """The user's own faces as the content of one encrypted file, and how many they are.

        Raises:
            BadInput: there is none, the passphrase is empty, or the gallery cannot be opened.
        """
        own = [face.id for face in self._names if not face.built_in]
        if not own:
            raise BadInput("there is no face of yours to export; add one: facewarp faces add PHOTO")
        return self.gallery().export_faces(own, passphrase), len(own)

    def import_from(self, content: bytes, passphrase: str) -> tuple[Source, ...]:
        """Add the faces of an exported file; those that were added.

        Raises:
            BadInput: that is no such file, the passphrase is wrong, or a face cannot be added.
        """
        added = tuple(self.gallery().import_faces(content, passphrase))
        self.reload()
        return added

    def reset(self) -> None:
        """Destroy the gallery's key and all its files."""
        if self.has_gallery():
            from vcam.safeguards.vault import SystemKeyring, destroy_vault

            destroy_vault(self._folder, self._keys or SystemKeyring())
        self._gallery = None
        self.reload()

    def gallery(self) -> Gallery:
        """The opened gallery; made when it is first wanted.

        Raises:
            BadInput: its key cannot be had, or it is damaged.
        """
        if self._gallery is None:
            from vcam.safeguards.gallery import Gallery
            from vcam.safeguards.vault import SystemKeyring, open_vault

            embedder = read_pack(self._models).get("embedder")
            vault = open_vault(self._folder, self._keys or SystemKeyring())
            self._gallery = Gallery(vault, embedder.sha256 if embedder else "")
        return self._gallery

    def _renewed(self, face: GalleryFace) -> Source:
        """A face of the gallery, its identity read anew from its photos where another embedder had given it."""
        gallery, crop = self.gallery(), face.source.image
        if crop is None or not gallery.outdated(face):
            return face.source
        from vcam.pipeline.enrol import embed_again

        try:
            return gallery.renew(face, embed_again(crop, gallery.photos(face.source.id), self._models))
        except VcamError as error:
            _LOG.warning("face %s keeps the identity that another network gave it: %s", face.source.id, error)
            return face.source

    def has_gallery(self) -> bool:
        """Whether there is a gallery on this disk; it is not opened."""
        if not self._folder.is_dir():
            return False
        from vcam.safeguards.vault import HEADER

        return (self._folder / HEADER).exists()

    def _refuse_built_in(self, name: str) -> None:
        if name.casefold() in (source.name.casefold() for source in self._built_in):
            raise BadInput(f"there is a built-in face called {name!r}; choose another name")

    def _own(self, wanted: str) -> str:
        face = find_face(self._names, wanted)
        if face.built_in:
            raise BadInput(f"{face.name} came with the program and cannot be changed")
        return face.id
