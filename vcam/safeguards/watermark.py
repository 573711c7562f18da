"""The invisible mark: a faint pattern added to the brightness of every picture that shows a swap.

Spread spectrum in the picture plane (Cox et al., 1997): each of 160 x 90 cells is made up to one level lighter or
darker. The pattern stays still while the picture moves, so a reader that adds up what is left after smoothing finds it
again below the noise of strong compression. It is strongest where it is cheapest for a video encoder and best for the
reader: in parts that hold still and have some texture, but little. Where the picture moves it fades out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.safeguards.watermark_code import EPOCH, GRID_WH, Kind, Payload, cells_of
from vcam.types import Image, Plane

REFRESH_FRAMES = 4  # the strength follows the scene at this pace; between refreshes a frame costs one add, one subtract
STRENGTH = 1.05  # levels, in parts that hold still and have little texture
_FLAT_SHARE, _FLAT = 0.75, 0.5  # of the strength where there is no detail; from so many levels of mean detail on, all
_TEXTURE_LOSS, _FULL_TEXTURE = 0.2, 8.0  # share of the strength lost at this many levels
_STILL, _MOVING = 0.3, 0.9  # levels of change between refreshes, above the camera's noise: full strength, none
_NOISE_PLACES, _NOISE_CHANGE = 10.0, 0.5  # per cent of the cells, the flattest, show the noise; it changes them by half
_INERTIA = 0.8  # share of the old strength kept at a refresh, so that the strength itself does not flicker
_STEPS = 16  # fractions of a level, made by ordered dither
_ZERO = 8  # the uint8 level that stands for "no change" in a rendered delta
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.uint8)


def new_session() -> int:
    """24 random bits that name one run of the program and nothing else."""
    return secrets.randbits(24)


def can_carry(width: int, height: int) -> bool:
    """Whether a picture of that size in px is large enough for the pattern."""
    return width >= GRID_WH[0] and height >= GRID_WH[1]


class Marker:
    """Puts the mark into the pictures of one stream. Used by one thread.

    Args:
        session_id: 24 bits, see ``new_session``.
        kind: what the stream is.
        clock: seconds since 1970; the mark tells the hour.
    """

    def __init__(self, session_id: int, kind: Kind, clock: Callable[[], float] = time.time) -> None:
        self._session, self._kind, self._clock = session_id, kind, clock
        self._payload: Payload | None = None
        self._cells: NDArray[np.float32]
        self._frames = 0
        self._strength: NDArray[np.float32] | None = None
        self._before: NDArray[np.float32] | None = None
        self._shape: tuple[int, ...] = ()
        self._dither: Plane
        self._lighter: Plane
        self._darker: Plane
        self._colour: tuple[Image, Image] | None = None

    def mark_luma(self, y_plane: Plane) -> None:
        """Mark the Y plane of a picture in place.

        Args:
            y_plane: uint8 (H, W), H and W at least 90 and 160; a view into an I420 buffer is fine.

        Raises:
            ValueError: the plane is too small to carry the pattern, or read-only.
        """
        self._prepare(y_plane)
        cv2.add(y_plane, self._lighter, dst=y_plane)
        cv2.subtract(y_plane, self._darker, dst=y_plane)

    def mark_bgr(self, image: Image) -> None:
        """Mark a picture in place, all three colours alike: the brightness changes and the hue does not.

        Args:
            image: uint8 (H, W, 3) BGR, at least 160 wide and 90 high.

        Raises:
            ValueError: the image is too small to carry the pattern, or read-only.
        """
        if self._prepare(image[:, :, 1]) or self._colour is None:
            self._colour = cv2.merge([self._lighter] * 3), cv2.merge([self._darker] * 3)  # type: ignore[assignment]
        lighter, darker = self._colour  # type: ignore[misc]
        cv2.add(image, lighter, dst=image)
        cv2.subtract(image, darker, dst=image)

    def _prepare(self, luma: Plane) -> bool:
        """Bring the pattern up to date; True if it changed."""
        if not luma.flags.writeable:
            raise ValueError("the picture to be marked is read-only")
        if luma.shape != self._shape:
            self._start(luma.shape)
        due = self._frames % REFRESH_FRAMES == 0
        if due:
            self._refresh(luma)
        self._frames += 1
        return due

    def _start(self, shape: tuple[int, ...]) -> None:
        height, width = shape
        if not can_carry(width, height):
            raise ValueError(f"a picture of {width}x{height} is too small for the mark; it needs at least 160x90")
        self._shape, self._frames, self._strength, self._before, self._colour = shape, 0, None, None, None
        self._dither = np.tile(_BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width].copy()
        self._lighter, self._darker = np.empty(shape, np.uint8), np.empty(shape, np.uint8)

    def _refresh(self, luma: Plane) -> None:
        strength = self._wanted_strength(luma)
        if self._strength is not None:
            strength += _INERTIA * (self._strength - strength)
        self._strength = strength
        self._follow_clock()
        delta = np.rint(self._cells * (strength * _STEPS) + (_ZERO + 0.5) * _STEPS - 8).astype(np.uint8)
        full = cv2.resize(delta, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
        cv2.add(full, self._dither, dst=full)
        np.right_shift(full, 4, out=full)
        cv2.subtract(full, _ZERO, dst=self._lighter)  # type: ignore[call-overload]
        cv2.subtract(_ZERO, full, dst=self._darker)  # type: ignore[call-overload]

    def _wanted_strength(self, luma: Plane) -> NDArray[np.float32]:
        """Levels for each cell, float32 (90, 160), from texture and motion on two samples per cell."""
        size_wh = 2 * GRID_WH[0], 2 * GRID_WH[1]
        samples = cv2.resize(luma, size_wh, interpolation=cv2.INTER_NEAREST).astype(np.float32)
        smooth = np.asarray(cv2.blur(samples, (3, 3)), np.float32)
        texture = _by_cell(cv2.absdiff(samples, smooth))
        strength = STRENGTH * (1 - _TEXTURE_LOSS * np.minimum(texture / _FULL_TEXTURE, 1))
        strength *= _FLAT_SHARE + (1 - _FLAT_SHARE) * np.minimum(texture / _FLAT, 1)
        if self._before is not None:
            # what a noisy camera changes everywhere is not motion to hide from
            noise = _NOISE_CHANGE * np.percentile(texture, _NOISE_PLACES)
            excess = _by_cell(cv2.absdiff(smooth, self._before)) - noise
            strength *= np.clip((_MOVING - excess) / (_MOVING - _STILL), 0, 1)
        self._before = smooth
        return np.asarray(strength, np.float32)

    def _follow_clock(self) -> None:
        hour = int((self._clock() - EPOCH.timestamp()) // 3600) & 0xFFFF
        payload = Payload(self._kind, hour, self._session)
        if payload != self._payload:
            self._payload = payload
            self._cells = cells_of(payload).astype(np.float32)


def _by_cell(samples: cv2.typing.MatLike) -> NDArray[np.float32]:
    """The mean over each cell and its neighbours, float32 (90, 160)."""
    cells = cv2.resize(samples, GRID_WH, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(cells, (3, 3)), np.float32)
