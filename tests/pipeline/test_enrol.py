"""Photos of nobody, changed as bad photos are: each is refused with its reason."""

import cv2
import numpy as np
import pytest

from vcam.catalogue import built_in_faces, find_models_folder
from vcam.errors import BadPhoto
from vcam.geometry import FFHQ_512
from vcam.pipeline.enrol import MOST_YAW_DEG, SeveralFaces, _refuse_unusable, enrol_photo, read_source
from vcam.safeguards.consent import ConsentRefused, Statement, matches_photo
from vcam.types import Basis
from vcam.video.photos import load_photo

MODELS = find_models_folder()
FACES = built_in_faces()
SIDE = 256  # of their pictures


def picture(number):
    return cv2.imread(str(FACES[number].picture))


def photo_of(tmp_path, *pictures):
    """The pictures side by side on grey, as a file."""
    wide = np.full((320, 40 + 320 * len(pictures), 3), 128, np.uint8)
    for place, one in enumerate(pictures):
        left = 40 + 320 * place
        wide[32 : 32 + one.shape[0], left : left + one.shape[1]] = one
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), wide)
    return path


def enrol(path, which=0):
    return enrol_photo(load_photo(path), MODELS, Statement(Basis.SELF), lambda _sentence: None, which)


def is_rather(source, one, than):
    """Whether the source is more like one built-in face than like another."""
    return float(source.embedding @ FACES[one].embedding) > float(source.embedding @ FACES[than].embedding)


def test_a_good_photo_becomes_a_source(tmp_path):
    source = enrol(photo_of(tmp_path, picture(0)))
    assert source.name == "photo"
    assert source.image.shape == (SIDE, SIDE, 3)
    assert is_rather(source, 0, than=5)


def test_a_photo_is_worn_only_with_a_record(tmp_path):
    path, said = photo_of(tmp_path, picture(0)), []
    with pytest.raises(ConsentRefused, match=r"say why you may wear the face in photo.png: --consent self, written"):
        read_source(str(path), MODELS, said.append)
    with pytest.raises(ConsentRefused, match="note"):
        read_source(str(path), MODELS, said.append, lambda _photo: Statement(Basis.WRITTEN))
    source = read_source(str(path), MODELS, said.append, lambda _photo: Statement(Basis.LICENSED, "stock, no. 7"))
    assert (source.consent.basis, source.consent.note) == (Basis.LICENSED, "stock, no. 7")
    assert matches_photo(source.consent, path.read_bytes())
    assert "You stated for photo.png: I hold a licence" in said[-1]
    assert "No age estimate is installed" in said[-2]


def test_of_several_faces_the_one_that_is_named_is_taken(tmp_path):
    path = photo_of(tmp_path, picture(0), picture(5))
    with pytest.raises(SeveralFaces, match=r"shows 2 faces.*--which 1 to --which 2") as caught:
        enrol(path)
    assert [crop.shape for crop in caught.value.crops] == [(SIDE, SIDE, 3)] * 2
    for which, own, other in ((1, 0, 5), (2, 5, 0)):
        assert is_rather(enrol(path, which), own, than=other)
    with pytest.raises(BadPhoto, match="none with the number 3"):
        enrol(path, 3)


def test_without_a_wish_the_largest_is_taken_and_that_is_said(tmp_path):
    said = []
    path = photo_of(tmp_path, cv2.resize(picture(5), (160, 160)), picture(0))
    source = enrol_photo(load_photo(path), MODELS, Statement(Basis.SELF), said.append)
    assert "shows 2 faces; the largest one is used" in said[0]
    assert is_rather(source, 0, than=5)


def test_somebody_far_behind_is_not_meant(tmp_path):
    path = photo_of(tmp_path, cv2.resize(picture(5), (100, 100)), picture(0))
    assert is_rather(enrol(path), 0, than=5)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda image: cv2.GaussianBlur(image, (0, 0), 9), "too blurred: sharpness 0.0"),
        (lambda image: cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA), "too small: its eyes are 1"),
        (lambda image: np.full_like(image, 128), "no face was found in photo.png"),
    ],
)
def test_a_photo_that_cannot_be_used_is_refused_with_its_reason(tmp_path, spoil, reason):
    with pytest.raises(BadPhoto, match=reason):
        enrol(photo_of(tmp_path, spoil(picture(0))))


def test_a_face_in_profile_is_refused():
    landmarks5 = (FFHQ_512 * SIDE).astype(np.float32)
    _refuse_unusable("front.png", picture(0), landmarks5, MOST_YAW_DEG - 1)
    with pytest.raises(BadPhoto, match="too far in profile: turned by 60 degrees"):
        _refuse_unusable("side.png", picture(0), landmarks5, -60.0)
