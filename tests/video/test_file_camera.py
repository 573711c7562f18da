import pytest

from clips import read_number, write_clip
from vcam.errors import BadVideo, CameraLost, EndOfVideo
from vcam.types import VideoMode
from vcam.video.cameras import open_camera
from vcam.video.file_camera import FileCamera


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")  # 12 pictures at 25 a second


def test_pictures_come_at_their_time(clip, clock):
    camera = FileCamera(clip, clock=clock, wait=clock.wait)
    frames = [camera.read() for _ in range(12)]
    assert [frame.captured_at for frame in frames] == pytest.approx([100 + number / 25 for number in range(12)])
    assert camera.mode == VideoMode(64, 48, 25)
    assert camera.skipped == 0


def test_a_slow_reader_gets_the_newest_picture(clip, clock):
    camera = FileCamera(clip, clock=clock, wait=clock.wait)
    camera.read()
    clock.now += 0.21
    frame = camera.read()
    assert (frame.index, read_number(frame.image)) == (5, 5)
    assert camera.skipped == 4
    assert camera.read().index == 6


def test_a_reader_that_sleeps_through_the_end_goes_on_in_the_next_round(clip, clock):
    camera = FileCamera(clip, clock=clock, wait=clock.wait)
    camera.read()
    clock.now += 0.49
    frame = camera.read()
    assert frame.index in (11, 12)
    assert read_number(frame.image) == frame.index % 12


def test_decoding_slower_than_the_file_plays_it_slower(clip, clock):
    class SlowClock(type(clock)):
        def __call__(self):  # whatever is done takes long
            self.now += 0.05
            return self.now

    slow = SlowClock()
    camera = FileCamera(clip, clock=slow, wait=slow.wait)
    for _ in range(20):
        before = slow.now
        camera.read()
        assert slow.now - before < 1.0


def test_looping_begins_again_without_a_gap(clip, clock):
    camera = FileCamera(clip, clock=clock, wait=clock.wait)
    frames = [camera.read() for _ in range(30)]
    assert [read_number(frame.image) for frame in frames] == [number % 12 for number in range(30)]
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[-1].captured_at == pytest.approx(100 + 29 / 25)


def test_once_ends(clip, clock):
    camera = FileCamera(clip, loop=False, clock=clock, wait=clock.wait)
    for _ in range(12):
        camera.read()
    for _ in range(2):
        with pytest.raises(EndOfVideo):
            camera.read()


def test_unpaced_gives_every_picture_without_waiting(clip, clock):
    camera = FileCamera(clip, loop=False, paced=False, clock=clock, wait=clock.wait)
    for number in range(12):
        assert read_number(camera.read().image) == number
        clock.now += 1
    with pytest.raises(EndOfVideo):
        camera.read()
    assert camera.mode.fps == 0


def test_closing_ends_a_waiting_read_at_once(tmp_path, close_while_reading):
    camera = FileCamera(write_clip(tmp_path / "slow.mkv", count=2, stamps_ms=[0, 9000]), loop=False)
    camera.read()
    close_while_reading(camera)
    camera.close()
    with pytest.raises(CameraLost, match="closed"):
        camera.read()


def test_a_file_that_disappears_is_a_lost_camera(tmp_path, clock):
    path = write_clip(tmp_path / "gone.mp4")
    camera = FileCamera(path, clock=clock, wait=clock.wait)
    path.unlink()
    for _ in range(12):
        camera.read()
    with pytest.raises(CameraLost, match="No such file"):
        camera.read()


def test_opening_by_path(clip, tmp_path):
    camera = open_camera(str(clip), VideoMode(1280, 720, 30), loop=False, paced=False)
    assert (camera.name, camera.asked, camera.mode) == ("clip.mp4", VideoMode(1280, 720, 30), VideoMode(64, 48, 0))
    camera.close()
    (tmp_path / "bad.mp4").write_bytes(b"nothing")
    with pytest.raises(BadVideo):
        open_camera(str(tmp_path / "bad.mp4"))
