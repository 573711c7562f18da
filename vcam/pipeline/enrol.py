"""From a name or a photo to a source face: find the face, read its identity, keep the consent record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from vcam.catalogue import BuiltInFace, built_in_faces, net_file
from vcam.errors import BadPhoto, BadSettings, ModelCorrupt, SwapError
from vcam.faces.detect import Detector
from vcam.faces.embed import Embedder
from vcam.faces.landmarks import Fit, LandmarkFitter
from vcam.geometry import FFHQ_512, align, frame_to_crop_from
from vcam.inference import open_session
from vcam.safeguards.consent import LOOKS, Ask, Statement, check_age, refuse_unstated, state_consent, wording
from vcam.topology import landmarks5_from
from vcam.types import Basis, Consent, Embedding, Image, Photo, Points, Source
from vcam.video.photos import decode_photo, load_photo, read_photo

_LOOK_FRAMES, _LOOK_EVERY = 120, 6  # of a camera: frames at most, and every how many one is looked at
SOURCE_PX = 256  # side of the aligned crop that is kept of a source photo
LEAST_VISIBILITY = 0.5  # of the landmark net; the detector alone takes a pattern for a face now and then
LEAST_EYE_DISTANCE_PX = 20.0  # nearer eyes carry too little of an identity
MOST_YAW_DEG = 45.0  # farther in profile, half of the face is a guess
# Of 200 photos nobody had blurred, the softest had 0.15; blurred by 0.12 eye distances (standard deviation), which
# halves the likeness of their embedding to itself, 95 % had less than 0.085.
LEAST_SHARPNESS = 0.08
SHARPNESS_PX = 64  # side of the aligned crop in which it is measured
FIRST_PLAN = 0.5  # a face with eyes nearer than this part of the largest face's is in the background


class SeveralFaces(BadPhoto):
    """A photo shows several faces, and nobody has said which one is meant.

    Attributes:
        photo: that one.
        crops: uint8 (S, S, 3) BGR aligned crops, from left to right.
    """

    def __init__(self, photo: Photo, crops: tuple[Image, ...]) -> None:
        count = len(crops)
        super().__init__(
            f"{photo.name} shows {count} faces; say which one, counted from the left: --which 1 to --which {count}"
        )
        self.photo, self.crops = photo, crops


def read_source(face: str | None, models: Path, notice: Callable[[str], None], ask: Ask = refuse_unstated) -> Source:
    """The source face that the user named.

    Args:
        face: name of a built-in face, the path of a photo, or None for the first built-in face.
        models: folder of the networks and built-in faces.
        notice: takes a sentence for the user that is not an error.
        ask: why a photo may be worn; not called for a built-in face.

    Raises:
        ConsentRefused: what was stated does not do.
        BadSettings: neither a face of that name nor a photo.
        BadPhoto: the photo cannot be used; the sentence says why.
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    if face is not None and Path(face).is_file():
        statement = ask(Path(face))
        source = enrol_photo(load_photo(face), models, statement, notice)
        notice(f"You stated for {Path(face).name}: {wording(statement.basis)}")
        return source
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


def enrol_photo(
    photo: Photo, models: Path, statement: Statement, notice: Callable[[str], None], which: int | None = None
) -> Source:
    """A photo as a source.

    Args:
        photo: a file's bytes, or a picture that never was a file.
        models: folder of the networks.
        statement: why it may be worn.
        notice: takes a sentence for the user that is not an error.
        which: of several faces, counted from the left from 1; 0 takes none but the only one; None takes the largest.

    Raises:
        ConsentRefused: what was stated does not do.
        SeveralFaces: there are several, and ``which`` is 0.
        BadPhoto: it is no picture, or its face cannot be used: too small, too blurred, too far in profile.
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    image = decode_photo(photo)
    consent = state_consent(statement.basis, photo.data, statement.note)
    found = find_faces(image, models)
    if not found:
        raise BadPhoto(f"no face was found in {photo.name}; use a photo with a large face seen from the front")
    fit = _choose(photo, image, found, which)
    if len(found) > 1 and which is None:
        notice(f"{photo.name} shows {len(found)} faces; the largest one is used")
    landmarks5 = landmarks5_from(fit.landmarks)
    _refuse_unusable(photo.name, image, landmarks5, float(fit.pose[0]))
    try:
        embedding = Embedder(open_session(net_file("embedder", models)))(image, landmarks5)
    except SwapError as error:
        raise BadPhoto(f"{photo.name}: {error}; use another photo") from error
    crop = _crop(image, fit)
    somebody_else = statement.basis in (Basis.WRITTEN, Basis.LICENSED)
    if somebody_else and (said := check_age(crop, None, self_or_parent=False)):  # no estimator is shipped
        notice(said)
    return Source(consent.photo_sha256[:12], Path(photo.name).stem, embedding, consent, crop)


def embed_again(crop: Image, photos: Sequence[bytes], models: Path) -> Embedding:
    """The identity that the pack's embedder gives a face that was added with another one.

    Args:
        crop: uint8 (S, S, 3) BGR aligned crop of its first photo.
        photos: the files' bytes; where one shows several faces, the one most like the crop is meant.
        models: folder of the networks.

    Returns:
        float32 (512,) unit length, the mean of the photos in which a face is found; without any, that of the crop.

    Raises:
        SwapError: not even the crop has an identity.
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    embed = Embedder(open_session(net_file("embedder", models)))
    wanted = embed(crop, np.asarray(FFHQ_512 * len(crop), np.float32))
    kept = []
    for photo in photos:
        with suppress(BadPhoto, SwapError):
            image = decode_photo(Photo("photo", photo))
            found = [embed(image, landmarks5_from(fit.landmarks)) for fit in find_faces(image, models)]
            kept += sorted(found, key=lambda one: float(one @ wanted))[-1:]
    return mean_identity(kept or [wanted])


