"""Consent: what is agreed to before a face may be worn, and who may not be worn at all.

The record itself is ``vcam.types.Consent``; no source face can be built without one. The gallery seals it together with
the face, so that a changed record is found and the face refused.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from vcam.errors import BadInput
from vcam.types import Basis, Consent, Embedding, Image

AgeEstimator = Callable[[Image], float]
"""Years, estimated from a uint8 (S, S, 3) BGR aligned crop. It errs by years."""

TEXT_VERSION = "2026-11"
TEXTS: dict[str, dict[Basis, str]] = {
    "2026-11": {
        Basis.SELF: "This is my own face.",
        Basis.WRITTEN: "The person shown has agreed in writing that I wear this face, and I keep that agreement.",
        Basis.LICENSED: "I hold a licence that allows me to wear this face in live pictures and recordings.",
        Basis.SYNTHETIC: "This face belongs to nobody: it was made by a computer.",
    }
}
PROMISE = (
    "I will not use it to deceive anyone about who I am to their harm, to pass an identity check, or in intimate "
    "pictures, and I will say that the picture is changed where people could be misled."
)
LEAST_AGE = 18.0
CLEARLY_CHILDLIKE = 13.0  # estimators err by several years; only clear cases are refused


LOOKS, LEAST_LOOKS = 5, 3  # taken of the keeper in the camera, and how many of them there must be
LEAST_LIKENESS = 0.41  # cosine that one in 1,000 pairs of strangers reaches by our embedder (1,999,000 pairs of LFW)
CONFIRMED = "confirmed by a look in the camera"  # in the note of a face whose keeper looked into it


class ConsentRefused(BadInput):
    """The face may not be worn on what was stated."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the keeper states when a photo is to be worn: the ground, and who agreed and where that is kept."""

    basis: Basis
    note: str = ""


Ask = Callable[[Path], Statement]
"""Asks the keeper why the face in a photo may be worn."""


def refuse_unstated(photo: Path) -> Statement:
    """For when nobody can be asked.

    Raises:
        ConsentRefused: always.
    """
    raise ConsentRefused(
        f"say why you may wear the face in {photo.name}: --consent self, written, licensed or synthetic "
        "(written and licensed need --note: who agreed, and where that is kept)"
    )


def wording(basis: Basis, version: str = TEXT_VERSION) -> str:
    """The text that is agreed to.

    Raises:
        BadInput: no such version.
    """
    try:
        return f"{TEXTS[version][basis]} {PROMISE}"
    except KeyError as error:
        raise BadInput(f"no consent text has version {version!r}; there are: {', '.join(TEXTS)}") from error


def state_consent(basis: Basis, photo: bytes | None, note: str = "", clock: Callable[[], float] = time.time) -> Consent:
    """The record for a face whose keeper agreed to the present wording.

    Args:
        basis: the ground that was chosen.
        photo: the photo file's bytes; None for a synthetic face.
        note: free text, for example where the written agreement is kept.
        clock: seconds since 1970.

    Raises:
        ConsentRefused: a photo is missing, or written consent and licences come without a word on what they are.
    """
    if basis is not Basis.SYNTHETIC and not photo:
        raise ConsentRefused("consent is recorded for one photo; give the photo")
    if basis in (Basis.WRITTEN, Basis.LICENSED) and not note.strip():
        raise ConsentRefused(f"for {basis.value!r}, add a note that says who agreed and where that is kept")
    when = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")
    return Consent(basis, TEXT_VERSION, when, hashlib.sha256(photo).hexdigest() if photo else "", note.strip())


def check_age(crop: Image, estimate: AgeEstimator | None, *, self_or_parent: bool) -> str | None:
    """Refuse a clearly childlike face.

    Args:
        crop: uint8 (S, S, 3) BGR aligned crop.
        estimate: an age estimator; None where none is installed.
        self_or_parent: the keeper states to be the person shown or its parent.

    Returns:
        A sentence to show beside the question for consent, or None.

    Raises:
        ConsentRefused: the face looks clearly childlike and nothing was stated.
    """
    if estimate is None:
        return "No age estimate is installed: whether this is a child's face, you must judge. Do not wear a child's."
    years = estimate(crop)
    if years < CLEARLY_CHILDLIKE and not self_or_parent:
        raise ConsentRefused(
            f"this looks like a child's face (about {years:.0f} years; the estimate errs by years); it is refused "
            "unless you state that you are the person or the parent"
        )
    if years < LEAST_AGE:
        return f"This face looks young (about {years:.0f} years; the estimate errs by years)."
    return None


def is_same_person(photo: Embedding, looks: Sequence[Embedding], least_similarity: float) -> bool:
    """Whether a live look in the camera confirms "self".

    A photo held before the camera passes as well: this catches carelessness, not fraud.

    Args:
        photo: float32 (512,) unit length.
        looks: of several camera frames, the same form.
        least_similarity: cosine at which the embedder takes two pictures for one person.

    Returns:
        True if there are at least ``LEAST_LOOKS`` and most of them agree.
    """
    agreeing = sum(float(photo @ look) >= least_similarity for look in looks)
    return len(looks) >= LEAST_LOOKS and agreeing > len(looks) / 2


def confirmed(consent: Consent, photo: Embedding, looks: Sequence[Embedding]) -> Consent:
    """The record with the word that a live look in the camera has confirmed it.

    Args:
        consent: on the ground of "self".
        photo: see ``is_same_person``.
        looks: see there.

    Raises:
        ConsentRefused: another ground, no clear look, or somebody else looked.
    """
    if consent.basis is not Basis.SELF:
        raise ConsentRefused("a look in the camera confirms only your own face: --consent self")
    if len(looks) < LEAST_LOOKS:
        raise ConsentRefused("no face was seen clearly in the camera; sit in the light, face it, and try again")
    if not is_same_person(photo, looks, LEAST_LIKENESS):
        raise ConsentRefused(
            "the face in the camera does not seem to be the one in the photo; take a newer photo, or add it without "
            "the confirmation"
        )
    return replace(consent, note="; ".join(filter(None, (consent.note, CONFIRMED))))


def record_lines(consent: Consent) -> list[tuple[str, str]]:
    """The record as (label, text) rows, to be shown or exported."""
    known = TEXTS.get(consent.text_version, {}).get(consent.basis)
    return [
        ("basis", consent.basis.value),
        ("text", f"{consent.text_version}: {known or 'a wording this program does not know'}"),
        ("recorded", consent.recorded_at),
        ("photo", f"SHA-256 {consent.photo_sha256}" if consent.photo_sha256 else "none"),
        ("note", consent.note or "none"),
    ]


def matches_photo(consent: Consent, photo: bytes) -> bool:
    """Whether the record was made for exactly this photo."""
    return hashlib.sha256(photo).hexdigest() == consent.photo_sha256
