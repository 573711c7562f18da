"""Sizes and request numbers as the kernel's headers have them on 64-bit Linux."""

import ctypes

import pytest

v4l2 = pytest.importorskip("vcam.video.v4l2_abi", exc_type=ImportError, reason="V4L2 is only on Linux")

SIZES = [
    ("Capability", 104),
    ("FormatDescription", 64),
    ("FrameSize", 44),
    ("FrameInterval", 52),
    ("PixelFormat", 48),
    ("Format", 208),
    ("StreamParameters", 204),
    ("RequestBuffers", 20),
    ("Buffer", 88),
]
NUMBERS = [
    ("VIDIOC_QUERYCAP", 0x80685600),
    ("VIDIOC_ENUM_FMT", 0xC0405602),
    ("VIDIOC_S_FMT", 0xC0D05605),
    ("VIDIOC_REQBUFS", 0xC0145608),
    ("VIDIOC_QUERYBUF", 0xC0585609),
    ("VIDIOC_QBUF", 0xC058560F),
    ("VIDIOC_DQBUF", 0xC0585611),
    ("VIDIOC_STREAMON", 0x40045612),
    ("VIDIOC_STREAMOFF", 0x40045613),
    ("VIDIOC_S_PARM", 0xC0CC5616),
    ("VIDIOC_ENUM_FRAMESIZES", 0xC02C564A),
    ("VIDIOC_ENUM_FRAMEINTERVALS", 0xC034564B),
]
is_64_bit = pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the figures are those of 64-bit systems")


@is_64_bit
@pytest.mark.parametrize(("name", "size"), SIZES)
def test_structure_has_the_kernels_size(name, size):
    assert ctypes.sizeof(getattr(v4l2, name)) == size


@is_64_bit
@pytest.mark.parametrize(("name", "number"), NUMBERS)
def test_request_has_the_kernels_number(name, number):
    assert getattr(v4l2, name) == number


@is_64_bit
def test_members_lie_where_the_kernel_puts_them():
    assert v4l2.Format.fmt.offset == 8
    assert v4l2.Buffer.timestamp.offset == 24
    assert v4l2.Buffer.m.offset == 64


@pytest.mark.parametrize(("name", "number"), [("YUYV", 0x56595559), ("MJPG", 0x47504A4D)])
def test_fourcc_there_and_back(name, number):
    assert v4l2.to_fourcc(name) == number
    assert v4l2.from_fourcc(number) == name
