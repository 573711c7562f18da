"""The visible label "AI face": off, for the first seconds, or always; outside the face, readable at 360p."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vcam.types import BadgeMode, Box, Image, Plane

TEXT = "AI face"
FIRST_S = 5.0
BREAK_S = 2.0  # after so long without a swapped picture, the first seconds begin anew
_HEIGHT_SHARE, _LEAST_HEIGHT_PX = 0.075, 26  # of the picture's short side
_MARGIN_SHARE = 0.03
_DRAWN_LARGER = 4  # drawn at this size and shrunk: the strokes come out smooth
_PLATE_OPACITY = 0.62
_FOREHEAD_SHARE, _EAR_SHARE = 0.4, 0.15  # of the face box's height and width: the head reaches beyond the landmarks


@dataclass(frozen=True, slots=True)
class _Label:
    ink: Plane  # (h, w) brightness of the letters, 0..255
    cover: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]  # (h, w, 1) how much of the picture is covered, 0..256


class Badge:
    """Draws the badge of one stream. Used by one thread.

    Args:
        text: what it says.
    """

    def __init__(self, text: str = TEXT) -> None:
        self._text = text
        self._label: _Label | None = None
        self._size: tuple[int, ...] = ()
        self._corner = 0
        self._worn = ""
        self._since_s = self._seen_s = -math.inf

    def due(self, mode: BadgeMode, source_id: str, now_s: float) -> bool:
        """Whether a swapped picture carries the badge. To be asked for every swapped picture.

        Args:
            mode: the user's wish.
            source_id: whose face is worn; the first seconds begin anew with another one.
            now_s: time of the picture in seconds, of any one clock.
        """
        if source_id != self._worn or not 0 <= now_s - self._seen_s <= BREAK_S:
            self._worn, self._since_s = source_id, now_s
        self._seen_s = now_s
        return mode is BadgeMode.ALWAYS or (mode is BadgeMode.FIRST and now_s - self._since_s < FIRST_S)

    def draw(self, image: Image, face: Box | None) -> None:
        """Draw the badge into a picture in place; one too small for it goes without.

        Args:
            image: uint8 (H, W, 3) BGR.
            face: xyxy px round the face's landmarks; it and the head round it stay free. Or None.
        """
        if self._label is None or image.shape != self._size:
            self._label, self._size = _render(self._text, min(image.shape[:2])), image.shape
        height, width = self._label.ink.shape
        if width > image.shape[1] or height > image.shape[0]:
            return
        x, y = self._place(image.shape[1], image.shape[0], width, height, face)
        part = image[y : y + height, x : x + width]
        # 8 bits of fraction: picture + (ink - picture) * cover
        kept = part * (256 - self._label.cover) + self._label.ink[:, :, None] * self._label.cover
        part[:] = (kept >> 8).astype(np.uint8)

    def _place(self, width: int, height: int, w: int, h: int, face: Box | None) -> tuple[int, int]:
        """The corner used so far if the face leaves it free, else the first free one, else the freest."""
        margin = round(_MARGIN_SHARE * min(width, height))
        left, top = min(margin, width - w), min(margin, height - h)
        right, bottom = max(width - w - margin, 0), max(height - h - margin, 0)
        corners = [(left, bottom), (right, bottom), (left, top), (right, top)]
        if face is not None:
            head = _head(face)
            hidden = [_overlap(head, x, y, w, h) for x, y in corners]
            if hidden[self._corner] > 0:
                self._corner = int(np.argmin(hidden))
        return corners[self._corner]


def _head(face: Box) -> Box:
    """The landmarks' box with forehead and ears."""
    across, up = _EAR_SHARE * (face[2] - face[0]), _FOREHEAD_SHARE * (face[3] - face[1])
    return np.asarray(face + np.array([-across, -up, across, 0], np.float32), np.float32)


def _overlap(head: Box, x: int, y: int, w: int, h: int) -> float:
    """Square pixels that the badge at (x, y) would take from the head."""
    across = min(float(head[2]), x + w) - max(float(head[0]), x)
    down = min(float(head[3]), y + h) - max(float(head[1]), y)
    return max(0.0, across) * max(0.0, down)


def _render(text: str, short_side_px: int) -> _Label:
    """White letters on a dark plate with round ends."""
    height = max(_LEAST_HEIGHT_PX, round(_HEIGHT_SHARE * short_side_px))
    large = height * _DRAWN_LARGER
    font, thickness = cv2.FONT_HERSHEY_DUPLEX, max(2, round(large / 16))
    scale = large * 0.5 / 22  # capitals of this font are 22 px high at scale 1
    (text_width, text_height), _ = cv2.getTextSize(text, font, scale, thickness)
    width = text_width + large  # half a height of room at each end
    ink, plate = np.zeros((large, width), np.uint8), np.zeros((large, width), np.uint8)
    baseline = (large + text_height) // 2
    cv2.putText(ink, text, (large // 2, baseline), font, scale, 255, thickness, cv2.LINE_AA)
    radius = large // 2
    cv2.rectangle(plate, (radius, 0), (width - radius - 1, large - 1), 255, -1)
    for x in (radius, width - radius - 1):
        cv2.circle(plate, (x, radius), radius - 1, 255, -1, cv2.LINE_AA)
    size = round(width / _DRAWN_LARGER), height
    ink, plate = (cv2.resize(layer, size, interpolation=cv2.INTER_AREA).astype(np.uint8) for layer in (ink, plate))
    letters, dark = ink.astype(np.float32) / 255, plate.astype(np.float32) / 255 * _PLATE_OPACITY
    cover = letters + dark * (1 - letters)
    brightness = np.where(cover > 0, letters / np.maximum(cover, 1e-6), 0) * 255
    return _Label(np.rint(brightness).astype(np.uint8), np.rint(cover * 256).astype(np.uint16)[:, :, None])
