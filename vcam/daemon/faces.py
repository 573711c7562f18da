"""The faces that can be worn, prepared ahead so that choosing one is a matter of microseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from vcam.daemon.state import FaceName
from vcam.errors import BadInput
from vcam.types import Basis, Embedding, Image, Photo, Source


class Faces(Protocol):
    """A library of source faces."""

    def list(self) -> tuple[FaceName, ...]:
        """Those that can be worn, in the order in which "next" walks through them."""
        ...

    def add(
        self,
        photos: Sequence[Photo],
        name: str,
        basis: Basis,
        note: str = "",
        *,
        which: Mapping[Photo, int] | None = None,
        looks: Sequence[Embedding] | None = None,
    ) -> Source:
        """Add a person from one photo or several; slow.

        Args:
            photos: whole files.
            name: what the user reads.
            basis: why the face may be worn.
            note: who agreed, and where that is kept.
            which: for photos that show several faces, which one is meant, counted from the left from 1.
            looks: of the keeper in the camera, who must be this person; None where nobody looked.

        Raises:
            SeveralFaces: a photo shows several faces, and ``which`` does not say which one is meant.
            ConsentRefused: the looks show somebody else.
            BadInput: a photo cannot be used, the name is taken, or the consent record is not complete.
        """
        ...

    def look_into(self, next_picture: Callable[[], Image], seen: Callable[[int], object]) -> Sequence[Embedding]:
        """Looks of the person before the camera, see ``vcam.pipeline.enrol.look_into``; takes seconds."""
        ...

    def rename(self, wanted: str, name: str) -> None:
        """Give one of the user's faces another name.

        Raises:
            BadInput: there is no such face, it is built in, or the name is taken.
        """
        ...

    def remove(self, wanted: str) -> None:
        """Remove one of the user's faces and everything that belongs to it.

        Raises:
            BadInput: there is no such face, or it is built in.
        """
        ...

    def export(self, passphrase: str) -> tuple[bytes, int]:
        """The user's own faces as the content of one encrypted file, and how many they are; slow.

        Raises:
            BadInput: there is none, or no passphrase.
        """
        ...

    def import_from(self, content: bytes, passphrase: str) -> tuple[Source, ...]:
        """Add the faces of an exported file; slow.

        Raises:
            BadInput: that is no such file, or the passphrase is wrong.
        """
        ...

    def reload(self) -> None:
        """Read it, or read it again after it was changed elsewhere; may be slow.

        Raises:
            VcamError: not even the built-in faces are whole.
        """
        ...

    def source(self, face_id: str) -> Source:
        """A face ready to be worn; quick.

        Raises:
            BadInput: there is no such face, or it cannot be worn; the sentence says why.
        """
        ...


def find_face(faces: tuple[FaceName, ...], wanted: str) -> FaceName:
    """A face by its id or name; capitals do not matter.

    Raises:
        BadInput: none fits; the sentence lists them.
    """
    for face in faces:
        if wanted.casefold() in (face.id.casefold(), face.name.casefold()):
            return face
    known = ", ".join(face.name for face in faces) or "none yet"
    raise BadInput(f"there is no face called {wanted!r}; there are: {known}")
