"""A drawn face: 157 landmarks of nobody, and a picture of it, for tests that need neither photo nor network."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology


def _ellipse(count: int, centre: tuple[float, float], radii: tuple[float, float], start_deg: float) -> NDArray:
    """Points on an ellipse, clockwise on the screen from ``start_deg`` (0 = right, 90 = down)."""
    angles = np.radians(start_deg + np.arange(count) * 360 / count)
    return np.stack([centre[0] + radii[0] * np.cos(angles), centre[1] + radii[1] * np.sin(angles)], 1)


def face_landmarks(size: int = 256, mouth_open: float = 0.0, eyes_open: float = 1.0) -> NDArray[np.float32]:
    """Landmarks of a frontal face in an ``ffhq_512`` crop.

    Args:
        size: side of the crop in px.
        mouth_open: height of the inner mouth as a fraction of the mouth's width.
        eyes_open: 1 open, 0 shut.

    Returns:
        float32 (157, 2) px in the order of ``vcam.topology``.
    """
    points = np.zeros((topology.COUNT, 2))
    points[topology.OVAL] = _ellipse(len(topology.OVAL), (0.5, 0.56), (0.27, 0.37), -90)
    gape = 0.22 * mouth_open / 2
    points[topology.LIPS_OUTER] = _ellipse(len(topology.LIPS_OUTER), (0.5, 0.725), (0.11, 0.035 + gape), 180)
    points[topology.LIPS_INNER] = _ellipse(len(topology.LIPS_INNER), (0.5, 0.725), (0.09, 0.002 + gape), 180)
    left = _ellipse(len(topology.EYE_LEFT), (0.377, 0.469), (0.052, 0.002 + 0.02 * eyes_open), 180)
    points[topology.EYE_LEFT] = left
    points[topology.EYE_RIGHT] = left * (-1, 1) + (1.0, 0)
    brow_x = np.concatenate([np.linspace(0.30, 0.44, 5), np.linspace(0.44, 0.30, 5)])
    brow_y = np.concatenate([np.full(5, 0.40), np.full(5, 0.42)])
    points[topology.BROW_LEFT] = np.stack([brow_x, brow_y], 1)
    points[topology.BROW_RIGHT] = np.stack([1 - brow_x, brow_y], 1)
    points[topology.NOSE] = [
        (0.5, 0.47), (0.5, 0.5), (0.5, 0.53), (0.5, 0.56), (0.5, 0.59), (0.5, 0.60), (0.5, 0.613), (0.5, 0.63),
        (0.47, 0.63), (0.53, 0.63), (0.455, 0.61), (0.545, 0.61), (0.45, 0.62), (0.55, 0.62),
    ]  # fmt: skip
    points[topology.CHEEKS] = [
        (0.33, 0.60), (0.67, 0.60), (0.38, 0.66), (0.62, 0.66), (0.34, 0.70), (0.66, 0.70), (0.37, 0.57),
        (0.63, 0.57), (0.43, 0.60), (0.57, 0.60), (0.5, 0.43), (0.5, 0.40), (0.5, 0.32), (0.5, 0.82), (0.5, 0.79),
    ]  # fmt: skip
    return (points * size).astype(np.float32)


def draw_face(landmarks: NDArray[np.float32], size: int, skin: tuple[int, int, int] = (140, 170, 215),
              ground: tuple[int, int, int] = (90, 80, 70), seed: int = 0) -> NDArray[np.uint8]:  # fmt: skip
    """A picture of the landmarks: uint8 (size, size, 3) BGR with shading, features and a little sensor noise."""
    image = np.full((size, size, 3), ground, np.uint8)

    def fill(group: NDArray, colour: tuple[int, int, int]) -> None:
        polygon = np.round(landmarks[group] * 16).astype(np.int32)
        cv2.fillPoly(image, [polygon], colour, cv2.LINE_AA, 4)

    fill(topology.OVAL, skin)
    shade = np.linspace(1.08, 0.86, size, dtype=np.float32)[None, :, None]
    image = np.clip(image * shade, 0, 255).astype(np.uint8)
    for brow in (topology.BROW_LEFT, topology.BROW_RIGHT):
        fill(brow, (40, 55, 75))
    for eye in (topology.EYE_LEFT, topology.EYE_RIGHT):
        fill(eye, (240, 240, 240))
        centre = landmarks[eye].mean(0)
        opening = float(np.ptp(landmarks[eye][:, 1]))
        cv2.circle(image, tuple(int(v) for v in centre), max(int(opening * 0.4), 1), (60, 40, 30), -1, cv2.LINE_AA)
    fill(topology.LIPS_OUTER, (90, 90, 190))
    fill(topology.LIPS_INNER, (30, 20, 60))
    noise = np.random.default_rng(seed).normal(0, 2.5, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)
