"""The layouts that devices take."""

import numpy as np
import pytest

from vcam.errors import BadSettings
from vcam.types import VideoMode
from vcam.video.colour import BGRA, I420, RGBA, check_device_mode, luma_of

MODE = VideoMode(6, 4, 30)


def plain(blue, green, red):
    return np.full((4, 6, 3), (blue, green, red), np.uint8)


@pytest.mark.parametrize(
    ("image", "yuv"),  # BT.601 in video range, from the standard's own table of colour bars
    [
        (plain(0, 0, 0), (16, 128, 128)),
        (plain(255, 255, 255), (235, 128, 128)),
        (plain(0, 0, 255), (81, 90, 240)),
        (plain(0, 255, 0), (145, 54, 34)),
        (plain(255, 0, 0), (41, 240, 110)),
    ],
)
def test_i420_is_bt601_in_video_range(image, yuv):
    planes = I420.convert(image, None)
    assert planes.shape == (6, 6)
    flat = planes.ravel()
    found = (flat[:24], flat[24:30], flat[30:36])
    for plane, expected in zip(found, yuv, strict=True):
        assert np.abs(plane.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("layout", [I420, BGRA, RGBA])
def test_memory_that_is_given_is_filled(layout):
    memory = np.zeros(layout.shape(MODE), np.uint8)
    assert memory.nbytes == layout.size(MODE)
    assert memory.strides[0] == layout.stride(MODE)
    filled = layout.convert(plain(10, 20, 30), memory)
    assert np.shares_memory(filled, memory)
    assert memory.any()


def test_four_channels():
    assert tuple(BGRA.convert(plain(10, 20, 30), None)[0, 0]) == (10, 20, 30, 255)
    assert tuple(RGBA.convert(plain(10, 20, 30), None)[0, 0]) == (30, 20, 10, 255)


def test_luma_is_a_view_of_the_picture():
    planes = I420.convert(plain(10, 20, 30), None)
    luma = luma_of(planes)
    assert luma.shape == (4, 6)
    luma[:] = 99
    assert (planes.ravel()[:24] == 99).all()
    assert not (planes.ravel()[24:] == 99).any()


@pytest.mark.parametrize("mode", [VideoMode(5, 4, 30), VideoMode(6, 3, 30), VideoMode(0, 4, 30), VideoMode(6, 4, 0)])
def test_modes_that_no_device_has(mode):
    with pytest.raises(BadSettings, match="a virtual camera needs"):
        check_device_mode(mode)
