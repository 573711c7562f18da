import hashlib
import json
import stat
from dataclasses import replace

import numpy as np
import pytest

from vcam.errors import BadInput
from vcam.safeguards.consent import state_consent
from vcam.safeguards.gallery import Gallery
from vcam.safeguards.vault import HEADER, VaultDamaged, VaultLocked, destroy_vault, open_vault
from vcam.types import Basis

CHEAP = 1 << 4  # scrypt's cost; the real one takes a second


class MemoryKeys:
    """A keyring in memory, or a system without one."""

    def __init__(self, usable=True):
        self.kept, self._usable = {}, usable

    def usable(self):
        return self._usable

    def load(self, name):
        return self.kept.get(name)

    def save(self, name, key):
        self.kept[name] = key

    def delete(self, name):
        self.kept.pop(name, None)


def embedding(seed=0):
    vector = np.random.default_rng(seed).normal(size=512).astype(np.float32)
    return vector / np.linalg.norm(vector)


CROP = np.random.default_rng(3).integers(0, 255, (64, 64, 3), np.uint8)
PHOTO = b"the bytes of a photo"


def add(gallery, name="Ann", photos=(PHOTO,), seed=0):
    consent = state_consent(Basis.SELF, photos[0], clock=lambda: 1_795_000_000.0)
    return gallery.add(name, embedding(seed), consent, photos, CROP)


@pytest.fixture
def keys():
    return MemoryKeys()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "faces"


@pytest.fixture
def gallery(folder, keys):
    return Gallery(open_vault(folder, keys))


def test_a_face_comes_back_after_a_restart(gallery, folder, keys):
    source = add(gallery, photos=(PHOTO, b"another photo"))
    again = Gallery(open_vault(folder, keys))
    face = again.find("ann")
    assert face.source.id == source.id
    assert face.source.consent == source.consent
    np.testing.assert_array_equal(face.source.embedding, source.embedding)
    np.testing.assert_array_equal(face.source.image, CROP)
    assert face.thumbnail.shape == (96, 96, 3)
    assert again.photos(source.id) == [PHOTO, b"another photo"]


def test_nothing_on_the_disk_can_be_read_by_others(gallery, folder):
    add(gallery, name="Rosalind")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"Rosalind" not in path.read_bytes()
        assert PHOTO not in path.read_bytes()
        assert "rosalind" not in path.name.lower()


def test_rename_and_more_photos(gallery):
    source = add(gallery)
    gallery.rename(source.id, "  Anna   Bell ")
    gallery.add_photos(source.id, [b"second"], embedding(5))
    face = gallery.find("Anna Bell")
    assert face.source.consent == source.consent
    np.testing.assert_array_equal(face.source.embedding, embedding(5))
    assert gallery.photos(source.id) == [PHOTO, b"second"]


def test_removing_a_face_removes_all_of_it(gallery, folder):
    kept = add(gallery, "Ann")
    gone = add(gallery, "Bob", photos=(PHOTO, b"x"))
    gallery.remove(gone.id)
    assert {path.name.split("-")[0].split(".")[0] for path in folder.iterdir()} == {"vault", kept.id}


@pytest.mark.parametrize("name", ["", "  ", "ann", "x" * 61, "tab\x07"])
def test_a_bad_name_is_refused(gallery, name):
    add(gallery, "Ann")
    with pytest.raises(BadInput):
        add(gallery, name)


def test_an_unknown_name_lists_the_known_ones(gallery):
    add(gallery, "Ann")
    with pytest.raises(BadInput, match="Ann"):
        gallery.find("Zoe")


def test_consent_for_another_photo_is_refused(gallery):
    with pytest.raises(BadInput, match="another photo"):
        gallery.add("Ann", embedding(), state_consent(Basis.SELF, b"other"), [PHOTO], CROP)


def test_one_changed_byte_anywhere_is_found_and_harms_no_other_face(gallery, folder):
    good = add(gallery, "Good")
    bad = add(gallery, "Bad", photos=(PHOTO,))
    for suffix, read in ((".face", gallery.load), ("-0.photo", gallery.photos)):
        path = folder / (bad.id + suffix)
        whole = path.read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 150)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
            with pytest.raises(VaultDamaged):
                read(bad.id)
        path.write_bytes(whole)
    (folder / (bad.id + ".face")).write_bytes(b"FWV1 cut")
    listing = gallery.list_faces()
    assert [face.source.name for face in listing.faces] == ["Good"]
    assert len(listing.faults) == 1
    assert gallery.photos(good.id) == [PHOTO]


