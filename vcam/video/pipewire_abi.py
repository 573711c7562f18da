"""The C side of PipeWire: the library's functions, its structures, and its parameter format (SPA PODs).

Everything here mirrors the headers of libpipewire-0.3 and spa-0.2 (``pipewire/stream.h``, ``spa/buffer/buffer.h``,
``spa/param/*.h``); the names are theirs. No header, compiler or Python binding is needed at run time.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from fractions import Fraction

from vcam.errors import OutputUnavailable

LIBRARY = "libpipewire-0.3.so.0"

PW_DIRECTION_OUTPUT = 1
PW_ID_ANY = 0xFFFFFFFF
PW_STREAM_FLAG_MAP_BUFFERS = 1 << 2
PW_STREAM_FLAG_DRIVER = 1 << 3
PW_STREAM_STATE_ERROR, PW_STREAM_STATE_UNCONNECTED = -1, 0
PW_STREAM_STATE_PAUSED, PW_STREAM_STATE_STREAMING = 2, 3

SPA_PARAM_EnumFormat, SPA_PARAM_Format, SPA_PARAM_Buffers, SPA_PARAM_Meta = 3, 4, 5, 6
SPA_META_Header = 1
SPA_DATA_MemPtr, SPA_DATA_MemFd = 1, 2

Pointer = ctypes.c_void_p


class SpaChunk(ctypes.Structure):
    """``struct spa_chunk``: which part of a buffer is filled."""

    _fields_ = (
        ("offset", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("stride", ctypes.c_int32),
        ("flags", ctypes.c_int32),
    )


class SpaData(ctypes.Structure):
    """``struct spa_data``: one block of memory of a buffer."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("fd", ctypes.c_int64),
        ("mapoffset", ctypes.c_uint32),
        ("maxsize", ctypes.c_uint32),
        ("data", Pointer),
        ("chunk", ctypes.POINTER(SpaChunk)),
    )


class SpaMeta(ctypes.Structure):
    """``struct spa_meta``: one piece of side information of a buffer."""

    _fields_ = (("type", ctypes.c_uint32), ("size", ctypes.c_uint32), ("data", Pointer))


class SpaBuffer(ctypes.Structure):
    """``struct spa_buffer``."""

    _fields_ = (
        ("n_metas", ctypes.c_uint32),
        ("n_datas", ctypes.c_uint32),
        ("metas", ctypes.POINTER(SpaMeta)),
        ("datas", ctypes.POINTER(SpaData)),
    )


class PwBuffer(ctypes.Structure):
    """``struct pw_buffer``; newer libraries append fields that we do not read."""

    _fields_ = (("buffer", ctypes.POINTER(SpaBuffer)), ("user_data", Pointer), ("size", ctypes.c_uint64))


class SpaMetaHeader(ctypes.Structure):
    """``struct spa_meta_header``: time and number of a picture."""

    _fields_ = (
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint32),
        ("pts", ctypes.c_int64),
        ("dts_offset", ctypes.c_int64),
        ("seq", ctypes.c_uint64),
    )


StateChanged = ctypes.CFUNCTYPE(None, Pointer, ctypes.c_int, ctypes.c_int, ctypes.c_char_p)
ParamChanged = ctypes.CFUNCTYPE(None, Pointer, ctypes.c_uint32, Pointer)


class PwStreamEvents(ctypes.Structure):
    """``struct pw_stream_events``, version 2; a null entry is not called."""

    _fields_ = (
        ("version", ctypes.c_uint32),
        ("destroy", Pointer),
        ("state_changed", StateChanged),
        ("control_info", Pointer),
        ("io_changed", Pointer),
        ("param_changed", ParamChanged),
        ("add_buffer", Pointer),
        ("remove_buffer", Pointer),
        ("process", Pointer),
        ("drained", Pointer),
        ("command", Pointer),
        ("trigger_done", Pointer),
    )


_FUNCTIONS = {  # name: (result, arguments)
    "pw_init": (None, Pointer, Pointer),
    "pw_thread_loop_new": (Pointer, ctypes.c_char_p, Pointer),
    "pw_thread_loop_get_loop": (Pointer, Pointer),
    "pw_thread_loop_start": (ctypes.c_int, Pointer),
    "pw_thread_loop_stop": (None, Pointer),
    "pw_thread_loop_lock": (None, Pointer),
    "pw_thread_loop_unlock": (None, Pointer),
    "pw_thread_loop_destroy": (None, Pointer),
    "pw_properties_new_string": (Pointer, ctypes.c_char_p),
    "pw_stream_new_simple": (Pointer, Pointer, ctypes.c_char_p, Pointer, Pointer, Pointer),
    "pw_stream_connect": (ctypes.c_int, Pointer, ctypes.c_int, ctypes.c_uint32, ctypes.c_int, Pointer, ctypes.c_uint32),
    "pw_stream_update_params": (ctypes.c_int, Pointer, Pointer, ctypes.c_uint32),
    "pw_stream_dequeue_buffer": (ctypes.POINTER(PwBuffer), Pointer),
    "pw_stream_queue_buffer": (ctypes.c_int, Pointer, ctypes.POINTER(PwBuffer)),
    "pw_stream_trigger_process": (ctypes.c_int, Pointer),
    "pw_stream_destroy": (None, Pointer),
}


@functools.cache
def load_library() -> ctypes.CDLL:
    """Load and initialise libpipewire once per process.

    Raises:
        OutputUnavailable: the library is not installed, or lacks a function.
    """
    try:
        library = ctypes.CDLL(LIBRARY, use_errno=True)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise OutputUnavailable(f"PipeWire's library {LIBRARY} cannot be used: {error}") from error
    library.pw_init(None, None)
    return library


