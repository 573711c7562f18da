"""Video files: pictures, colours, rate, sound, and what is left when something goes wrong."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vcam.errors import BadSettings, OutputLost, OutputUnavailable
from vcam.types import VideoMode
from vcam.video.files_out import FileOutput

PATCHES = ((30, 30, 200), (200, 60, 40), (50, 170, 60), (225, 225, 225), (20, 20, 20))  # BGR


def draw(mode, number=0):
    """Five flat patches side by side, the frame's number as the brightness of a strip below them."""
    image = np.zeros((mode.height, mode.width, 3), np.uint8)
    for column, colour in enumerate(PATCHES):
        image[:, mode.width * column // 5 : mode.width * (column + 1) // 5] = colour
    image[-mode.height // 4 :] = 40 + number % 20 * 10
    return image


def write(path, mode, count=10, **options):
    with FileOutput(path, mode, **options) as output:
        for number in range(count):
            output.send(draw(mode, number))


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        facts = (stream.average_rate, stream.codec_context.color_range, stream.codec_context.colorspace)
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)], facts


def make_sound(path, codec, rate=48000, seconds=1.0, video=True):
    """A clip whose sound is a tone that begins at half its time."""
    with av.open(str(path), "w") as container:
        if video:
            pictures = container.add_stream("libx264", rate=25)
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=rate, layout="stereo")
        if video:
            for _ in range(int(25 * seconds)):
                frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
                container.mux(pictures.encode(frame))
            container.mux(pictures.encode(None))
        count = int(rate * seconds)
        wave = np.sin(np.arange(count) * 2 * np.pi * 440 / rate) * (np.arange(count) >= count // 2) * 0.5
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), format="fltp", layout="stereo")
        frame.rate = rate
        shape = {"format": sound.codec_context.format, "layout": "stereo", "rate": rate}
        resampler = av.AudioResampler(frame_size=sound.codec_context.frame_size or 1024, **shape)
        for chunk in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(sound.encode(chunk))
        container.mux(sound.encode(None))
    return path