def mean_identity(embeddings: Sequence[Embedding]) -> Embedding:
    """One identity of several of a person: float32 (512,) each and in return, unit length."""
    mean = np.mean(embeddings, axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def look_into(
    next_picture: Callable[[], Image], models: Path, seen: Callable[[int], object] = lambda _count: None
) -> list[Embedding]:
    """Looks of the person before a camera: the largest face of some pictures; fewer than ``LOOKS`` if none is seen.

    Args:
        next_picture: waits for the camera's next one; what it raises ends this.
        models: folder of the networks.
        seen: is told after each look how many there have been.

    Raises:
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    embed = Embedder(open_session(net_file("embedder", models)))
    taken: list[Embedding] = []
    for number in range(_LOOK_FRAMES):
        image = next_picture()
        found = find_faces(image, models) if number % _LOOK_EVERY == 0 else []
        if found:
            with suppress(SwapError):
                taken.append(embed(image, landmarks5_from(max(found, key=_eye_distance_px).landmarks)))
                seen(len(taken))
        if len(taken) == LOOKS:
            break
    return taken


def _choose(photo: Photo, image: Image, found: list[Fit], which: int | None) -> Fit:
    """The face that is meant; see ``enrol_photo``."""
    largest = max(found, key=_eye_distance_px)
    near = [fit for fit in found if _eye_distance_px(fit) >= FIRST_PLAN * _eye_distance_px(largest)]
    if which is None or len(near) == 1:
        return largest
    if which == 0:
        raise SeveralFaces(photo, tuple(_crop(image, fit) for fit in near))
    if which > len(near):
        raise BadPhoto(f"{photo.name} shows {len(near)} faces; there is none with the number {which}")
    return near[which - 1]


def _refuse_unusable(name: str, image: Image, landmarks5: Points, yaw_deg: float) -> None:
    eye_distance_px = float(np.linalg.norm(landmarks5[1] - landmarks5[0]))
    if eye_distance_px < LEAST_EYE_DISTANCE_PX:
        raise BadPhoto(
            f"the face in {name} is too small: its eyes are {eye_distance_px:.0f} px apart, "
            f"at least {LEAST_EYE_DISTANCE_PX:.0f} are needed; use a larger or closer photo"
        )
    if abs(yaw_deg) > MOST_YAW_DEG:
        raise BadPhoto(
            f"the face in {name} is too far in profile: turned by {abs(yaw_deg):.0f} degrees, at most "
            f"{MOST_YAW_DEG:.0f} will do; use a photo from the front"
        )
    sharp = sharpness(image, landmarks5)
    if sharp < LEAST_SHARPNESS:
        raise BadPhoto(
            f"the face in {name} is too blurred: sharpness {sharp:.2f}, at least {LEAST_SHARPNESS} is needed; "
            "use a sharper photo"
        )


def sharpness(image: Image, landmarks5: Points) -> float:
    """Share of the finest detail in a face's contrast, at a size that every usable photo has.

    Args:
        image: uint8 (H, W, 3) BGR.
        landmarks5: float32 (5, 2) px in the image.

    Returns:
        Variance of the Laplacian over the variance, eyes to mouth; 0.15 to 1 for photos that nobody has blurred.
    """
    side = SHARPNESS_PX
    crop = align(image, frame_to_crop_from(landmarks5, side), side)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[side // 4 : side * 7 // 8, side // 5 : side * 4 // 5]
    inner = grey.astype(np.float32)
    return float(cv2.Laplacian(inner, cv2.CV_32F).var() / max(float(inner.var()), 1e-6))


def find_faces(image: Image, models: Path) -> list[Fit]:
    """Every face that the detector finds and the landmark net agrees to, from left to right.

    Raises:
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    fit = LandmarkFitter(open_session(net_file("landmarks", models)))
    found = []
    for face in Detector(open_session(net_file("detector", models)))(image):
        rough = fit(image, face.landmarks5)
        fine = fit(image, landmarks5_from(rough.landmarks))
        if fine.visibility >= LEAST_VISIBILITY:
            found.append(fine)
    return sorted(found, key=lambda fit: float(fit.landmarks[:, 0].mean()))


def _eye_distance_px(fit: Fit) -> float:
    landmarks5 = landmarks5_from(fit.landmarks)
    return float(np.linalg.norm(landmarks5[1] - landmarks5[0]))


def _crop(image: Image, fit: Fit) -> Image:
    return align(image, frame_to_crop_from(landmarks5_from(fit.landmarks), SOURCE_PX), SOURCE_PX)


def _square(image: Image) -> Image:
    if image.shape[:2] == (SOURCE_PX, SOURCE_PX):
        return image
    return np.asarray(cv2.resize(image, (SOURCE_PX, SOURCE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