# --- SPA PODs: a header of size and type, a body, padding to 8 bytes ------------------------------------------------

_ID, _INT, _RECTANGLE, _FRACTION, _OBJECT, _CHOICE = 3, 4, 10, 11, 15, 19
_CHOICE_RANGE, _CHOICE_FLAGS = 1, 4


def _pod(pod_type: int, body: bytes) -> bytes:
    return struct.pack("<II", len(body), pod_type) + body + bytes(-len(body) % 8)


def pod_id(value: int) -> bytes:
    """An enumeration's value."""
    return _pod(_ID, struct.pack("<I", value))


def pod_int(value: int) -> bytes:
    """A 32-bit number."""
    return _pod(_INT, struct.pack("<i", value))


def pod_rectangle(width: int, height: int) -> bytes:
    """A size in pixels."""
    return _pod(_RECTANGLE, struct.pack("<II", width, height))


def pod_fraction(value: Fraction) -> bytes:
    """A frame rate."""
    return _pod(_FRACTION, struct.pack("<II", value.numerator, value.denominator))


def pod_int_range(default: int, lowest: int, highest: int) -> bytes:
    """A choice of numbers."""
    return _pod(_CHOICE, struct.pack("<IIII3i", _CHOICE_RANGE, 0, 4, _INT, default, lowest, highest))


def pod_flags(value: int) -> bytes:
    """A choice of bits."""
    return _pod(_CHOICE, struct.pack("<IIIIi", _CHOICE_FLAGS, 0, 4, _INT, value))


def pod_object(object_type: int, param: int, properties: dict[int, bytes]) -> bytes:
    """An object with its properties in order."""
    body = b"".join(struct.pack("<II", key, 0) + value for key, value in properties.items())
    return _pod(_OBJECT, struct.pack("<II", object_type, param) + body)


class PodArray:
    """PODs in C memory, as ``const struct spa_pod **``; keep it alive during the call it is passed to."""

    def __init__(self, *pods: bytes) -> None:
        self._buffers = [ctypes.create_string_buffer(pod, len(pod)) for pod in pods]
        self.pointers = (Pointer * len(pods))(*(ctypes.addressof(buffer) for buffer in self._buffers))
        self.count = len(pods)


_FORMAT, _PARAM_BUFFERS, _PARAM_META = 0x40003, 0x40004, 0x40005
_MEDIA_TYPE, _MEDIA_SUBTYPE, _VIDEO, _RAW = 1, 2, 2, 1
_VIDEO_FORMAT, _VIDEO_SIZE, _VIDEO_FRAMERATE, _VIDEO_RANGE, _VIDEO_MATRIX = 0x20001, 0x20003, 0x20004, 0x2000C, 0x2000D
_RANGE_16_235, _MATRIX_BT601 = 2, 4
_BUFFERS_COUNT, _BUFFERS_BLOCKS, _BUFFERS_SIZE, _BUFFERS_STRIDE, _BUFFERS_DATA_TYPE = 1, 2, 3, 4, 6
_META_TYPE, _META_SIZE = 1, 2
SPA_VIDEO_FORMAT = {"I420": 2, "BGRA": 12}


def enum_format(layout: str, width: int, height: int, rate: Fraction) -> bytes:
    """A raw video format that is offered to readers; I420 says that it is BT.601 in video range."""
    properties = {
        _MEDIA_TYPE: pod_id(_VIDEO),
        _MEDIA_SUBTYPE: pod_id(_RAW),
        _VIDEO_FORMAT: pod_id(SPA_VIDEO_FORMAT[layout]),
        _VIDEO_SIZE: pod_rectangle(width, height),
        _VIDEO_FRAMERATE: pod_fraction(rate),
    }
    if layout == "I420":
        properties |= {_VIDEO_RANGE: pod_id(_RANGE_16_235), _VIDEO_MATRIX: pod_id(_MATRIX_BT601)}
    return pod_object(_FORMAT, SPA_PARAM_EnumFormat, properties)


def buffers_param(size: int, stride: int) -> bytes:
    """What the buffers of one picture look like, in bytes."""
    return pod_object(
        _PARAM_BUFFERS,
        SPA_PARAM_Buffers,
        {
            _BUFFERS_COUNT: pod_int_range(4, 2, 8),
            _BUFFERS_BLOCKS: pod_int(1),
            _BUFFERS_SIZE: pod_int(size),
            _BUFFERS_STRIDE: pod_int(stride),
            _BUFFERS_DATA_TYPE: pod_flags(1 << SPA_DATA_MemPtr | 1 << SPA_DATA_MemFd),
        },
    )


def header_param() -> bytes:
    """The wish that every buffer carries a ``spa_meta_header``."""
    header = {_META_TYPE: pod_id(SPA_META_Header), _META_SIZE: pod_int(ctypes.sizeof(SpaMetaHeader))}
    return pod_object(_PARAM_META, SPA_PARAM_Meta, header)


def chosen_layout(param_address: int) -> str | None:
    """The layout a reader has agreed to, from the ``Format`` POD at an address; None for one we did not offer."""
    (body_size,) = struct.unpack("<I", ctypes.string_at(param_address, 4))
    body = ctypes.string_at(param_address + 8, body_size)
    position = 8  # behind the object's type and id
    while position < body_size:
        key, _, value_size, value_type = struct.unpack_from("<IIII", body, position)
        value_at = position + 16 + (16 if value_type == _CHOICE else 0)  # a choice of one repeats its own header
        if key == _VIDEO_FORMAT:
            (value,) = struct.unpack_from("<I", body, value_at)
            return next((name for name, number in SPA_VIDEO_FORMAT.items() if number == value), None)
        position += 16 + value_size + -value_size % 8
    return None
