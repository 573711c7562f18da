"""The commands as a user runs them, on the clip of nobody that comes with the program."""

import io
import json
import sys

import av
import cv2
import numpy as np
import pytest

from clips import write_clip
from vcam.catalogue import built_in_faces, find_clip
from vcam.cli.main import main
from vcam.safeguards.provenance import read_provenance
from vcam.video.files import probe_video, read_video

ACTOR = find_clip()
KEYS = {
    "seconds", "frames_captured", "frames_processed", "frames_sent", "frames_swapped", "frames_safe", "frames_raw",
    "frames_dropped", "fps_sent", "fps_processed", "latency_ms", "stage_ms", "rss_mb", "cpu_percent", "used",
}  # fmt: skip


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """One second of the actor, with a tone."""
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    frames = [frame.image for frame, _ in read_video(ACTOR)][:24]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        sound = container.add_stream("aac", rate=48000, layout="mono")
        for image in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(video.encode())
        tone = (8000 * np.sin(np.arange(48000) * 0.05)).astype(np.int16)[None]
        for start in range(0, 48000, 1024):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "s16", "mono")
            piece.sample_rate, piece.pts = 48000, start
            container.mux(sound.encode(piece))
        container.mux(sound.encode())
    return path


def run(tmp_path, *arguments):
    stats = tmp_path / "stats.json"
    assert main(["run", *map(str, arguments), "--stats-json", str(stats)]) == 0
    report = json.loads(stats.read_text())
    assert set(report) >= KEYS
    assert set(report["latency_ms"]) == {"p50", "p95", "p99", "max"}
    assert report["frames_sent"] == report["frames_swapped"] + report["frames_safe"] + report["frames_raw"]
    return report


def run_until(tmp_path, kind, *arguments):
    """Long enough for more than 20 pictures of a kind; a busy machine gets more time."""
    for seconds in (3, 12, 40):
        report = run(tmp_path, *arguments, "--seconds", seconds)
        if report[f"frames_{kind}"] > 20:
            break
    return report


@pytest.mark.parametrize("engine", ["aei", "mesh"])
def test_the_actor_is_swapped(tmp_path, engine):
    report = run_until(tmp_path, "swapped", "--camera", ACTOR, "--output", "null", "--engine", engine)
    assert report["frames_swapped"] > 20
    assert report["frames_raw"] == 0
    assert report["used"]["camera"] == "actor.mp4"
    assert report["used"]["engine"] == engine
    assert report["used"]["provider"].endswith("ExecutionProvider")


def test_a_clip_without_a_face_shows_the_safe_picture_only(tmp_path):
    clip = tmp_path / "pattern.mp4"
    write_clip(clip)
    report = run_until(tmp_path, "safe", "--camera", clip, "--output", "null")
    assert report["frames_swapped"] == report["frames_raw"] == 0
    assert report["frames_safe"] > 20


def test_switched_off_it_is_the_camera_itself(tmp_path):
    report = run_until(tmp_path, "raw", "--camera", ACTOR, "--output", "null", "--off")
    assert report["frames_raw"] > 20
    assert report["frames_processed"] == 0


def test_a_video_is_swapped_and_keeps_its_sound(tmp_path, short, capsys):
    target = tmp_path / "out.mp4"
    assert main(["swap", str(short), str(target)]) == 0
    assert "24 of 24 frames swapped" in capsys.readouterr().out
    before, after = probe_video(short), probe_video(target)
    assert after.has_audio
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    pairs = zip(read_video(short), read_video(target), strict=True)
    changes = [float(np.abs(a.image.astype(int) - b.image).max(2).mean()) for (a, _), (b, _) in pairs]
    assert min(changes) > 0.3


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_a_photo_is_swapped(tmp_path, ending):
    photo, target = tmp_path / "in.png", tmp_path / f"out{ending}"
    frame, _ = next(iter(read_video(ACTOR)))
    cv2.imwrite(str(photo), frame.image)
    assert main(["swap", str(photo), str(target)]) == 0
    assert cv2.imread(str(target)).shape == frame.image.shape


class Terminal(io.StringIO):
    """What a user types at a terminal, or sees there."""

    def isatty(self):
        return True


