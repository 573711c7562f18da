import numpy as np
import pytest

from vcam.errors import CameraLost
from vcam.types import VideoMode
from vcam.video.scene import draw_scene
from vcam.video.synthetic import Faults, SyntheticCamera

SMALL = VideoMode(64, 48, 25)


def open_with(clock, **arguments):
    return SyntheticCamera(SMALL, clock=clock, wait=clock.wait, **arguments)


def test_pictures_come_at_their_time_and_are_those_of_their_index(clock):
    camera = open_with(clock)
    for index in range(5):
        frame = camera.read()
        assert frame.index == index
        assert frame.captured_at == pytest.approx(100 + index / 25)
        assert np.array_equal(frame.image, draw_scene(index, 64, 48))


def test_a_slow_reader_gets_the_newest_picture(clock):
    camera = open_with(clock)
    camera.read()
    clock.now += 0.41  # more than ten pictures later
    assert camera.read().index == 10
    assert camera.skipped == 9
    assert camera.read().index == 11


@pytest.mark.parametrize("arguments", [{"asked": SMALL, "paced": False}, {"asked": VideoMode(64, 48, 0)}])
def test_unpaced_gives_every_picture(arguments, clock):
    camera = SyntheticCamera(clock=clock, wait=clock.wait, **arguments)
    camera.read()
    clock.now += 5
    assert camera.read().index == 1
    assert camera.mode == VideoMode(64, 48, 0)


def test_lost_camera_stays_lost_and_goes_on_when_opened_after_it(clock):
    faults = Faults(lost_at=frozenset({2}))
    camera = open_with(clock, faults=faults)
    assert [camera.read().index for _ in range(2)] == [0, 1]
    for _ in range(2):
        with pytest.raises(CameraLost):
            camera.read()
    assert open_with(clock, faults=faults, start_index=3).read().index == 3


def test_loss_in_a_picture_that_was_skipped_is_a_loss(clock):
    camera = open_with(clock, faults=Faults(lost_at=frozenset({2})))
    camera.read()
    clock.now += 1
    with pytest.raises(CameraLost):
        camera.read()


def test_hanging_takes_its_time(clock):
    camera = open_with(clock, faults=Faults(hang_at={1: 10.0}))
    camera.read()
    camera.read()
    assert clock.now == pytest.approx(110.04)


def test_size_changes_in_mid_stream(clock):
    camera = open_with(clock, faults=Faults(size_change_at={1: (32, 24), 3: (80, 60)}))
    assert [camera.read().image.shape[:2] for _ in range(4)] == [(48, 64), (24, 32), (24, 32), (60, 80)]


def test_closing_ends_a_hanging_read_at_once(close_while_reading):
    camera = SyntheticCamera(SMALL, paced=False, faults=Faults(hang_at={0: 60.0}))
    close_while_reading(camera)
    camera.close()
