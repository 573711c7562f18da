"""What happens to training pictures: camera faults, jittered crops, things in front of the face.

Everything takes a ``numpy.random.Generator`` and is a pure function of it, so that a training batch
depends on its step number alone.

Convention:
    pictures are uint8 (H, W, 3) RGB; affine matrices are float64 (2, 3) on (x, y, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vcam.errors import BadInput

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]

_BACKGROUND_SIDE = 640
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Jitter:
    """Ranges of a crop's error: the real crop of a tracked face is never exactly aligned.

    Attributes:
        roll_deg: turned by up to this, either way.
        scale: enlarged by up to ``1 + scale`` or shrunk by the same factor.
        shift: moved by up to this share of the crop's side, on each axis.
        steady: share of the crops with a third of these ranges, as in steady tracking.
    """

    roll_deg: float
    scale: float
    shift: float
    steady: float = 0.5

    def draw(self, rng: Generator, size: int) -> Matrix:
        """A random ``crop_to_jittered``."""
        amount = 1.0 if rng.random() < 1 - self.steady else 0.35
        roll = amount * rng.uniform(-self.roll_deg, self.roll_deg)
        scale = (1 + self.scale) ** (amount * rng.uniform(-1, 1))
        return centred_similarity(size, roll, scale, amount * rng.uniform(-self.shift, self.shift, 2) * size)


def centred_similarity(size: int, roll_deg: float, scale: float, shift_px: NDArray[np.floating]) -> Matrix:
    """Turn (clockwise as seen) and scale about the centre of a square of ``size``, then move."""
    a, b = scale * np.cos(np.radians(roll_deg)), scale * np.sin(np.radians(roll_deg))
    centre = (size - 1) / 2
    return np.array(
        [
            [a, -b, centre - a * centre + b * centre + shift_px[0]],
            [b, a, centre - b * centre - a * centre + shift_px[1]],
        ]
    )


def roll_of(matrix: Matrix) -> float:
    """The clockwise turn of a similarity, degrees."""
    return float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))


def camera_faults(image: Picture, rng: Generator) -> Picture:
    """Light, colour, blur, noise and compression of ordinary webcams; about a quarter stay clean."""
    if rng.random() < 0.8:
        image = _tone(image, rng)
    if rng.random() < 0.25:
        image = _soften(image, rng)
    if rng.random() < 0.3:
        sigma = rng.uniform(2, 14)
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
        image = np.asarray(cv2.add(image, grain, dtype=cv2.CV_8U), np.uint8)
    if rng.random() < 0.25:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image


def _tone(image: Picture, rng: Generator) -> Picture:
    """Exposure, gamma, contrast and colour cast by one table per channel; sometimes grey."""
    if rng.random() < 0.06:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.uint8)
    level = np.linspace(0, 1, 256)
    low_light = rng.random() < 0.15
    gain = rng.uniform(0.15, 0.5) if low_light else rng.uniform(0.6, 1.35)
    cast = 1 + rng.normal(0, 0.12 if rng.random() < 0.4 else 0.04, 3)
    gamma = np.exp(rng.normal(0, 0.2))
    offset = 0.0 if low_light else rng.uniform(-0.1, 0.1)
    curve = np.clip(level[:, None] ** gamma * gain * cast + offset, 0, 1) * 255
    return np.asarray(cv2.LUT(image, curve.astype(np.uint8)[None]), np.uint8)


def _soften(image: Picture, rng: Generator) -> Picture:
    """Out of focus, moved, or enlarged from a smaller picture."""
    kind = rng.integers(3)
    if kind == 0:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.2)), np.uint8)
    if kind == 1:
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        half = (length - 1) / 2
        tip = half * np.array([np.cos(angle), np.sin(angle)])
        start, end = np.round(half - tip).astype(int), np.round(half + tip).astype(int)
        cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
    h, w = image.shape[:2]
    factor = rng.uniform(0.25, 0.7)
    small = cv2.resize(image, (max(int(w * factor), 4), max(int(h * factor), 4)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR), np.uint8)


def draw_texture(rng: Generator, height: int, width: int) -> Picture:
    """A faceless picture drawn by code: gradients, stripes, checks, blobs or noise in a few colours."""
    grid = int(rng.integers(2, 9))
    coarse = rng.integers(0, 256, (grid, grid, 3), np.uint8)
    method = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(3)]
    image = np.ascontiguousarray(cv2.resize(coarse, (width, height), interpolation=method))
    for _ in range(int(rng.integers(0, 12))):
        colour = rng.integers(0, 256, 3).tolist()
        start = rng.integers(0, [width, height]).tolist()
        end = rng.integers(0, [width, height]).tolist()
        thickness = int(rng.integers(1, max(min(height, width) // 10, 2)))
        if rng.random() < 0.4:
            cv2.line(image, start, end, colour, thickness)
        elif rng.random() < 0.5:
            cv2.rectangle(image, start, end, colour, -1 if rng.random() < 0.5 else thickness)
        else:
            axes = rng.integers(2, max(min(height, width) // 3, 3), 2).tolist()
            cv2.ellipse(image, start, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    if rng.random() < 0.5:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 8)), np.uint8)
    return np.asarray(image, np.uint8)


class Backgrounds:
    """Pictures without a face: free photographs from a folder, and drawn ones."""

    def __init__(self, folder: Path | None, drawn_share: float = 0.25):
        """Read every picture under ``folder``, shrunk to 640 px; copies at other sizes are read once.

        Raises:
            BadInput: the folder holds no picture.
        """
        self.pictures: list[Picture] = []
        self.drawn_share = drawn_share if folder else 1.0
        seen: set[bytes] = set()
        for path in sorted(folder.rglob("*")) if folder else ():
            bgr = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.suffix.lower() in _SUFFIXES else None
            if bgr is None or min(bgr.shape[:2]) < 200:
                continue
            thumbnail = cv2.resize(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), (8, 8), interpolation=cv2.INTER_AREA)
            likeness = (thumbnail // 32).tobytes()
            if likeness in seen:
                continue
            seen.add(likeness)
            scale = _BACKGROUND_SIDE / max(bgr.shape[:2])
            small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
            self.pictures.append(np.ascontiguousarray(small[:, :, ::-1], np.uint8))
        if folder and not self.pictures:
            raise BadInput(f"{folder} holds no picture that could serve as a background")

    def draw(self, rng: Generator, height: int, width: int) -> Picture:
        """A random cut at a random scale, sometimes mirrored, or a drawn texture."""
        if rng.random() < self.drawn_share:
            return draw_texture(rng, height, width)
        picture = self.pictures[rng.integers(len(self.pictures))]
        most = min(picture.shape[0] / height, picture.shape[1] / width)
        zoom = most * rng.uniform(0.25, 1.0)
        h, w = max(int(height * zoom), 2), max(int(width * zoom), 2)
        y, x = rng.integers(picture.shape[0] - h + 1), rng.integers(picture.shape[1] - w + 1)
        cut = picture[y : y + h, x : x + w]
        if rng.random() < 0.5:
            cut = cut[:, ::-1]
        shrink = cv2.INTER_AREA if zoom > 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(np.ascontiguousarray(cut), (width, height), interpolation=shrink), np.uint8)


def put_face(image: Picture, crop_to_picture: Matrix, background: Picture, soft_px: float = 1.5) -> Picture:
    """A crop warped over a background; beyond the crop's border the background is seen."""
    height, width = background.shape[:2]
    side = image.shape[0]
    border = max(int(side * 0.02), 1)
    inside = np.zeros((side, side), np.uint8)
    inside[border:-border, border:-border] = 255
    alpha = cv2.warpAffine(inside, crop_to_picture, (width, height))
    if soft_px:
        alpha = cv2.GaussianBlur(alpha, (0, 0), soft_px)
    warped = cv2.warpAffine(image, crop_to_picture, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return blend(np.asarray(warped, np.uint8), background, np.asarray(alpha, np.uint8))


def blend(front: Picture, back: Picture, alpha: NDArray[np.uint8]) -> Picture:
    """``front`` where alpha is 255, ``back`` where it is 0."""
    weight = alpha.astype(np.float32) / 255
    return np.asarray(cv2.blendLinear(front, np.ascontiguousarray(back), weight, 1 - weight), np.uint8)


def draw_occluder(rng: Generator, size: int, centre: NDArray[np.floating], extent: float) -> NDArray[np.uint8]:
    """The outline of a thing in front of the face: a hand, a blob, a box or a rod.

    Args:
        rng: random numbers.
        size: side of the square picture.
        centre: (2,) px, roughly where it lies.
        extent: its rough diameter, px.

    Returns:
        uint8 (size, size), 255 = covered, smooth edge.
    """
    mask = np.zeros((size, size), np.uint8)
    kind = rng.choice(4, p=[0.4, 0.25, 0.25, 0.1])
    angle = rng.uniform(0, 360)
    if kind == 0:
        _draw_hand(mask, rng, centre, extent, angle)
    elif kind == 1:
        corners = int(rng.integers(5, 12))
        turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radius = extent / 2 * rng.uniform(0.5, 1.2, corners)
        outline = centre + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
        cv2.fillPoly(mask, [outline.astype(np.int32)], 255)
    elif kind == 2:
        wh = extent * rng.uniform(0.4, 1.1, 2)
        corners_px = cv2.boxPoints((tuple(map(float, centre)), tuple(map(float, wh)), float(angle)))
        cv2.fillPoly(mask, [corners_px.astype(np.int32)], 255)
    else:
        along = extent * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        ends = (centre - along).astype(int).tolist(), (centre + along).astype(int).tolist()
        cv2.line(mask, ends[0], ends[1], 255, max(int(size * rng.uniform(0.03, 0.1)), 2))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.2)), np.uint8)


