"""pyvirtualcam's side, with a driver registered by the test in place of the system's."""

import numpy as np
import pytest
import pyvirtualcam
from pyvirtualcam import camera as pyvirtualcam_camera

from vcam.errors import BadSettings, OutputLost, OutputUnavailable
from vcam.types import VideoMode
from vcam.video.pyvirtualcam_device import backends
from vcam.video.windows_macos import OBS, UNITYCAPTURE, open_driver

MODE = VideoMode(8, 6, 30)
RED = np.full((6, 8, 3), (0, 0, 255), np.uint8)


class FakeDriver:
    """A driver as pyvirtualcam sees it: remembers what it is given."""

    opened: "list[FakeDriver]" = []  # noqa: RUF012
    refusal = ""
    fails_at = None

    def __init__(self, *, width, height, fps, fourcc, device):
        if self.refusal:
            raise RuntimeError(self.refusal)
        self.arguments = (width, height, fps, device)
        self.sent, self.closed = [], 0
        FakeDriver.opened.append(self)

    def send(self, frame):
        if self.fails_at == len(self.sent):
            raise RuntimeError("device removed")
        self.sent.append(frame.copy())

    def close(self):
        self.closed += 1

    def device(self):
        return self.arguments[3]

    def native_fourcc(self):
        return None


@pytest.fixture
def driver():
    """Registers fresh fakes for both drivers, and takes them away."""

    class Fresh(FakeDriver):
        pass

    before = dict(pyvirtualcam_camera.BACKENDS)
    FakeDriver.opened.clear()
    for name in ("unitycapture", "obs"):
        pyvirtualcam.register_backend(name, Fresh)
    yield Fresh
    pyvirtualcam_camera.BACKENDS.clear()
    pyvirtualcam_camera.BACKENDS.update(before)


@pytest.mark.parametrize(
    ("kind", "name", "device", "size", "first_bytes"),
    [
        (UNITYCAPTURE, "FaceWarp Cam (UnityCapture)", "FaceWarp Cam", 8 * 6 * 4, [255, 0, 0, 255]),
        (OBS, "OBS Virtual Camera (OBS)", "OBS Virtual Camera", 8 * 6 * 3 // 2, [82, 82, 82, 82]),
    ],
)
def test_pictures_reach_the_named_device(driver, kind, name, device, size, first_bytes):
    output = open_driver(kind, MODE)
    output.send(RED)
    (opened,) = driver.opened
    assert output.name == name
    assert opened.arguments == (8, 6, 30, device)
    assert opened.sent[0].size == size
    assert np.abs(opened.sent[0].ravel()[:4].astype(int) - first_bytes).max() <= 1
    assert output.watched() is None
    output.close()
    output.close()
    assert opened.closed == 1
    assert not any(np.array_equal(frame, opened.sent[0]) for frame in opened.sent[-2:])  # placeholders came last
    with pytest.raises(OutputLost, match="is closed"):
        output.send(RED)


def test_a_refusal_keeps_the_drivers_reason(driver):
    driver.refusal = "virtual camera output could not be started"
    with pytest.raises(
        OutputUnavailable, match=r"FaceWarp Cam cannot be opened through unitycapture: .*virtual camera"
    ):
        open_driver(UNITYCAPTURE, MODE)


def test_a_device_that_goes_away_is_lost_and_can_be_closed(driver):
    driver.fails_at = 1
    output = open_driver(OBS, MODE)
    output.send(RED)
    with pytest.raises(OutputLost, match="takes no more pictures: device removed"):
        output.send(RED)
    output.close()
    assert driver.opened[0].closed == 1


def test_odd_sizes_are_refused(driver):
    with pytest.raises(BadSettings, match="even width and height, not 7x6"):
        open_driver(OBS, VideoMode(7, 6, 30))
    assert driver.opened == []


def test_a_driver_of_another_system():
    if "unitycapture" in backends():
        pytest.skip("this system has it")
    with pytest.raises(OutputUnavailable, match="has no unitycapture on this system"):
        open_driver(UNITYCAPTURE, MODE)
