from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from clips import read_number, turn_clip, write_clip
from vcam.errors import BadVideo
from vcam.video.files import VideoReader, next_time, probe_video, read_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "clip ünï.mp4", sound=True)


def test_facts(clip):
    facts = probe_video(clip)
    assert (facts.width, facts.height, facts.fps, facts.frame_count) == (64, 48, 25, 12)
    assert facts.duration_s == pytest.approx(0.48)
    assert facts.has_audio
    assert facts.rotation == 0


def test_every_picture_comes_with_its_time(clip):
    pairs = list(read_video(clip))
    assert [frame.index for frame, _ in pairs] == list(range(12))
    assert [read_number(frame.image) for frame, _ in pairs] == list(range(12))
    assert [time_s for _, time_s in pairs] == pytest.approx([number / 25 for number in range(12)])


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mjpeg"), ("a.mov", "mpeg4")]
)
def test_other_containers_and_codecs(name, codec, tmp_path):
    path = write_clip(tmp_path / name, codec=codec)
    assert [read_number(frame.image) for frame, _ in read_video(path)] == list(range(12))


@pytest.mark.parametrize("size_wh", [(65, 49), (66, 50), (2, 2), (98, 18)])
def test_odd_sizes(size_wh, tmp_path):
    path = write_clip(tmp_path / "odd.mp4", size_wh=size_wh)
    assert (probe_video(path).width, probe_video(path).height) == size_wh
    assert next(read_video(path))[0].image.shape == (size_wh[1], size_wh[0], 3)


@pytest.mark.parametrize(("degrees", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_turned_pictures_are_shown_upright(degrees, corner, tmp_path):
    path = turn_clip(write_clip(tmp_path / "turned.mp4"), degrees)
    image = next(read_video(path))[0].image
    facts = probe_video(path)
    assert image.shape[:2] == (facts.height, facts.width) == ((48, 64) if degrees == 180 else (64, 48))
    dark = [(y, x) for y in (0, -1) for x in (0, -1) if image[y, x].max() < 8]
    assert dark == [corner]


def test_variable_rate_keeps_its_times(tmp_path):
    stamps_ms = [0, 40, 200, 210, 500, 1500]
    path = write_clip(tmp_path / "variable.mkv", count=6, stamps_ms=stamps_ms)
    assert [time_s for _, time_s in read_video(path)] == pytest.approx([ms / 1000 for ms in stamps_ms])


def test_hd_without_a_named_matrix_is_bt709(tmp_path):
    colour = (40, 90, 200)
    path = tmp_path / "hd.mkv"
    planes = cv2.cvtColor(np.full((720, 1280, 3), 128, np.uint8), cv2.COLOR_BGR2YUV_I420)
    planes[:720], planes[720:900], planes[900:] = 110, 94, 178  # that colour in BT.709
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "5", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())
    assert np.abs(next(read_video(path))[0].image[360, 640].astype(int) - colour).max() <= 4


BAD_FILES = [
    ("empty", lambda good: b"", "is not a video"),
    ("garbage", lambda good: np.random.default_rng(1).bytes(20000), "is not a video"),
    ("text", lambda good: b"these are words\n" * 500, "is not a video|holds no picture|has no pictures"),
    ("head only", lambda good: good[:200], "is not a video"),
    ("index lost", lambda good: good[: len(good) // 2], "is not a video"),
]


@pytest.mark.parametrize(("make", "reason"), [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES])
def test_bad_file_is_refused_in_one_sentence(make, reason, clip, tmp_path):
    path = tmp_path / "bad.mp4"
    path.write_bytes(make(clip.read_bytes()))
    with pytest.raises(BadVideo, match=reason) as error:
        probe_video(path)
    assert str(error.value).startswith("bad.mp4")
    assert "\n" not in str(error.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "nothing.mp4", tmp_path):
        with pytest.raises(BadVideo, match=r"No such file|Is a directory|Permission"):
            probe_video(path)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=48000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48000
        container.mux(audio.encode(silence))
        container.mux(audio.encode())
    with pytest.raises(BadVideo, match="has no pictures"):
        probe_video(path)


def damage(path, first, last):
    """Overwrite the inside of some pictures of a file."""
    with av.open(str(path)) as container:
        pieces = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for at, size in pieces[first : last + 1]:
        data[at + 10 : at + size - 10] = bytes(max(size - 20, 0))
    path.write_bytes(data)


@pytest.mark.parametrize(("name", "codec"), [("d.avi", "mjpeg"), ("d.mkv", "libx264"), ("d.avi", "libx264")])
def test_damaged_pictures_are_counted_and_the_others_decoded(name, codec, tmp_path):
    path = write_clip(tmp_path / name, codec=codec, size_wh=(320, 240))
    damage(path, 5, 7)  # the next picture that stands for itself is number 8
    with VideoReader(path) as reader:
        numbers = [read_number(frame.image) for frame, _ in reader]
        assert reader.errors == 3
    assert numbers[:5] == [0, 1, 2, 3, 4]
    assert numbers[-4:] == [8, 9, 10, 11]


def test_file_cut_off_in_the_middle_gives_what_is_there(tmp_path):
    path = write_clip(tmp_path / "cut.mkv", count=20)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    numbers = [read_number(frame.image) for frame, _ in read_video(path)]
    assert numbers == list(range(len(numbers)))
    assert 3 <= len(numbers) < 20


@pytest.mark.parametrize(
    ("previous_s", "stamp_s", "expected"),
    [
        (None, 0.5, 0.5),
        (None, None, 0.0),
        (1.0, 1.04, 1.04),
        (1.0, None, 1.04),
        (1.0, 1.0, 1.04),
        (1.0, 0.2, 1.04),
        (1.0, 500.0, 1.04),
        (1.0, 5.0, 5.0),
    ],
)
def test_time_of_the_next_picture(previous_s, stamp_s, expected):
    assert next_time(previous_s, stamp_s, 0.04) == pytest.approx(expected)


def test_exact_fraction_of_the_rate(tmp_path):
    assert probe_video(write_clip(tmp_path / "ntsc.mp4", fps=Fraction(30000, 1001))).fps == Fraction(30000, 1001)


@pytest.mark.parametrize(("name", "codec"), [("f.mp4", "libx264"), ("f.mkv", "libx264"), ("f.webm", "libvpx")])
def test_any_damage_gives_pictures_or_the_one_error(name, codec, tmp_path):
    path = write_clip(tmp_path / name, codec=codec)
    whole, chance = path.read_bytes(), np.random.default_rng(7)
    for _ in range(20):
        data = bytearray(whole)
        for at in chance.integers(0, len(data), 20):
            data[at] = chance.integers(256)
        path.write_bytes(data)
        try:
            times = [time_s for _, time_s in read_video(path)]
        except BadVideo:
            continue
        assert times == sorted(times)
