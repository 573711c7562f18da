"""Which of a webcam's formats to take, and how each becomes a BGR picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.types import Image, VideoMode

Bytes = NDArray[np.uint8]  # (N,) what the driver left in one buffer


class BrokenPicture(Exception):
    """The buffer does not hold one whole picture."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pixels lie in a buffer, as the driver reported it."""

    width: int
    height: int
    bytes_per_line: int


def decode_mjpg(data: Bytes, layout: Layout) -> Image:
    """Decode a JPEG of the agreed size.

    Raises:
        BrokenPicture: not a JPEG, cut off, or of another size.
    """
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None or image.shape != (layout.height, layout.width, 3):
        raise BrokenPicture(f"{data.size} bytes are not a JPEG of {layout.width}x{layout.height}")
    return cast(Image, image)


def _take_rows(data: Bytes, rows: int, bytes_per_line: int, row_bytes: int) -> Bytes:
    """View ``rows`` lines without their padding: (rows, row_bytes)."""
    if data.size < rows * bytes_per_line:
        raise BrokenPicture(f"{data.size} bytes instead of {rows * bytes_per_line}")
    return data[: rows * bytes_per_line].reshape(rows, bytes_per_line)[:, :row_bytes]


def _convert_packed(channels: int, conversion: int) -> Callable[[Bytes, Layout], Image]:
    def convert(data: Bytes, layout: Layout) -> Image:
        rows = _take_rows(data, layout.height, layout.bytes_per_line, layout.width * channels)
        pixels = np.ascontiguousarray(rows).reshape(layout.height, layout.width, channels)
        return cast(Image, cv2.cvtColor(pixels, conversion))

    return convert


def _copy_bgr(data: Bytes, layout: Layout) -> Image:
    rows = _take_rows(data, layout.height, layout.bytes_per_line, layout.width * 3)
    return rows.reshape(layout.height, layout.width, 3).copy()


def _convert_nv12(data: Bytes, layout: Layout) -> Image:
    rows = _take_rows(data, layout.height * 3 // 2, layout.bytes_per_line, layout.width)
    return cast(Image, cv2.cvtColor(np.ascontiguousarray(rows), cv2.COLOR_YUV2BGR_NV12))


def _convert_yu12(data: Bytes, layout: Layout) -> Image:
    width, height, stride = layout.width, layout.height, layout.bytes_per_line
    luma = _take_rows(data, height, stride, width)
    chroma = _take_rows(data[height * stride :], height, stride // 2, width // 2)
    planes = np.concatenate([luma.reshape(-1), chroma.reshape(-1)]).reshape(height * 3 // 2, width)
    return cast(Image, cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420))


# Best first. A compressed picture leaves the USB bus room for full size at full rate.
DECODERS: dict[str, Callable[[Bytes, Layout], Image]] = {
    "MJPG": decode_mjpg,
    "JPEG": decode_mjpg,
    "YUYV": _convert_packed(2, cv2.COLOR_YUV2BGR_YUY2),
    "NV12": _convert_nv12,
    "BGR3": _copy_bgr,
    "RGB3": _convert_packed(3, cv2.COLOR_RGB2BGR),
    "YU12": _convert_yu12,
    "UYVY": _convert_packed(2, cv2.COLOR_YUV2BGR_UYVY),
}
_RANKS = {fourcc: rank for rank, fourcc in enumerate(DECODERS)}


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which the webcam can give pictures. ``fps`` 0: it does not say how many."""

    fourcc: str
    width: int
    height: int
    fps: float


@dataclass(frozen=True, slots=True)
class Range:
    """The values a driver accepts, from ``least`` to ``most`` in steps."""

    least: int
    most: int
    step: int

    def nearest(self, value: int) -> int:
        """Give the accepted value nearest to ``value``."""
        inside = min(max(value, self.least), self.most)
        step = max(self.step, 1)
        return min(self.least + (inside - self.least + step // 2) // step * step, self.most)


def choose_offer(offers: Sequence[Offer], asked: VideoMode) -> Offer | None:
    """Choose the offer nearest to what was asked: size first, then rate, then the better format.

    Too low a rate is worse than too high a one; a missing rate counts as fitting. Formats that
    cannot be decoded here are left out; None when nothing is left.
    """

    def distance(offer: Offer) -> tuple[int, int, int, int]:
        size = abs(offer.width - asked.width) + abs(offer.height - asked.height)
        missing = round(asked.fps - offer.fps) if offer.fps else 0
        return size, max(missing, 0), max(-missing, 0), _RANKS[offer.fourcc]

    return min((offer for offer in offers if offer.fourcc in DECODERS), key=distance, default=None)
