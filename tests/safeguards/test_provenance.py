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
    sign_in_place,
    signing_key,
)
from vcam.safeguards.vault import open_vault
from vcam.types import VideoMode
from vcam.video.files_out import FileOutput

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


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".mp4"])
def test_a_changed_frame_of_the_record_is_found(tmp_path, vault, ending):
    plain, target = tmp_path / f"plain{ending}", tmp_path / f"signed{ending}"
    if ending == ".mp4":
        with FileOutput(plain, VideoMode(160, 90, 30.0)) as output:
            for picture in frames(3, size_wh=(160, 90)):
                output.send(picture)
    else:
        cv2.imwrite(str(plain), next(frames(1, size_wh=(160, 90))))
    sign_file(plain, target, signing_key(vault), 7)
    whole = target.read_bytes()
    assert read_provenance(target).intact
    starts = [whole.index(text) for text in (b"jumdc2pa", b"c2pa.assertions", b"c2pa.signature", b"c2pa.claim.v2")]
    places = [at + offset for at in starts for offset in (-25, -5, -1, 0, 3)] + [whole.index(b"\xa1cpadY") + 100]
    places += range(starts[0] - 30, starts[0]) if starts[0] >= 30 else ()
    places += (9, 14, 22) if ending == ".mp4" else ()
    for at in places:
        target.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        assert not read_provenance(target).intact, at


def test_every_bit_of_what_the_signature_stands_in_counts(signed):
    whole = signed.read_bytes()
    begins, padding = whole.index(b"\xd2\x84"), whole.index(b"\xa1cpadY")
    ends = padding + 8 + int.from_bytes(whole[padding + 6 : padding + 8], "big")
    for at in (*range(begins, begins + 5), *range(padding, padding + 8), *range(ends, ends + 3)):
        for bit in range(8):
            signed.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            assert not read_provenance(signed).intact, (at, bit)


def test_signing_in_place_leaves_a_bad_file_as_it_was(tmp_path, vault):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    with pytest.raises(BadInput, match="cannot be signed"):
        sign_in_place(bad, signing_key(vault), 7, marked=True)
    assert bad.read_bytes() == b"no picture"
    assert [path.name for path in tmp_path.glob("*bad*")] == ["bad.jpg"]


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
