import threading
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from clips import read_number, write_clip
from vcam.errors import CameraBusy, CameraLost
from vcam.types import VideoMode
from vcam.video.webcam_opencv import OpenCvCamera


@dataclass
class FakeCapture:
    """A device that gives each picture when the test lets it."""

    opens: bool = True
    size_wh: tuple[int, int] = (64, 48)
    pictures: int = 3
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    released: threading.Event = field(default_factory=threading.Event)
    asked: list = field(default_factory=list)

    def isOpened(self):  # noqa: N802
        return self.opens

    def set(self, property_id, value):
        self.asked.append(property_id)
        return True

    def get(self, property_id):
        known = {cv2.CAP_PROP_FRAME_WIDTH: self.size_wh[0], cv2.CAP_PROP_FRAME_HEIGHT: self.size_wh[1]}
        return float(known.get(property_id, 0))

    def read(self):
        self.turn.acquire()
        self.pictures -= 1
        return (True, np.zeros((48, 64, 3), np.uint8)) if self.pictures >= 0 else (False, None)

    def release(self):
        self.released.set()


def test_pictures_come_through_opencv(tmp_path):
    path = write_clip(tmp_path / "clip.mkv")
    camera = OpenCvCamera("clip", cv2.VideoCapture(str(path)), None)
    frame = camera.read()
    assert frame.image.shape == (48, 64, 3)
    assert read_number(frame.image) == frame.index
    camera.close()


def test_mode_is_asked_for_and_reported():
    capture = FakeCapture()
    camera = OpenCvCamera("C920", capture, VideoMode(1280, 720, 30))
    assert camera.asked == VideoMode(1280, 720, 30)
    assert camera.mode == VideoMode(64, 48, 30)
    assert capture.asked[0] == cv2.CAP_PROP_FOURCC
    camera.close()
    capture.turn.release()
    assert capture.released.wait(5)


def test_unopened_device_is_busy_and_says_what_to_do():
    with pytest.raises(CameraBusy, match=r"'C920' cannot be opened.*another program.*privacy"):
        OpenCvCamera("C920", FakeCapture(opens=False), None)


def test_failing_device_is_lost_and_released():
    capture = FakeCapture(pictures=0)
    camera = OpenCvCamera("C920", capture, None)
    capture.turn.release()
    with pytest.raises(CameraLost, match="no pictures"):
        camera.read()
    assert capture.released.wait(5)


def test_closing_ends_a_waiting_read_at_once(close_while_reading):
    capture = FakeCapture()
    camera = OpenCvCamera("C920", capture, None)
    close_while_reading(camera)
    capture.turn.release()
    assert capture.released.wait(5)
    camera.close()
