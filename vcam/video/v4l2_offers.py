"""Ask an open webcam for every way in which it can give pictures."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from typing import TypeVar

from vcam.types import VideoMode
from vcam.video import v4l2_abi as v4l2
from vcam.video.v4l2_formats import Offer, Range

MAX_ENTRIES = 256  # a faulty driver may never end its list

_Entry = TypeVar("_Entry", v4l2.FormatDescription, v4l2.FrameSize, v4l2.FrameInterval)


def list_formats(fd: int) -> list[str]:
    """List the pixel formats of an open device."""
    query = v4l2.FormatDescription(type=v4l2.BUF_TYPE_VIDEO_CAPTURE)
    return [v4l2.from_fourcc(entry.pixelformat) for entry in _enumerate(fd, v4l2.VIDIOC_ENUM_FMT, query)]


def list_offers(fd: int, formats: Collection[str], asked: VideoMode) -> list[Offer]:
    """List the offers of an open device in some formats; where it gives ranges, the values nearest to ``asked``."""
    return [
        Offer(name, width, height, fps)
        for name, fourcc in ((name, v4l2.to_fourcc(name)) for name in formats)
        for width, height in _list_sizes(fd, fourcc, asked)
        for fps in _list_rates(fd, fourcc, width, height, asked)
    ]


def _enumerate(fd: int, request: int, query: _Entry) -> Iterator[_Entry]:
    """Yield the entries of one of the driver's lists; none when it does not keep that list."""
    for index in range(MAX_ENTRIES):
        entry = type(query).from_buffer_copy(query)
        entry.index = index
        try:
            v4l2.call(fd, request, entry)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
                return
            raise
        yield entry


def _list_sizes(fd: int, fourcc: int, asked: VideoMode) -> list[tuple[int, int]]:
    query = v4l2.FrameSize(pixel_format=fourcc)
    sizes = [_nearest_size(entry, asked) for entry in _enumerate(fd, v4l2.VIDIOC_ENUM_FRAMESIZES, query)]
    return sizes or [(asked.width, asked.height)]


def _nearest_size(entry: v4l2.FrameSize, asked: VideoMode) -> tuple[int, int]:
    if entry.type == v4l2.FRAME_DISCRETE:
        return entry.min_width, entry.max_width
    width = Range(entry.min_width, entry.max_width, entry.step_width)
    height = Range(entry.min_height, entry.max_height, entry.step_height)
    return width.nearest(asked.width), height.nearest(asked.height)


def _list_rates(fd: int, fourcc: int, width: int, height: int, asked: VideoMode) -> list[float]:
    query = v4l2.FrameInterval(pixel_format=fourcc, width=width, height=height)
    rates = [_nearest_rate(entry, asked) for entry in _enumerate(fd, v4l2.VIDIOC_ENUM_FRAMEINTERVALS, query)]
    return rates or [0.0]


def _nearest_rate(entry: v4l2.FrameInterval, asked: VideoMode) -> float:
    most = _rate(entry.shortest)
    return most if entry.type == v4l2.FRAME_DISCRETE else min(max(asked.fps, _rate(entry.longest)), most)


def _rate(interval: v4l2.Fraction) -> float:
    return interval.denominator / interval.numerator if interval.numerator else 0.0
