import hashlib
import json

import pytest

from vcam import catalogue
from vcam.errors import ModelCorrupt, ModelMissing


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "detector.onnx").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    rows = [{"name": "detector", "file": "detector.onnx", "sha256": digest, "bytes": 7, "licence": "research"}]
    (tmp_path / "pack.json").write_text(json.dumps({"nets": rows}))
    return tmp_path


def test_a_good_file_is_found(folder):
    assert catalogue.net_file("detector", folder) == folder / "detector.onnx"


def test_a_damaged_file_is_refused_with_both_digests(folder):
    (folder / "detector.onnx").write_bytes(b"weighty")
    with pytest.raises(ModelCorrupt) as caught:
        catalogue.net_file("detector", folder)
    for content in (b"weights", b"weighty"):
        assert hashlib.sha256(content).hexdigest() in str(caught.value)


def test_a_missing_file_is_named(folder):
    (folder / "detector.onnx").unlink()
    with pytest.raises(ModelMissing, match=r"detector\.onnx"):
        catalogue.net_file("detector", folder)


def test_a_missing_entry_says_what_there_is(folder):
    with pytest.raises(ModelMissing, match=r"no generator model .*it has detector"):
        catalogue.net_file("generator", folder)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nets": [{"name": "x"}]}', "\x00"])
def test_an_unreadable_list_is_told(folder, text):
    (folder / "pack.json").write_text(text)
    with pytest.raises(ModelCorrupt, match=r"pack\.json"):
        catalogue.net_file("detector", folder)


def test_no_list_at_all(tmp_path):
    with pytest.raises(ModelMissing, match="no list of models"):
        catalogue.net_file("detector", tmp_path)
    with pytest.raises(ModelMissing, match="built-in faces are missing"):
        catalogue.built_in_faces(tmp_path)
