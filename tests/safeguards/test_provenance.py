import shutil

import cv2
import numpy as np
import pytest

from safeguards.moving_picture import frames
from safeguards.test_gallery import MemoryKeys
from vcam.errors import BadInput
from vcam.safeguards.provenance import (
    ProvenanceUnavailable,
    is_available,
    read_provenance,
    sign_file,
    signing_key,
)
from vcam.safeguards.vault import open_vault

pytestmark = pytest.mark.skipif(not is_available(), reason="the extra 'provenance' is not installed")


@pytest.fixture
def vault(tmp_path):
    return open_vault(tmp_path / "faces", MemoryKeys())


@pytest.fixture
def signed(tmp_path, vault):
    plain, target = tmp_path / "plain.jpg", tmp_path / "signed.jpg"
    cv2.imwrite(str(plain), next(frames(1, size_wh=(160, 90))))
    sign_file(plain, target, signing_key(vault), 0xABCDEF)
    return target


def test_a_signed_file_says_what_it_is(signed, vault):
    found = read_provenance(signed)
    assert (found.present, found.intact, found.ours, found.swapped) == (True, True, False, True)
    assert found.session == "abcdef"
    assert "no trusted authority" in found.sentence()
    mine = read_provenance(signed, signing_key(vault).authority_pem)
    assert mine.ours
    assert "this installation" in mine.sentence()


def test_the_key_stays_the_same_and_is_sealed(vault):
    key = signing_key(vault)
    assert signing_key(vault) == key
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in vault.folder.iterdir())


def test_a_changed_picture_is_found(signed):
    whole = bytearray(signed.read_bytes())
    media = whole.rindex(b"\xff\xda") + 20  # within the entropy-coded picture
    for at in range(media, len(whole) - 2, max(1, (len(whole) - media) // 12)):
        whole[at] ^= 4
        signed.write_bytes(whole)
        found = read_provenance(signed)
        assert not found.intact
        assert "changed" in found.sentence()
        whole[at] ^= 4


def test_the_unsigned_padding_must_be_empty(signed):
    whole = bytearray(signed.read_bytes())
    whole[whole.index(b"\xa1cpadY") + 100] = 1
    signed.write_bytes(whole)
    assert not read_provenance(signed).intact


def test_a_plain_file_has_none(tmp_path, signed):
    assert read_provenance(tmp_path / "plain.jpg").sentence() == "no provenance record"


def test_a_format_without_records_is_named(tmp_path, signed, vault):
    other = tmp_path / "film.mkv"
    shutil.copy(signed, other)
    with pytest.raises(ProvenanceUnavailable, match="mkv"):
        read_provenance(other)


def test_a_file_that_is_no_picture_cannot_be_signed(tmp_path, vault):
    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(np.random.default_rng(0).bytes(300))
    with pytest.raises(BadInput, match="cannot be signed"):
        sign_file(wrong, tmp_path / "out.png", signing_key(vault), 1)
    assert not (tmp_path / "out.png").exists()