def read_sound(path):
    """Codec and the time at which the tone begins, seconds; and the sound's end."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=48000)
        begins, ends = None, 0.0
        for frame in container.decode(stream):
            for chunk in resampler.resample(frame):
                loud = np.abs(chunk.to_ndarray()[0]) > 0.1
                at = float(chunk.pts * chunk.time_base)
                if begins is None and loud.any():
                    begins = at + int(loud.argmax()) / 48000
                ends = at + chunk.samples / 48000
        return stream.codec_context.name, begins, ends


@pytest.mark.parametrize(
    ("mode", "rate", "matrix"),
    [
        (VideoMode(320, 240, 25), Fraction(25), 6),
        (VideoMode(320, 240, 30000 / 1001), Fraction(30000, 1001), 6),
        (VideoMode(1280, 720, 12.5), Fraction(25, 2), 1),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_pictures_rate_and_colours_come_back(tmp_path, mode, rate, matrix, suffix):
    path = tmp_path / f"clip{suffix}"
    write(path, mode, count=6)
    images, facts = read(path)
    assert facts == (rate, 1, matrix)
    assert len(images) == 6
    for number, image in enumerate(images):
        expected = draw(mode, number).astype(int)
        inside = np.abs(image.astype(int) - expected)[8:-8:4, mode.width // 10 :: mode.width // 5]
        assert np.percentile(inside, 95) <= 6  # the wrong matrix is off by 20 and more
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("size", [(321, 240), (320, 239), (321, 239)])
def test_odd_sizes_grow_by_one_row_or_column(tmp_path, size):
    mode = VideoMode(*size, 25)
    write(tmp_path / "odd.mp4", mode, count=2)
    images, _ = read(tmp_path / "odd.mp4")
    height, width = images[0].shape[:2]
    assert (width, height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert np.abs(images[0][:20, -1].astype(int) - PATCHES[-1]).max() <= 6  # a copy of the last column, not black


@pytest.mark.parametrize(
    ("source", "codec", "target", "expected"),
    [
        ("in.mp4", "aac", "out.mp4", "aac"),
        ("in.mkv", "aac", "out.mp4", "aac"),
        ("in.mkv", "libopus", "out.mp4", "opus"),
        ("in.mkv", "pcm_s16le", "out.mp4", "aac"),
        ("in.mkv", "libopus", "out.mov", "aac"),
        ("in.mp4", "aac", "out.mkv", "aac"),
        ("in.ts", "aac", "out.mp4", "aac"),
        ("in.avi", "libmp3lame", "out.mp4", "mp3"),
    ],
)
def test_the_sound_is_kept_in_time(tmp_path, source, codec, target, expected):
    sound = make_sound(tmp_path / source, codec)
    write(tmp_path / target, VideoMode(64, 48, 25), count=25, sound_from=sound)
    name, begins, ends = read_sound(tmp_path / target)
    assert name.removesuffix("float") == expected
    assert begins == pytest.approx(0.5, abs=0.06)
    assert ends == pytest.approx(1.0, abs=0.08)


def test_the_sound_ends_with_the_pictures(tmp_path):
    sound = make_sound(tmp_path / "in.mp4", "aac", seconds=2.0)
    write(tmp_path / "out.mp4", VideoMode(64, 48, 25), count=20, sound_from=sound)
    assert read_sound(tmp_path / "out.mp4")[2] == pytest.approx(0.8, abs=0.06)


def test_a_file_without_sound_gives_none(tmp_path):
    write(tmp_path / "in.mp4", VideoMode(64, 48, 25))
    write(tmp_path / "out.mp4", VideoMode(64, 48, 25), sound_from=tmp_path / "in.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


def test_the_index_lies_before_the_pictures(tmp_path):
    write(tmp_path / "fast.mp4", VideoMode(64, 48, 25))
    data = (tmp_path / "fast.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_the_old_file_lives_until_the_end_and_survives_an_interruption(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), FileOutput(path, VideoMode(64, 48, 25)) as output:  # noqa: PT012
        output.send(draw(output.mode))
        assert path.read_bytes() == b"old"
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write(path, VideoMode(64, 48, 25))
    assert len(read(path)[0]) == 10


def test_an_output_that_is_forgotten_leaves_nothing(tmp_path):
    output = FileOutput(tmp_path / "clip.mp4", VideoMode(64, 48, 25))
    output.send(draw(output.mode))
    del output
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_and_sending_after(tmp_path):
    output = FileOutput(tmp_path / "clip.mp4", VideoMode(64, 48, 25))
    output.send(draw(output.mode))
    assert output.watched()
    output.close()
    output.close()
    with pytest.raises(OutputLost, match="is closed"):
        output.send(draw(output.mode))
    assert len(read(tmp_path / "clip.mp4")[0]) == 1


def test_a_file_without_pictures_is_thrown_away(tmp_path):
    FileOutput(tmp_path / "clip.mp4", VideoMode(64, 48, 25)).close()
    assert list(tmp_path.iterdir()) == []


MODE = VideoMode(64, 48, 25)


@pytest.mark.parametrize(
    ("path", "mode", "error", "sentence"),
    [
        ("clip.webm", MODE, BadSettings, "must end in .mp4, .m4v, .mov, .mkv"),
        ("clip.mp4", VideoMode(64, 48, 0), BadSettings, "a frame rate above 0, not 0"),
        ("nowhere/clip.mp4", MODE, OutputUnavailable, "nowhere does not exist"),
        ("folder.mp4", MODE, OutputUnavailable, "is a folder"),
    ],
)
def test_places_that_cannot_be_written(tmp_path, path, mode, error, sentence):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(error, match=sentence):
        FileOutput(tmp_path / path, mode)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_file_is_not_made_from_itself(tmp_path):
    write(tmp_path / "clip.mp4", MODE)
    with pytest.raises(BadSettings, match="overwrite the video it is made from"):
        FileOutput(tmp_path / "clip.mp4", MODE, sound_from=tmp_path / "clip.mp4")


FULL_DISK = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from vcam.errors import OutputError
from vcam.types import VideoMode
from vcam.video.files_out import FileOutput
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
noise = np.random.default_rng(1)
try:
    with FileOutput(Path(sys.argv[1]), VideoMode(320, 240, 25)) as output:
        for _ in range(200):
            output.send(noise.integers(0, 255, (240, 320, 3), np.uint8))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files by a Unix call")
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False, cwd=root, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written any further: File too large" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
