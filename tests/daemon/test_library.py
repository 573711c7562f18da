import numpy as np
import pytest

from vcam.catalogue import find_models_folder
from vcam.daemon.library import Library
from vcam.errors import BadInput, BadPhoto
from vcam.safeguards.consent import state_consent
from vcam.types import Basis

pytestmark = pytest.mark.skipif(
    not (find_models_folder() / "faces.json").is_file(), reason="the embedded pack has no faces"
)


class KeysInMemory:
    def __init__(self):
        self.keys = {}

    def usable(self):
        return True

    def load(self, name):
        return self.keys.get(name)

    def save(self, name, key):
        self.keys[name] = key

    def delete(self, name):
        self.keys.pop(name, None)


@pytest.fixture
def library(tmp_path):
    return Library(folder=tmp_path / "faces", keys=KeysInMemory())


def add(library, name):
    vector = np.random.default_rng(1).standard_normal(512).astype(np.float32)
    photo = name.encode()
    consent = state_consent(Basis.SELF, photo)
    source = library.gallery().add(name, vector / np.linalg.norm(vector), consent, [photo], None)
    library.reload()
    return source


def test_the_built_in_faces_are_there_without_a_gallery(library, tmp_path):
    assert len(library.list()) >= 12
    assert all(face.built_in for face in library.list())
    assert library.source(library.list()[0].id).consent.basis is Basis.SYNTHETIC
    assert not (tmp_path / "faces").exists()


def test_own_faces_come_first_and_can_be_renamed_and_removed(library):
    source = add(library, "Mia")
    assert library.list()[0].name == "Mia"
    assert library.source(source.id).name == "Mia"
    library.rename("mia", "Me")
    assert library.list()[0].name == "Me"
    library.remove("Me")
    assert library.list()[0].built_in
    with pytest.raises(BadInput, match="there is no face"):
        library.source(source.id)


def test_built_in_faces_stay(library):
    name = library.list()[0].name
    for deed in (lambda: library.rename(name, "X"), lambda: library.remove(name)):
        with pytest.raises(BadInput, match="came with the program"):
            deed()


def test_a_damaged_face_is_a_fault_and_harms_no_other(library, tmp_path):
    source = add(library, "Mia")
    add(library, "Ben")
    file = tmp_path / "faces" / f"{source.id}.face"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    library.reload()
    assert len(library.faults) == 1
    assert library.list()[0].name == "Ben"


def test_a_lost_key_leaves_the_built_in_faces(library, tmp_path):
    add(library, "Mia")
    other = Library(folder=tmp_path / "faces", keys=KeysInMemory())
    assert other.faults
    assert all(face.built_in for face in other.list())


def test_reset_destroys_everything(library, tmp_path):
    add(library, "Mia")
    library.reset()
    assert all(face.built_in for face in library.list())
    assert list((tmp_path / "faces").glob("*.face")) == []


def test_a_photo_without_a_face_is_refused(library, tmp_path):
    photo = tmp_path / "empty.png"
    photo.write_bytes(b"")
    with pytest.raises(BadPhoto):
        library.add([photo], "Mia", Basis.SELF)
