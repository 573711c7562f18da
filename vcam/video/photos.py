"""Photos: read a picture file as it is meant to be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.errors import BadPhoto
from vcam.types import Image, Photo

MAX_PIXELS = 100_000_000
BACKGROUND = 255  # transparent parts become white

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that carry the size
_TRANSPOSED = frozenset({5, 6, 7, 8})  # EXIF orientations whose rows are the stored columns
_FLIPS: dict[int, int] = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}  # then cv2.flip with this code


def read_photo(path: Path | str) -> Image:
    """Read a JPEG, PNG, WebP or BMP file, upright as its EXIF data says, transparency laid on white.

    Returns:
        uint8 (H, W, 3) BGR.

    Raises:
        BadPhoto: not there, empty, of another kind, damaged, or larger than 100 megapixels.
    """
    return decode_photo(load_photo(path))


def load_photo(path: Path | str) -> Photo:
    """A file's bytes as they are.

    Raises:
        BadPhoto: it cannot be read.
    """
    path = Path(path)
    try:
        return Photo(path.name, path.read_bytes())
    except OSError as error:
        raise BadPhoto(f"{path.name} cannot be read: {error.strerror}; give the path of a photo") from error


def encode_photo(image: Image, name: str) -> Photo:
    """A picture without a file, such as a camera's, kept without loss as the PNG ``name``.png.

    Args:
        image: uint8 (H, W, 3) BGR.
        name: as the user reads it.
    """
    _, data = cv2.imencode(".png", image)
    return Photo(f"{name}.png", data.tobytes())


def decode_photo(photo: Photo) -> Image:
    """See ``read_photo``.

    Raises:
        BadPhoto: empty, of another kind, damaged, or larger than 100 megapixels.
    """
    name, data = photo.name, photo.data
    if not data:
        raise BadPhoto(f"{name} is empty; give another photo")
    size_wh = find_size(data)
    if size_wh is None:
        raise BadPhoto(f"{name} is not a JPEG, PNG, WebP or BMP picture, or is damaged; save it as one of these")
    if size_wh[0] * size_wh[1] > MAX_PIXELS:
        raise BadPhoto(f"{name} is too large with {size_wh[0]}x{size_wh[1]} px; make it 100 megapixels at most")
    try:
        pixels, kinds, metadata = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BadPhoto(f"{name} is damaged and cannot be decoded; give another photo") from error
    if pixels is None:
        raise BadPhoto(f"{name} is damaged and cannot be decoded; give another photo")
    exif = dict(zip(kinds, metadata, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
    orientation = 1 if exif is None else read_orientation(np.asarray(exif, np.uint8).tobytes())
    return turn_upright(_to_bgr(pixels), orientation)


def _to_bgr(pixels: NDArray[Any]) -> Image:
    """Bring grey, 16-bit and transparent pictures to uint8 (H, W, 3)."""
    depth8 = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    if depth8.ndim == 2:
        return cast(Image, cv2.cvtColor(depth8, cv2.COLOR_GRAY2BGR))
    if depth8.shape[2] == 3:
        return cast(Image, depth8)
    opacity = depth8[..., 3:].astype(np.float32) / 255
    flat = depth8[..., :3] * opacity + BACKGROUND * (1 - opacity)
    return np.rint(flat).astype(np.uint8)


def turn_upright(image: Image, orientation: int) -> Image:
    """Undo an EXIF orientation (1..8; any other value counts as 1)."""
    if orientation in _TRANSPOSED:
        image = cast(Image, cv2.transpose(image))
    return cast(Image, cv2.flip(image, _FLIPS[orientation])) if orientation in _FLIPS else image


def read_orientation(exif: bytes) -> int:
    """Find the orientation (1..8) in a block of EXIF data; 1 when it has none or is damaged."""
    block = exif.removeprefix(b"Exif\0\0")
    if block[:2] not in (b"II", b"MM"):
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(block[at : at + size], "little" if block[:2] == b"II" else "big")

    directory = number(4, 4)
    entries = range(directory + 2, directory + 2 + 12 * number(directory, 2), 12)
    found = next((number(at + 8, 2) for at in entries if number(at, 2) == 0x0112), 1)
    return found if 1 <= found <= 8 else 1


def find_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height from a picture's head, without decoding it; None when it is none we know."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data[:2] == b"BM" and len(data) >= 26:
        return int.from_bytes(data[18:22], "little"), abs(int.from_bytes(data[22:26], "little", signed=True))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        return _find_webp_size(data)
    if data[:3] == b"\xff\xd8\xff":
        return _find_jpeg_size(data)
    return None


def _find_jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in _START_OF_FRAME:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _find_webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None