def test_a_face_in_anothers_place_is_found(gallery, folder):
    one, other = add(gallery, "One"), add(gallery, "Other", seed=2)
    (folder / f"{one.id}.face").replace(folder / f"{other.id}.face")
    with pytest.raises(VaultDamaged, match="changed"):
        gallery.load(other.id)


@pytest.mark.parametrize("usable", [True, False])
def test_one_changed_byte_of_the_header_is_found(folder, usable):
    keys = MemoryKeys(usable)
    open_vault(folder, keys, lambda: "secret", CHEAP)
    path = folder / HEADER
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(VaultDamaged):
            open_vault(folder, keys, lambda: "secret", CHEAP)


def test_a_passphrase_serves_where_there_is_no_keyring(folder):
    keys = MemoryKeys(usable=False)
    source = add(Gallery(open_vault(folder, keys, lambda: "secret", CHEAP)))
    assert Gallery(open_vault(folder, keys, lambda: "secret")).load(source.id).source.name == "Ann"
    with pytest.raises(VaultLocked, match="not the passphrase"):
        open_vault(folder, keys, lambda: "wrong")
    with pytest.raises(VaultLocked, match="FACEWARP_PASSPHRASE"):
        open_vault(folder, keys, lambda: None)


def test_a_lost_key_is_told_and_reset_starts_anew(gallery, folder, keys):
    add(gallery)
    keys.kept.clear()
    with pytest.raises(VaultLocked, match="faces reset"):
        open_vault(folder, keys)
    destroy_vault(folder, keys)
    assert Gallery(open_vault(folder, keys)).list_faces().faces == ()


def test_another_key_under_the_same_name_is_told(gallery, folder, keys):
    name = json.loads((folder / HEADER).read_text().splitlines()[0])["name"]
    keys.kept[name] = bytes(32)
    with pytest.raises(VaultLocked, match="not the one"):
        open_vault(folder, keys)


def test_a_lost_header_does_not_make_a_new_key_over_old_faces(gallery, folder, keys):
    add(gallery)
    (folder / HEADER).unlink()
    with pytest.raises(VaultDamaged, match="is gone"):
        open_vault(folder, keys)


def test_reset_destroys_key_and_files(gallery, folder, keys):
    add(gallery)
    gallery.reset()
    assert not keys.kept
    assert not list(folder.iterdir())


def test_faces_travel_to_another_computer(gallery, tmp_path):
    sources = [add(gallery, "Ann", photos=(PHOTO, b"two")), add(gallery, "Bob", seed=1)]
    sealed = gallery.export_faces([source.id for source in sources], "travel")
    other = Gallery(open_vault(tmp_path / "other", MemoryKeys()))
    add(other, "ann")
    added = other.import_faces(sealed, "travel")
    assert sorted(source.name for source in added) == ["Ann 2", "Bob"]
    assert [face.source.consent for face in other.list_faces().faces][1:] == [sources[0].consent, sources[1].consent]
    assert other.photos(other.find("Ann 2").source.id) == [PHOTO, b"two"]
    with pytest.raises(BadInput, match="wrong passphrase"):
        other.import_faces(sealed, "guess")
    with pytest.raises(BadInput, match="not an exported file"):
        other.import_faces(sealed[:20], "travel")


def test_a_face_tells_which_network_gave_its_identity(gallery, folder, keys, tmp_path):
    source = add(Gallery(open_vault(folder, keys), embedder="old"))
    later = Gallery(open_vault(folder, keys), embedder="new")
    later.rename(source.id, "Anna")
    assert later.load(source.id).embedder == "old"
    moved = Gallery(open_vault(tmp_path / "other", MemoryKeys()), embedder="new")
    moved.import_faces(later.export_faces([source.id], "travel"), "travel")
    for where in (later, moved):
        face = where.find("Anna")
        assert where.outdated(face)
        renewed = where.renew(face, embedding(9))
        assert renewed.consent == source.consent
        found = where.find("Anna")
        assert not where.outdated(found)
        assert found.photo_sha256 == face.photo_sha256
        np.testing.assert_array_equal(found.source.embedding, embedding(9))
    assert not later.outdated(replace(found, embedder="old", photo_sha256=()))


def test_a_write_that_fails_leaves_the_old_file(gallery, folder):
    source = add(gallery)
    before = hashlib.sha256((folder / f"{source.id}.face").read_bytes()).digest()
    with pytest.raises(BadInput):
        gallery.rename(source.id, "")
    assert hashlib.sha256((folder / f"{source.id}.face").read_bytes()).digest() == before
    assert not list(folder.glob(".*.tmp"))