def _draw_hand(mask: NDArray[np.uint8], rng: Generator, centre: NDArray[np.floating], extent: float,
               angle_deg: float) -> None:  # fmt: skip
    """A palm, a wrist and up to five fingers, spread or closed."""
    forward = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    across = np.array([-forward[1], forward[0]])
    palm = extent * 0.28
    axes = (int(palm), int(palm * rng.uniform(0.75, 1.0)))
    cv2.ellipse(mask, np.round(centre).astype(int).tolist(), axes, angle_deg, 0, 360, 255, -1)
    wrist_end = centre - forward * extent * 1.2
    thick = max(int(palm * rng.uniform(0.9, 1.3)), 2)
    cv2.line(mask, np.round(centre).astype(int).tolist(), np.round(wrist_end).astype(int).tolist(), 255, thick)
    width = max(int(palm * rng.uniform(0.32, 0.5)), 2)
    spread = rng.uniform(0.0, 0.25)
    for k in range(int(rng.integers(2, 6))):
        offset = (k - 1.5) / 1.5
        root = centre + across * offset * palm * 0.75 + forward * palm * 0.6
        direction = forward + across * offset * spread
        tip = root + direction * extent * rng.uniform(0.3, 0.6)
        cv2.line(mask, np.round(root).astype(int).tolist(), np.round(tip).astype(int).tolist(), 255, width)


def paint_occluder(rng: Generator, image: Picture, mask: NDArray[np.uint8], skin_rgb: NDArray[np.floating],
                   backgrounds: Backgrounds) -> Picture:  # fmt: skip
    """Cover ``image`` where ``mask`` is set: by skin of nearly the face's own colour, or by any surface."""
    size = image.shape[0]
    if rng.random() < 0.5:
        light = cv2.resize(rng.normal(0, 14, (3, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        depth = cv2.GaussianBlur(mask, (0, 0), size / 32).astype(np.float32) / 255  # darker towards the edge
        base = np.clip(skin_rgb * rng.uniform(0.75, 1.2) + rng.normal(0, 8, 3), 0, 255)
        shade = (0.55 + 0.45 * depth)[:, :, None] * base + light[:, :, None]
        grain = rng.standard_normal((size, size, 1), np.float32) * 3
        surface = np.clip(shade + grain, 0, 255).astype(np.uint8)
    else:
        surface = backgrounds.draw(rng, size, size)
    return blend(surface, image, mask)
