import cv2
import numpy as np
import pytest

from desktop_fakes import KeysInMemory
from vcam.catalogue import built_in_faces, find_models_folder, read_pack
from vcam.daemon.library import Library, read_face
from vcam.errors import BadInput, BadPhoto, BadSettings
from vcam.safeguards.consent import state_consent
from vcam.safeguards.gallery import Gallery
from vcam.safeguards.vault import open_vault
from vcam.types import Basis, Photo

pytestmark = pytest.mark.skipif(
    not (find_models_folder() / "faces.json").is_file(), reason="the embedded pack has no faces"
)


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


def test_an_own_face_does_not_take_a_built_in_ones_name(library):
    add(library, "Mia")
    with pytest.raises(BadInput, match="there is a built-in face"):
        library.rename("Mia", library.list()[-1].name.upper())


class NoKeys(KeysInMemory):
    """A keyring that must not be asked."""

    def load(self, name):
        raise AssertionError("the gallery was opened")


def test_a_face_is_named_on_the_command_line_as_in_the_gallery(library, tmp_path):
    source = add(library, "Mia")
    folder = tmp_path / "faces"
    read = read_face("mia", None, list, folder=folder, keys=library._keys)
    assert (read.id, read.consent.basis) == (source.id, Basis.SELF)
    built_in = library.list()[-1].name
    for face, name in ((built_in.lower(), built_in), (None, library.list()[1].name)):
        assert read_face(face, None, list, folder=folder, keys=NoKeys()).name == name
    with pytest.raises(BadInput, match="there is no face called 'Zoe'; there are: Mia, "):
        read_face("Zoe", None, list, folder=folder, keys=library._keys)
    with pytest.raises(BadInput, match=r"'Mia'; .*is not in this system's keyring"):
        read_face("Mia", None, list, folder=folder, keys=KeysInMemory())
    with pytest.raises(BadSettings, match="no face and no photo 'Zoe'"):
        read_face("Zoe", None, list, folder=tmp_path / "none", keys=KeysInMemory())


def test_a_face_added_with_another_embedder_gets_its_identity_from_its_photos_again(library, tmp_path):
    faces = built_in_faces()
    pictures = [np.pad(cv2.imread(str(face.picture)), ((64, 64), (64, 64), (0, 0))) for face in faces[:2]]
    photos = [
        Photo("two.png", cv2.imencode(".png", shown)[1].tobytes()) for shown in (np.hstack(pictures), pictures[0])
    ]
    for photo in photos:
        library.add([photo], f"{len(photo.data)}", Basis.SELF, which={photo: 1})
    wanted = {source.id: source.embedding for source in map(library.source, (f.id for f in library.list()[:2]))}
    stale = Gallery(open_vault(tmp_path / "faces", library._keys), embedder="another")
    broken = stale.list_faces().faces[0].source.id
    for face in stale.list_faces().faces:
        stale.renew(face, faces[3].embedding)
    (tmp_path / "faces" / f"{broken}-0.photo").write_bytes(b"")
    library.reload()
    assert not library.faults
    for face_id, embedding in wanted.items():
        expected = faces[3].embedding if face_id == broken else embedding
        np.testing.assert_allclose(library.source(face_id).embedding, expected, atol=1e-5)
    digest = read_pack(find_models_folder())["embedder"].sha256
    told = {face.source.id: face.embedder for face in library.gallery().list_faces().faces}
    assert told == {face_id: "another" if face_id == broken else digest for face_id in wanted}


def test_an_empty_photo_is_refused(library):
    with pytest.raises(BadPhoto, match=r"empty.png is empty"):
        library.add([Photo("empty.png", b"")], "Mia", Basis.SELF)
