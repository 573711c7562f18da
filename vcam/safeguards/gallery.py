"""The gallery: source faces with their photos and consent records, encrypted at rest.

One face is one sealed file, ``ID.face`` (name, consent record, embedding, thumbnail, aligned crop), and one sealed file
for each photo, ``ID-NUMBER.photo``. IDs are random, so the folder's listing names nobody. Because the consent record is
sealed together with the face it belongs to, neither can be changed or exchanged without the face being refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import secrets
import struct
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np

from vcam.errors import BadInput
from vcam.safeguards.bundle import open_bundle, seal_bundle
from vcam.safeguards.vault import Vault, VaultDamaged
from vcam.types import Basis, Consent, Embedding, Image, Source

_LOG = logging.getLogger(__name__)
_FACE, _PHOTO = ".face", ".photo"
_LONGEST_NAME = 60
THUMBNAIL_PX = 96


@dataclass(frozen=True, slots=True)
class GalleryFace:
    """One face of the gallery.

    Attributes:
        source: what is worn: id, name, embedding, consent, aligned crop.
        thumbnail: uint8 (96, 96, 3) BGR.
        photo_sha256: hex digests of the photos, in the order in which they were added.
        embedder: hex digest of the network that gave the embedding; empty where that is not known.
    """

    source: Source
    thumbnail: Image
    photo_sha256: tuple[str, ...]
    embedder: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the gallery holds.

    Attributes:
        faces: those that can be used, by name.
        faults: one sentence for each that cannot.
    """

    faces: tuple[GalleryFace, ...]
    faults: tuple[str, ...]


class Gallery:
    """Source faces at rest. Every method reads or writes files; none keeps pictures in memory.

    Args:
        vault: where they lie.
        embedder: hex digest of the network that gives the embeddings it is handed; it is kept with them, for those of
            different networks have nothing to do with each other.
    """

    def __init__(self, vault: Vault, embedder: str = "") -> None:
        self._vault = vault
        self._embedder = embedder

    def add(
        self, name: str, embedding: Embedding, consent: Consent, photos: Sequence[bytes], image: Image | None
    ) -> Source:
        """Add a face.

        Args:
            name: what the user reads.
            embedding: float32 (512,) unit length; of several photos, their mean.
            consent: the record; its photo hash must be that of the first photo.
            photos: the files' bytes; none for a synthetic identity.
            image: uint8 (S, S, 3) BGR aligned crop.

        Raises:
            BadInput: the name is taken or empty, or the record belongs to another photo.
        """
        return self._add(Source(secrets.token_hex(8), name, embedding, consent, image), photos, self._embedder)

    def add_photos(self, face_id: str, photos: Sequence[bytes], embedding: Embedding) -> Source:
        """Add photos of the same person; ``embedding`` is the new mean."""
        face = self.load(face_id)
        digests = tuple(hashlib.sha256(photo).hexdigest() for photo in photos)
        for number, photo in enumerate(photos, start=len(face.photo_sha256)):
            self._vault.write(_photo_name(face_id, number), photo)
        source = replace(face.source, embedding=embedding)
        self._write(source, face.photo_sha256 + digests, self._embedder)
        return source

    def outdated(self, face: GalleryFace) -> bool:
        """Whether its embedding is of another network than the present one, and its photos are there to read anew."""
        return face.embedder != self._embedder and bool(face.photo_sha256)

    def renew(self, face: GalleryFace, embedding: Embedding) -> Source:
        """Put the present network's embedding of a face's photos in place of what another network gave."""
        source = replace(face.source, embedding=embedding)
        self._write(source, face.photo_sha256, self._embedder)
        return source

    def list_faces(self) -> Listing:
        """All faces; one that is damaged is a sentence and harms no other."""
        faces, faults = [], []
        for file in self._vault.names(_FACE):
            try:
                faces.append(self.load(file.removesuffix(_FACE)))
            except VaultDamaged as error:
                faults.append(str(error))
        return Listing(tuple(sorted(faces, key=lambda face: face.source.name.casefold())), tuple(faults))

    def load(self, face_id: str) -> GalleryFace:
        """One face by its id.

        Raises:
            VaultDamaged: face or consent record were changed, or the file cannot be read.
        """
        file = face_id + _FACE
        content = self._vault.read(file)
        try:
            return _decode(face_id, content)
        except (ValueError, KeyError, TypeError, struct.error, cv2.error) as error:
            raise VaultDamaged(f"face {face_id} was written by another version of this program ({error})") from error

    def find(self, name_or_id: str) -> GalleryFace:
        """One face by its name (upper and lower case are alike) or id.

        Raises:
            BadInput: there is none; the message lists those there are.
        """
        listing = self.list_faces()
        for face in listing.faces:
            if name_or_id == face.source.id or name_or_id.casefold() == face.source.name.casefold():
                return face
        names = ", ".join(face.source.name for face in listing.faces) or "none"
        raise BadInput(f"no face is named {name_or_id!r}; the gallery holds: {names}")

    def photos(self, face_id: str) -> list[bytes]:
        """The photos of a face.

        Raises:
            VaultDamaged: one was changed, or is not the one that consent was given for.
        """
        photos: list[bytes] = []
        for number, digest in enumerate(self.load(face_id).photo_sha256):
            photo = self._vault.read(_photo_name(face_id, number))
            if hashlib.sha256(photo).hexdigest() != digest:
                raise VaultDamaged(f"photo {number + 1} of face {face_id} is not the one that was added")
            photos.append(photo)
        return photos

    def rename(self, face_id: str, name: str) -> Source:
        """Give a face another name.

        Raises:
            BadInput: the name is taken or empty.
        """
        face = self.load(face_id)
        source = replace(face.source, name=self._free_name(name, but=face_id))
        self._write(source, face.photo_sha256, face.embedder)
        return source

    def remove(self, face_id: str) -> None:
        """Remove a face with its record, embedding, thumbnail and photos; a damaged one too."""
        for photo in self._vault.names(_PHOTO):
            if photo.startswith(face_id + "-"):
                self._vault.delete(photo)
        self._vault.delete(face_id + _FACE)
        _LOG.info("face %s removed", face_id)

    def reset(self) -> None:
        """Destroy the key and every file. The gallery cannot be used afterwards; open a new vault."""
        self._vault.destroy()
        _LOG.info("gallery reset")

    def export_faces(self, face_ids: Iterable[str], passphrase: str) -> bytes:
        """Faces with records and photos as one file, sealed with a passphrase."""
        parts: dict[str, bytes] = {}
        for face_id in face_ids:
            face = self.load(face_id)
            parts[face_id + _FACE] = _encode(face.source, face.photo_sha256, face.embedder)
            parts |= {_photo_name(face_id, number): photo for number, photo in enumerate(self.photos(face_id))}
        return seal_bundle(parts, passphrase)

    def import_faces(self, content: bytes, passphrase: str) -> tuple[Source, ...]:
        """Add the faces of an exported file under new ids; a name that is taken gets a number.

        Raises:
            BadInput: wrong passphrase, or the file was changed.
        """
        parts = open_bundle(content, passphrase)
        added: list[Source] = []
        for file in sorted(name for name in parts if name.endswith(_FACE)):
            old_id = file.removesuffix(_FACE)
            face = _decode(old_id, parts[file])
            photos = [parts[_photo_name(old_id, number)] for number in range(len(face.photo_sha256))]
            source = replace(face.source, id=secrets.token_hex(8), name=self._numbered_name(face.source.name))
            added.append(self._add(source, photos, face.embedder))
        return tuple(added)

    def _add(self, source: Source, photos: Sequence[bytes], embedder: str) -> Source:
        digests = tuple(hashlib.sha256(photo).hexdigest() for photo in photos)
        if (digests[0] if digests else "") != source.consent.photo_sha256:
            raise BadInput("the consent record belongs to another photo; record the consent for this one")
        source = replace(source, name=self._free_name(source.name))
        for number, photo in enumerate(photos):
            self._vault.write(_photo_name(source.id, number), photo)
        self._write(source, digests, embedder)
        _LOG.info("face %s added with %d photos", source.id, len(photos))
        return source

    def _write(self, source: Source, digests: tuple[str, ...], embedder: str) -> None:
        self._vault.write(source.id + _FACE, _encode(source, digests, embedder))

    def _free_name(self, name: str, but: str = "") -> str:
        name = re.sub(r"\s+", " ", name).strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise BadInput(f"a face needs a name of 1 to {_LONGEST_NAME} letters, not {name!r}")
        if any(f.source.name.casefold() == name.casefold() and f.source.id != but for f in self.list_faces().faces):
            raise BadInput(f"there is already a face named {name!r}; choose another name or remove that face")
        return name

    def _numbered_name(self, name: str) -> str:
        taken = {face.source.name.casefold() for face in self.list_faces().faces}
        number, free = 1, name
        while free.casefold() in taken:
            number += 1
            free = f"{name[: _LONGEST_NAME - 6]} {number}"
        return free


