"""The part of Linux's ``linux/videodev2.h`` that capturing from a webcam needs, as ctypes structures.

The sizes of the structures are part of the request numbers, so a test compares both with the kernel's.
"""

from __future__ import annotations

import ctypes
import fcntl
import struct
from ctypes import c_char, c_int32, c_uint8, c_uint32
from typing import ClassVar

CAP_VIDEO_CAPTURE = 0x0000_0001
CAP_STREAMING = 0x0400_0000
CAP_DEVICE_CAPS = 0x8000_0000

BUF_TYPE_VIDEO_CAPTURE = 1
MEMORY_MMAP = 1
FIELD_NONE = 1

BUF_FLAG_ERROR = 0x0040
BUF_FLAG_TIMESTAMP_MASK = 0xE000
BUF_FLAG_TIMESTAMP_MONOTONIC = 0x2000

FRAME_DISCRETE = 1  # any other kind of size or interval is a range


class Capability(ctypes.Structure):
    """``struct v4l2_capability``."""

    _fields_: ClassVar = [
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class FormatDescription(ctypes.Structure):
    """``struct v4l2_fmtdesc``."""

    _fields_: ClassVar = [
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixelformat", c_uint32),
        ("mbus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class Fraction(ctypes.Structure):
    """``struct v4l2_fract``."""

    _fields_: ClassVar = [("numerator", c_uint32), ("denominator", c_uint32)]


class FrameSize(ctypes.Structure):
    """``struct v4l2_frmsizeenum``; discrete: ``min_width`` x ``max_width`` are width x height."""

    _fields_: ClassVar = [
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("min_width", c_uint32),
        ("max_width", c_uint32),
        ("step_width", c_uint32),
        ("min_height", c_uint32),
        ("max_height", c_uint32),
        ("step_height", c_uint32),
        ("reserved", c_uint32 * 2),
    ]


class FrameInterval(ctypes.Structure):
    """``struct v4l2_frmivalenum``; discrete: ``shortest`` is the interval."""

    _fields_: ClassVar = [
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("shortest", Fraction),
        ("longest", Fraction),
        ("step", Fraction),
        ("reserved", c_uint32 * 2),
    ]


class PixelFormat(ctypes.Structure):
    """``struct v4l2_pix_format``."""

    _fields_: ClassVar = [
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("bytesperline", c_uint32),
        ("sizeimage", c_uint32),
        ("colorspace", c_uint32),
        ("priv", c_uint32),
        ("flags", c_uint32),
        ("ycbcr_enc", c_uint32),
        ("quantization", c_uint32),
        ("xfer_func", c_uint32),
    ]


class _FormatUnion(ctypes.Union):
    # The pointer stands for struct v4l2_window, whose pointers align the kernel's union.
    _fields_: ClassVar = [("pix", PixelFormat), ("raw", c_uint8 * 200), ("window", ctypes.c_void_p)]


class Format(ctypes.Structure):
    """``struct v4l2_format``."""

    _fields_: ClassVar = [("type", c_uint32), ("fmt", _FormatUnion)]


class CaptureParameters(ctypes.Structure):
    """``struct v4l2_captureparm``."""

    _fields_: ClassVar = [
        ("capability", c_uint32),
        ("capturemode", c_uint32),
        ("timeperframe", Fraction),
        ("extendedmode", c_uint32),
        ("readbuffers", c_uint32),
        ("reserved", c_uint32 * 4),
    ]


class _ParametersUnion(ctypes.Union):
    _fields_: ClassVar = [("capture", CaptureParameters), ("raw", c_uint8 * 200)]


class StreamParameters(ctypes.Structure):
    """``struct v4l2_streamparm``."""

    _fields_: ClassVar = [("type", c_uint32), ("parm", _ParametersUnion)]


class RequestBuffers(ctypes.Structure):
    """``struct v4l2_requestbuffers``."""

    _fields_: ClassVar = [
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("flags", c_uint8),
        ("reserved", c_uint8 * 3),
    ]


class TimeValue(ctypes.Structure):
    """``struct timeval``."""

    _fields_: ClassVar = [("seconds", ctypes.c_long), ("microseconds", ctypes.c_long)]


class Timecode(ctypes.Structure):
    """``struct v4l2_timecode``."""

    _fields_: ClassVar = [("type", c_uint32), ("flags", c_uint32), ("rest", c_uint8 * 8)]


class _BufferPlace(ctypes.Union):
    _fields_: ClassVar = [("offset", c_uint32), ("userptr", ctypes.c_ulong), ("fd", c_int32)]


class Buffer(ctypes.Structure):
    """``struct v4l2_buffer``."""

    _fields_: ClassVar = [
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("timestamp", TimeValue),
        ("timecode", Timecode),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("m", _BufferPlace),
        ("length", c_uint32),
        ("reserved2", c_uint32),
        ("request_fd", c_int32),
    ]


class StreamType(ctypes.Structure):
    """The plain ``int`` that VIDIOC_STREAMON and VIDIOC_STREAMOFF take."""

    _fields_: ClassVar = [("type", c_int32)]


def _request_number(direction: int, number: int, structure: type[ctypes.Structure]) -> int:
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


_WRITE, _READ, _BOTH = 1, 2, 3
VIDIOC_QUERYCAP = _request_number(_READ, 0, Capability)
VIDIOC_ENUM_FMT = _request_number(_BOTH, 2, FormatDescription)
VIDIOC_S_FMT = _request_number(_BOTH, 5, Format)
VIDIOC_REQBUFS = _request_number(_BOTH, 8, RequestBuffers)
VIDIOC_QUERYBUF = _request_number(_BOTH, 9, Buffer)
VIDIOC_QBUF = _request_number(_BOTH, 15, Buffer)
VIDIOC_DQBUF = _request_number(_BOTH, 17, Buffer)
VIDIOC_STREAMON = _request_number(_WRITE, 18, StreamType)
VIDIOC_STREAMOFF = _request_number(_WRITE, 19, StreamType)
VIDIOC_S_PARM = _request_number(_BOTH, 22, StreamParameters)
VIDIOC_ENUM_FRAMESIZES = _request_number(_BOTH, 74, FrameSize)
VIDIOC_ENUM_FRAMEINTERVALS = _request_number(_BOTH, 75, FrameInterval)


def call(fd: int, request: int, structure: ctypes.Structure) -> None:
    """Run one ioctl, which fills in ``structure``; start again when a signal interrupts it.

    Raises:
        OSError: with the driver's errno.
    """
    while True:
        try:
            fcntl.ioctl(fd, request, structure)
            return
        except InterruptedError:
            continue


def to_fourcc(name: str) -> int:
    """Four-letter name of a pixel format -> V4L2's number."""
    return int(struct.unpack("<I", name.encode("ascii"))[0])


def from_fourcc(number: int) -> str:
    """V4L2's number of a pixel format -> its four-letter name."""
    return struct.pack("<I", number).decode("latin-1")
