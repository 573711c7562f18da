"""A drawn scene with a moving face of nobody, for tests, demonstrations and computers without a camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.types import Image

SHIFT = 4  # cv2 draws at 1/16 px, so slow movement is smooth
PERIOD = 900  # pictures after which the scene repeats

Colour = tuple[int, int, int]  # BGR
SKIN, SKIN_SHADE, SKIN_LIGHT = (138, 170, 218), (104, 134, 186), (160, 190, 232)
HAIR, BROW, SHIRT = (36, 44, 60), (44, 58, 82), (112, 78, 54)
LIP, MOUTH, TEETH = (98, 96, 178), (34, 30, 70), (214, 222, 226)
EYE_WHITE, IRIS, PUPIL, LASHES = (226, 230, 232), (92, 96, 76), (20, 20, 22), (40, 46, 62)


@dataclass(frozen=True, slots=True)
class Pose:
    """How the face stands in one picture.

    Attributes:
        x: face centre, in face heights from the middle of the picture.
        y: the same, downwards.
        yaw: -1..1, how far it is turned to the image's right.
        roll: radians, clockwise.
        mouth: 0..1, how far it is open.
        eyes: 0..1, how far they are open.
    """

    x: float
    y: float
    yaw: float
    roll: float
    mouth: float
    eyes: float


def pose_at(index: int) -> Pose:
    """Give the pose in picture ``index``; it comes back after ``PERIOD`` pictures."""
    turn = 2 * math.pi * index / PERIOD
    blink = index % 90
    return Pose(
        x=0.22 * math.sin(4 * turn),
        y=0.05 * math.sin(6 * turn),
        yaw=0.5 * math.sin(5 * turn),
        roll=0.12 * math.sin(3 * turn),
        mouth=0.5 - 0.5 * math.cos(12 * turn),
        eyes=0.1 if blink in (44, 45, 46) else 1.0,
    )


def draw_scene(index: int, width: int, height: int) -> Image:
    """Draw picture ``index``, always the same for the same arguments: uint8 (height, width, 3) BGR."""
    image = _draw_background(width, height).copy()
    _draw_clock(image, index)
    pose = pose_at(index)
    pencil = Pencil(image, pose, face_height=0.55 * min(height, width * 1.2))
    _draw_person(pencil)
    _draw_face(pencil)
    return image


@lru_cache(maxsize=4)
def _draw_background(width: int, height: int) -> Image:
    """A wall in soft light with a shelf; the same for all pictures of one size."""
    across = ((np.arange(width, dtype=np.float32) / width - 0.3) / 0.5) ** 2
    down = ((np.arange(height, dtype=np.float32) / height - 0.3) / 0.6) ** 2
    light = 150 + 60 * np.exp(-(down[:, None] + across))
    image: Image = (light[..., None] * np.array([0.92, 0.97, 1.0], np.float32)).astype(np.uint8)
    shelf = int(height * 0.22)
    cv2.rectangle(image, (int(width * 0.72), shelf), (width, shelf + max(height // 60, 1)), (88, 104, 122), cv2.FILLED)
    image.flags.writeable = False
    return image


def _draw_clock(image: Image, index: int) -> None:
    """A hand that goes round on the wall, so that every picture differs from the one before."""
    height, width = image.shape[:2]
    centre, radius = (int(width * 0.12), int(height * 0.2)), max(height // 12, 3)
    angle = 2 * math.pi * (index % PERIOD) / 60
    tip = (round(centre[0] + radius * math.sin(angle)), round(centre[1] - radius * math.cos(angle)))
    cv2.circle(image, centre, radius, (236, 238, 238), cv2.FILLED, cv2.LINE_AA)
    cv2.line(image, centre, tip, (30, 30, 160), max(radius // 8, 1), cv2.LINE_AA)


class Pencil:
    """Draws in the face's own coordinates.

    Convention:
        face coordinates: unit = half the face's height, origin between eyes and mouth, y down. Points are
        moved by yaw as on a rounded head: the nearer to the middle, the further.
    """

    def __init__(self, image: Image, pose: Pose, face_height: float) -> None:
        self.image = image
        self.pose = pose
        self._scale = face_height / 2
        height, width = image.shape[:2]
        self._centre = (width / 2 + pose.x * face_height, height * 0.5 + pose.y * face_height)

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        """Face coordinates (N, 2) -> pixels in 1/16 px (N, 2)."""
        cosine, sine = math.cos(self.pose.roll), math.sin(self.pose.roll)
        turned = points @ np.array([[cosine, sine], [-sine, cosine]])
        pixels: NDArray[np.int32] = np.rint((turned * self._scale + self._centre) * (1 << SHIFT)).astype(np.int32)
        return pixels

    def turn(self, x: float, depth: float = 1.0) -> float:
        """Where a point of the face lies when the head is turned; ``depth`` > 1 stands out (the nose)."""
        return x * (1 - 0.12 * abs(self.pose.yaw)) + 0.22 * self.pose.yaw * depth * max(1 - x * x, 0.0)

    def fill(self, points: NDArray[np.float64], colour: Colour) -> None:
        """Fill an outline."""
        cv2.fillPoly(self.image, [self.to_image(points)], colour, cv2.LINE_AA, SHIFT)

    def stroke(self, points: NDArray[np.float64], colour: Colour, width: float) -> None:
        """Draw an open line, ``width`` in face units."""
        thickness = max(round(width * self._scale), 1)
        cv2.polylines(self.image, [self.to_image(points)], False, colour, thickness, cv2.LINE_AA, SHIFT)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour) -> None:
        """Fill an ellipse."""
        self.fill(arc(x, y, radius_x, radius_y), colour)

    def soften(self, outline: NDArray[np.float64], sigma: float) -> None:
        """Blur what lies inside an outline, so that drawn edges become shading; ``sigma`` in face units."""
        pixels = self.to_image(outline)
        height, width = self.image.shape[:2]
        left, top = np.clip(pixels.min(axis=0) >> SHIFT, 0, (width, height))
        right, bottom = np.clip((pixels.max(axis=0) >> SHIFT) + 1, 0, (width, height))
        part = self.image[top:bottom, left:right]
        sigma_px = sigma * self._scale
        if part.size == 0 or sigma_px < 0.3:
            return
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, [pixels - (np.array([left, top]) << SHIFT)], 255, cv2.LINE_8, SHIFT)
        cv2.copyTo(_blur(part, sigma_px), mask, part)


def _blur(image: Image, sigma_px: float) -> NDArray[np.uint8]:
    """Blur by a Gaussian, a wide one on a smaller picture: looks the same and costs a tenth."""
    shrink = max(sigma_px / 2, 1.0)
    height, width = image.shape[:2]
    small = cv2.resize(
        image, (max(round(width / shrink), 1), max(round(height / shrink), 1)), interpolation=cv2.INTER_AREA
    )
    blurred = cv2.GaussianBlur(small, (0, 0), sigma_px / shrink)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def arc(
    x: float, y: float, radius_x: float, radius_y: float, start: float = 0.0, end: float = 360.0
) -> NDArray[np.float64]:
    """Points on an ellipse from one angle to another, in degrees, 0 to the right and 90 down."""
    angles = np.radians(np.linspace(start, end, 40))
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)


def _draw_person(pencil: Pencil) -> None:
    """Shoulders, neck, hair behind, and the shaded shape of the head."""
    yaw = pencil.pose.yaw
    pencil.ellipse(0.0, 2.35, 1.75, 1.15, SHIRT)
    pencil.fill(np.array([[-0.34, 0.5], [0.34, 0.5], [0.46, 1.45], [-0.46, 1.45]]), SKIN_SHADE)
    pencil.ellipse(0.04 * yaw, -0.36, 0.78, 0.8, HAIR)
    for side in (-1, 1):
        pencil.ellipse(side * 0.74 - 0.06 * yaw, 0.02, 0.1, 0.2, SKIN_SHADE)
    pencil.fill(_head(1.0), SKIN_SHADE)
    pencil.fill(_head(0.93), SKIN)
    pencil.ellipse(pencil.turn(-0.02), -0.5, 0.42, 0.2, SKIN_LIGHT)
    for side in (-1, 1):
        pencil.ellipse(pencil.turn(side * 0.4), 0.24, 0.16, 0.13, SKIN_LIGHT)
        pencil.ellipse(pencil.turn(side * 0.3), -0.13, 0.21, 0.12, SKIN_SHADE)
    pencil.soften(_head(0.985), 0.05)
    pencil.fill(
        np.concatenate([arc(0.04 * yaw, -0.3, 0.8, 0.86, 188, 352), arc(0.06 * yaw, -0.36, 0.68, 0.42, 350, 190)]), HAIR
    )


def _head(size: float) -> NDArray[np.float64]:
    """Outline of the head: round above, narrowing to the chin."""
    outline = arc(0.0, 0.0, 0.72 * size, 0.98 * size)
    below = np.clip(outline[:, 1], 0.0, None)
    outline[:, 0] *= 1 - 0.24 * below**2
    return outline


def _draw_face(pencil: Pencil) -> None:
    for side in (-1, 1):
        _draw_eye(pencil, pencil.turn(side * 0.31), side)
    _draw_nose(pencil)
    _draw_mouth(pencil)
    pencil.soften(arc(0.0, 0.1, 0.62, 0.6), 0.012)


def _draw_eye(pencil: Pencil, x: float, side: int) -> None:
    y, opening = -0.13, 0.075 * pencil.pose.eyes
    look = 0.02 * pencil.pose.yaw
    lid = arc(x, y, 0.145, opening)
    pencil.fill(lid, EYE_WHITE)
    if pencil.pose.eyes > 0.5:
        pencil.ellipse(x + look, y, 0.066, 0.066, IRIS)
        pencil.ellipse(x + look, y, 0.03, 0.03, PUPIL)
        pencil.ellipse(x + look - 0.02, y - 0.022, 0.012, 0.012, (250, 250, 250))
    pencil.stroke(arc(x, y, 0.15, opening + 0.012, 180, 360), LASHES, 0.028)
    pencil.stroke(arc(x, y, 0.14, opening + 0.01, 10, 170), SKIN_SHADE, 0.014)
    pencil.stroke(arc(x, y - 0.02, 0.15, 0.12, 205, 335), SKIN_SHADE, 0.02)
    brow = np.array(
        [[x - side * 0.17, -0.31], [x - side * 0.02, -0.355], [x + side * 0.12, -0.345], [x + side * 0.2, -0.29]]
    )
    pencil.stroke(brow, BROW, 0.055)


def _draw_nose(pencil: Pencil) -> None:
    tip, bridge = pencil.turn(0.0, depth=1.5), pencil.turn(0.0)
    shaded = 0.06 if pencil.pose.yaw >= 0 else -0.06
    pencil.stroke(np.array([[bridge - shaded, -0.1], [tip - shaded * 1.3, 0.16]]), SKIN_SHADE, 0.03)
    pencil.stroke(np.array([[bridge, -0.1], [tip, 0.17]]), SKIN_LIGHT, 0.05)
    pencil.stroke(arc(tip, 0.2, 0.13, 0.07, 15, 165), SKIN_SHADE, 0.04)
    for side in (-1, 1):
        pencil.ellipse(tip + side * 0.065, 0.245, 0.03, 0.018, (70, 82, 120))


def _draw_mouth(pencil: Pencil) -> None:
    x, y, opening = pencil.turn(0.0, depth=1.1), 0.48, 0.13 * pencil.pose.mouth
    half = 0.26 - 0.03 * pencil.pose.mouth
    pencil.fill(_lips(x, y, half, 0.055 + opening * 0.4, 0.075 + opening), LIP)
    if opening > 0.01:
        pencil.fill(_lips(x, y, half * 0.82, opening * 0.45, opening * 0.95), MOUTH)
        pencil.fill(_lips(x, y - opening * 0.1, half * 0.66, opening * 0.3, opening * 0.1), TEETH)
    else:
        pencil.stroke(np.array([[x - half, y], [x, y + 0.008], [x + half, y]]), MOUTH, 0.016)
    pencil.stroke(arc(x, y + 0.15 + opening, 0.14, 0.03, 20, 160), SKIN_SHADE, 0.03)


def _lips(x: float, y: float, half_width: float, above: float, below: float) -> NDArray[np.float64]:
    """Outline between two arcs that meet in the corners of the mouth."""
    return np.concatenate([arc(x, y, half_width, above, 180, 360), arc(x, y, half_width, below, 0, 180)])