def _photo_name(face_id: str, number: int) -> str:
    return f"{face_id}-{number}{_PHOTO}"


def _encode(source: Source, digests: tuple[str, ...], embedder: str) -> bytes:
    crop = b""
    if source.image is not None:
        good, png = cv2.imencode(".png", source.image)
        if not good:
            raise ValueError("the aligned crop cannot be written as PNG")
        crop = png.tobytes()
    record = {
        "v": 1,
        "name": source.name,
        "consent": asdict(source.consent),
        "embedding": base64.b64encode(source.embedding.astype("<f4").tobytes()).decode(),
        "photos": digests,
        "embedder": embedder,
    }
    text = json.dumps(record).encode()
    return struct.pack(">I", len(text)) + text + crop


def _decode(face_id: str, content: bytes) -> GalleryFace:
    (length,) = struct.unpack_from(">I", content)
    record = json.loads(content[4 : 4 + length])
    if record["v"] != 1:
        raise ValueError(f"version {record['v']}")
    consent = Consent(**{**record["consent"], "basis": Basis(record["consent"]["basis"])})
    embedding = np.frombuffer(base64.b64decode(record["embedding"]), "<f4").astype(np.float32)
    png = content[4 + length :]
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
    source = Source(face_id, record["name"], embedding, consent, None if image is None else image.astype(np.uint8))
    return GalleryFace(source, _thumbnail(source.image), tuple(record["photos"]), record.get("embedder", ""))


def _thumbnail(image: Image | None) -> Image:
    if image is None:
        return np.full((THUMBNAIL_PX, THUMBNAIL_PX, 3), 128, np.uint8)
    return cv2.resize(image, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.uint8)