@pytest.mark.parametrize("asked", [False, True])
def test_a_photo_as_source_is_worn_on_what_the_user_states(tmp_path, short, photo, asked, monkeypatch, capsys):
    arguments = ["swap", str(short), str(tmp_path / "out.mp4"), "--face", str(photo), "--engine", "mesh"]
    if asked:
        monkeypatch.setattr(sys, "stdin", Terminal("licensed\nstock picture 7\n"))
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert main(arguments) == 0
        said = sys.stderr.getvalue()
        assert "Why may you wear the face in in.png?" in said
        assert "You stated for in.png: I hold a licence" in said
    else:
        assert main([*arguments, "--consent", "self"]) == 0
        assert "You stated for in.png: This is my own face." in capsys.readouterr().err


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "in.png"
    frame, _ = next(iter(read_video(ACTOR)))
    cv2.imwrite(str(path), frame.image)
    return path


@pytest.mark.parametrize("ending", [".jpg", ".mp4"])
def test_what_is_written_is_signed_and_verified(tmp_path, photo, short, ending, monkeypatch, capsys):
    pytest.importorskip("c2pa")
    monkeypatch.setenv("FACEWARP_PASSPHRASE", "of a machine without a keyring")
    target = tmp_path / f"out{ending}"
    assert main(["swap", str(photo if ending == ".jpg" else short), str(target)]) == 0
    assert "signed)" in capsys.readouterr().out
    assert main(["verify", str(target), "--json", "--quick"]) == 0
    found = json.loads(capsys.readouterr().out)
    record = found["provenance"]
    assert (record["intact"], record["swapped"], record["made_by"]) == (True, True, "FaceWarp Cam")
    assert record["session"] == found["payload"]["session"]
    assert "no trusted authority" in record["sentence"]
    assert not list(tmp_path.glob(".*"))


def test_a_recording_of_the_camera_is_signed_if_it_shows_a_swap(tmp_path, monkeypatch, capsys):
    pytest.importorskip("c2pa")
    monkeypatch.setenv("FACEWARP_PASSPHRASE", "of a machine without a keyring")
    target = tmp_path / "out.mp4"
    report = run(tmp_path, "--camera", ACTOR, "--output", f"file:{target}", "--seconds", "3")
    shows_a_swap = report["frames_swapped"] > 0  # a very busy computer may still be loading the networks
    assert ("; signed)" if shows_a_swap else "not signed: it shows no swap") in capsys.readouterr().out.replace(
        "(", "; "
    )
    assert read_provenance(target).intact is shows_a_swap


def test_own_face_is_confirmed_by_a_look_in_the_camera(photo, monkeypatch, capsys):
    monkeypatch.setenv("FACEWARP_PASSPHRASE", "of a machine without a keyring")
    stranger = built_in_faces()[0].picture
    look = ["--consent", "self", "--confirm", str(ACTOR)]
    assert main(["faces", "add", str(stranger), "--name", "Other", *look]) == 2
    assert "does not seem to be the one in the photo" in capsys.readouterr().err
    assert main(["faces", "add", str(photo), "--name", "Me", *look]) == 0
    capsys.readouterr()
    assert main(["faces", "show", "Me"]) == 0
    assert "confirmed by a look in the camera" in capsys.readouterr().out


def test_without_a_key_the_swap_is_written_and_that_is_said(tmp_path, photo, capsys):
    target = tmp_path / "out.jpg"
    assert main(["swap", str(photo), str(target)]) == 0
    assert "FACEWARP_PASSPHRASE" in capsys.readouterr().out
    assert cv2.imread(str(target)) is not None


def test_without_the_extra_the_swap_is_written_and_that_is_said(tmp_path, photo, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)  # importing it fails, as where it is not installed
    target = tmp_path / "out.jpg"
    assert main(["swap", str(photo), str(target)]) == 0
    assert "not signed: provenance records need the package c2pa-python" in capsys.readouterr().out
    assert main(["verify", str(target), "--quick"]) == 0
    assert "provenance: cannot be read: provenance records need" in capsys.readouterr().out


def test_a_file_that_cannot_carry_a_record_or_shows_no_swap_is_not_signed(tmp_path, short, capsys):
    assert main(["swap", str(short), str(tmp_path / "out.mkv")]) == 0
    assert "not signed: files that end in '.mkv' carry no provenance record" in capsys.readouterr().out
    clip = tmp_path / "pattern.mp4"
    write_clip(clip)
    assert main(["swap", str(clip), str(tmp_path / "out.mp4")]) == 0
    assert "not signed: it shows no swap" in capsys.readouterr().out


def test_the_demo_leaves_a_picture_and_a_video(tmp_path, short, capsys):
    assert main(["demo", "--out", str(tmp_path), "--input", str(short)]) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "demo.png") in said
    assert cv2.imread(str(tmp_path / "demo.png")) is not None
    assert probe_video(tmp_path / "demo.mp4").width == 1280
