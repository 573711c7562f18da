"""From BGR pictures to the pixel layouts that devices take: the one full-frame conversion of an output.

Convention:
    I420: uint8 (H * 3 / 2, W): the Y plane, then U and V at half size; BT.601, video range (Y 16..235). Browsers, V4L2
        readers and pyvirtualcam all take untagged I420 as BT.601 whatever its size; where a device can say so, it does.
    BGRA: uint8 (H, W, 4), alpha 255.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.errors import BadSettings
from vcam.types import Image, Plane, VideoMode

Pixels = NDArray[np.uint8]


def bgr_to_i420(image: Image, out: Pixels | None = None) -> Pixels:
    """Convert to BT.601 video range planes, uint8 (H * 3 / 2, W); ``out`` of that shape is filled and returned."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420, dst=out), dtype=np.uint8)


def bgr_to_bgra(image: Image, out: Pixels | None = None) -> Pixels:
    """Add an alpha of 255, uint8 (H, W, 4); ``out`` of that shape is filled and returned."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA, dst=out), dtype=np.uint8)


def bgr_to_rgba(image: Image, out: Pixels | None = None) -> Pixels:
    """Swap the colours and add an alpha of 255, uint8 (H, W, 4); ``out`` of that shape is filled and returned."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGBA, dst=out), dtype=np.uint8)


def luma_of(i420: Pixels) -> Plane:
    """The Y plane of an I420 picture, uint8 (H, W): a view, writing to it changes the picture."""
    return i420[: i420.shape[0] * 2 // 3]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of one picture lie in a device's memory.

    Attributes:
        name: as PipeWire and pyvirtualcam call it.
        convert: BGR picture (and memory to fill) -> pixels in this layout.
        rows_per_line: rows of the array for one line of the picture.
        bytes_per_pixel: bytes from one pixel of a row to the next.
    """

    name: str
    convert: Callable[[Image, Pixels | None], Pixels]
    rows_per_line: float
    bytes_per_pixel: int

    def shape(self, mode: VideoMode) -> tuple[int, ...]:
        """The array's shape for a mode."""
        rows = int(mode.height * self.rows_per_line)
        return (rows, mode.width) if self.bytes_per_pixel == 1 else (rows, mode.width, self.bytes_per_pixel)

    def stride(self, mode: VideoMode) -> int:
        """Bytes from one row to the next."""
        return mode.width * self.bytes_per_pixel

    def size(self, mode: VideoMode) -> int:
        """Bytes of one picture."""
        return self.stride(mode) * int(mode.height * self.rows_per_line)


I420 = Layout("I420", bgr_to_i420, 1.5, 1)
BGRA = Layout("BGRA", bgr_to_bgra, 1, 4)
RGBA = Layout("RGBA", bgr_to_rgba, 1, 4)


def check_device_mode(mode: VideoMode) -> None:
    """Refuse modes that no virtual camera can have.

    Raises:
        BadSettings: the size is odd or empty, or the rate is not above 0.
    """
    if mode.width < 2 or mode.height < 2 or mode.width % 2 or mode.height % 2:
        raise BadSettings(f"a virtual camera needs an even width and height, not {mode.width}x{mode.height}")
    if not mode.fps > 0:
        raise BadSettings(f"a virtual camera needs a frame rate above 0, not {mode.fps:g}")


def check_image(image: Image, mode: VideoMode) -> None:
    """Refuse pictures of another size or type than the output was opened with.

    Raises:
        ValueError: a fault of the caller; the message has both sizes.
    """
    if image.shape != (mode.height, mode.width, 3) or image.dtype != np.uint8:
        expected = f"uint8 ({mode.height}, {mode.width}, 3)"
        raise ValueError(f"the output takes {expected} pictures, not {image.dtype} {image.shape}")
