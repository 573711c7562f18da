"""From a name or a photo to a source face: find the face, read its identity, keep the consent record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from vcam.catalogue import BuiltInFace, built_in_faces, net_file
from vcam.errors import BadPhoto, BadSettings, ModelCorrupt, SwapError
from vcam.faces.detect import Detector
from vcam.faces.embed import Embedder
from vcam.faces.landmarks import LandmarkFitter
from vcam.geometry import align, frame_to_crop_from
from vcam.inference import open_session
from vcam.topology import landmarks5_from
from vcam.types import Basis, Consent, Image, Points, Source
from vcam.video.photos import read_photo

SOURCE_PX = 256  # side of the aligned crop that is kept of a source photo
LEAST_VISIBILITY = 0.5  # of the landmark net; the detector alone takes a pattern for a face now and then
LEAST_EYE_DISTANCE_PX = 20.0  # nearer eyes carry too little of an identity
STATED = "1"  # version of the sentence below
STATEMENT = "By using {name} you state that the person in it is you, or has agreed to this use."


def read_source(face: str | None, models: Path, notice: Callable[[str], None]) -> Source:
    """The source face that the user named.

    Args:
        face: name of a built-in face, the path of a photo, or None for the first built-in face.
        models: folder of the networks and built-in faces.
        notice: takes a sentence for the user that is not an error.

    Raises:
        BadSettings: neither a face of that name nor a photo.
        BadPhoto: the photo cannot be used; the sentence says why.
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    if face is not None and Path(face).is_file():
        return enrol_photo(Path(face), models, notice)
    faces = built_in_faces(models)
    for candidate in faces:
        if face is None or face.casefold() in (candidate.id.casefold(), candidate.name.casefold()):
            return built_in_source(candidate)
    names = ", ".join(candidate.name for candidate in faces)
    raise BadSettings(f"there is no face and no photo {face!r}; the built-in faces are {names}")


def built_in_source(face: BuiltInFace) -> Source:
    """A built-in face as a source: nobody's, so its record says synthetic.

    Raises:
        ModelCorrupt: its picture cannot be read.
    """
    try:
        image = read_photo(face.picture)
    except BadPhoto as error:
        raise ModelCorrupt(f"the picture of the built-in face {face.name}: {error}") from error
    consent = Consent(Basis.SYNTHETIC, "1", "2026-01-01T00:00:00+00:00")
    return Source(face.id, face.name, face.embedding, consent, _square(image))


def enrol_photo(path: Path, models: Path, notice: Callable[[str], None]) -> Source:
    """A photo as a source: its largest face.

    Raises:
        BadPhoto: it cannot be read, or its face cannot be used.
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    image = read_photo(path)
    found = find_faces(image, models)
    if not found:
        raise BadPhoto(f"no face was found in {path.name}; use a photo with a large face seen from the front")
    if len(found) > 1:
        notice(f"{path.name} shows {len(found)} faces; the largest one is used")
    landmarks5 = max(found, key=_size_px)
    eye_distance_px = float(np.linalg.norm(landmarks5[1] - landmarks5[0]))
    if eye_distance_px < LEAST_EYE_DISTANCE_PX:
        raise BadPhoto(
            f"the face in {path.name} is too small: its eyes are {eye_distance_px:.0f} px apart, "
            f"at least {LEAST_EYE_DISTANCE_PX:.0f} are needed; use a larger or closer photo"
        )
    try:
        embedding = Embedder(open_session(net_file("embedder", models)))(image, landmarks5)
    except SwapError as error:
        raise BadPhoto(f"{path.name}: {error}; use another photo") from error
    notice(STATEMENT.format(name=path.name))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    consent = Consent(Basis.STATED, STATED, datetime.now(UTC).isoformat(timespec="seconds"), digest)
    crop = align(image, frame_to_crop_from(landmarks5, SOURCE_PX), SOURCE_PX)
    return Source(digest[:12], path.stem, embedding, consent, crop)


def find_faces(image: Image, models: Path) -> list[Points]:
    """The five landmarks of every face that the detector finds and the landmark net agrees to; float32 (5, 2) px each.

    Raises:
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    fit = LandmarkFitter(open_session(net_file("landmarks", models)))
    found = []
    for face in Detector(open_session(net_file("detector", models)))(image):
        rough = fit(image, face.landmarks5)
        fine = fit(image, landmarks5_from(rough.landmarks))
        if fine.visibility >= LEAST_VISIBILITY:
            found.append(landmarks5_from(fine.landmarks))
    return found


def _size_px(landmarks5: Points) -> float:
    return float(np.ptp(landmarks5, axis=0).prod())


def _square(image: Image) -> Image:
    if image.shape[:2] == (SOURCE_PX, SOURCE_PX):
        return image
    return np.asarray(cv2.resize(image, (SOURCE_PX, SOURCE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
