import numpy as np
import pytest

from vcam.errors import BadInput
from vcam.safeguards import consent
from vcam.safeguards.consent import ConsentRefused, check_age, is_same_person, state_consent, wording
from vcam.types import Basis

CROP = np.zeros((64, 64, 3), np.uint8)


def test_the_record_names_text_time_and_photo():
    record = state_consent(Basis.SELF, b"photo", clock=lambda: 1_795_000_000.0)
    assert record.text_version == consent.TEXT_VERSION
    assert record.recorded_at == "2026-11-18T11:06:40+00:00"
    assert consent.matches_photo(record, b"photo")
    assert not consent.matches_photo(record, b"phota")
    assert dict(consent.record_lines(record))["basis"] == "self"


@pytest.mark.parametrize("basis", list(Basis))
def test_every_basis_has_its_wording(basis):
    assert consent.PROMISE in wording(basis)


def test_an_unknown_wording_is_named():
    with pytest.raises(BadInput, match="1999"):
        wording(Basis.SELF, "1999")


@pytest.mark.parametrize(
    ("basis", "photo", "note", "word"),
    [
        (Basis.SELF, None, "", "give the photo"),
        (Basis.SELF, b"", "", "give the photo"),
        (Basis.WRITTEN, b"photo", "  ", "note"),
        (Basis.LICENSED, b"photo", "", "note"),
    ],
)
def test_what_is_not_enough(basis, photo, note, word):
    with pytest.raises(ConsentRefused, match=word):
        state_consent(basis, photo, note)


def test_a_synthetic_face_needs_no_photo():
    assert state_consent(Basis.SYNTHETIC, None).photo_sha256 == ""


@pytest.mark.parametrize(
    ("years", "stated", "says"),
    [(8, True, "errs"), (15, False, "errs"), (30, False, None), (30, True, None)],
)
def test_what_is_said_about_age(years, stated, says):
    sentence = check_age(CROP, lambda crop: years, self_or_parent=stated)
    assert sentence is None if says is None else says in sentence


def test_a_clearly_childlike_face_is_refused():
    with pytest.raises(ConsentRefused, match="estimate errs"):
        check_age(CROP, lambda crop: 8.0, self_or_parent=False)


def test_without_an_estimator_that_is_said():
    assert "No age estimate is installed" in check_age(CROP, None, self_or_parent=False)


def test_self_is_confirmed_by_most_of_several_looks():
    me, other = np.eye(512, dtype=np.float32)[:2]
    assert is_same_person(me, [me, me, other], 0.4)
    assert not is_same_person(me, [me, other, other], 0.4)
    assert not is_same_person(me, [me, me], 0.4)
