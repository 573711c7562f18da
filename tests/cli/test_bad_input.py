"""What a user can get wrong: one clear sentence that names the thing and the way out, exit code 2, nothing lost."""

import shutil

import cv2
import numpy as np
import pytest

from clips import write_clip
from vcam.catalogue import find_models_folder
from vcam.cli.main import main


@pytest.fixture
def told(capsys):
    """Runs a command line that must fail; what it says."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert code == 2, said
        lines = [line for line in said.err.splitlines() if line]
        assert len([line for line in lines if line.startswith("facewarp: ")]) == 1, said.err
        assert "Traceback" not in said.err
        return said.err

    return run


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    write_clip(path)
    return path


@pytest.fixture
def models(tmp_path):
    """A copy of the embedded pack that may be damaged."""
    return shutil.copytree(find_models_folder(), tmp_path / "models")


def picture(path, content=None):
    image = np.full((256, 256, 3), 90, np.uint8) if content is None else content
    cv2.imwrite(str(path), image)
    return path


def test_no_camera_of_that_name(told):
    assert "'No Such Webcam'" in told("run", "--camera", "No Such Webcam", "--output", "null")


def test_a_corrupt_video(told, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no video" * 100)
    assert "bad.mp4" in told("run", "--camera", bad, "--output", "null")
    assert "bad.mp4" in told("swap", bad, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_an_unreadable_photo(told, tmp_path, clip, content):
    photo = tmp_path / "me.jpg"
    photo.write_bytes(content)
    assert "me.jpg" in told("run", "--camera", clip, "--output", "null", "--face", photo, "--consent", "self")


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ([], "say why you may wear the face in me.png: --consent self, written, licensed or synthetic"),
        (["--consent", "written"], "for 'written consent', add a note that says who agreed and where that is kept"),
    ],
)
def test_a_photo_without_a_record_is_not_worn(told, tmp_path, clip, stated, sentence):
    photo = picture(tmp_path / "me.png")
    assert sentence in told("run", "--camera", clip, "--output", "null", "--face", photo, *stated)
    assert sentence in told("swap", clip, tmp_path / "out.mp4", "--face", photo, *stated)
    assert sentence in told("faces", "add", photo, *stated)


def test_a_photo_without_a_face(told, tmp_path, clip):
    photo = picture(tmp_path / "wall.png")
    assert "no face was found in wall.png" in told(
        "run", "--camera", clip, "--output", "null", "--face", photo, "--consent", "self"
    )


def test_a_face_that_does_not_exist(told, clip):
    said = told("run", "--camera", clip, "--output", "null", "--face", "Nobody Of That Name")
    assert "'Nobody Of That Name'" in said
    assert "the built-in faces are" in said


def test_a_photo_to_swap_without_a_face(told, tmp_path):
    wall = picture(tmp_path / "wall.png")
    said = told("swap", wall, tmp_path / "out.png")
    assert "wall.png" in said
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("output", ["file:/proc/none/out.mp4", "file:", "no-such-output"])
def test_an_unusable_output(told, clip, output):
    told("run", "--camera", clip, "--output", output, "--seconds", "1")


def test_statistics_that_cannot_be_written(told, clip):
    said = told("run", "--camera", clip, "--output", "null", "--stats-json", "/proc/none/stats.json")
    assert "/proc/none/stats.json" in said


def test_a_missing_model_is_named(told, clip, models):
    (models / "generator.onnx").unlink()
    assert "generator.onnx" in told("run", "--camera", clip, "--output", "null", "--models", models)


def test_a_corrupt_model_is_named_with_both_hashes(told, clip, models):
    file = models / "generator.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    said = told("run", "--camera", clip, "--output", "null", "--models", models)
    assert "generator.onnx" in said
    assert said.count("SHA-256 is") == 1
    assert "expected" in said


def test_an_empty_models_folder(told, clip, tmp_path):
    assert "faces.json" in told("run", "--camera", clip, "--output", "null", "--models", tmp_path)


def test_pipewire_is_not_running(told, clip, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path))
    assert "PipeWire" in told("run", "--camera", clip, "--output", "pipewire")


def test_an_existing_output_survives_a_failed_run(told, tmp_path):
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"precious")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"x")
    told("swap", bad, kept)
    assert kept.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--size", "huge"],
        ["run", "--fps", "0"],
        ["run", "--seconds", "-1"],
        ["run", "--engine", "magic"],
        ["run", "--safe", "maybe"],
        ["swap"],
        ["no-such-command"],
    ],
)
def test_a_wrong_command_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: facewarp" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("facewarp 0.")
