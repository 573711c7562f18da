"""A cache of a few drawn faces, with the labels of the drawing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology
from vcam.training.data import EMBEDDER_SIZE, MESH_POINTS, SIZE, Faces


def oval_mesh(centre_xy: tuple[float, float] = (64.0, 70.0), radius_xy: tuple[float, float] = (28.0, 36.0)):
    """A flat mesh, float32 (468, 3): the oval's points on an ellipse, every other point at its centre."""
    mesh = np.zeros((MESH_POINTS, 3), np.float32)
    mesh[:, :2] = centre_xy
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, len(topology.OVAL), endpoint=False)
    ring = np.stack([np.cos(angle) * radius_xy[0], np.sin(angle) * radius_xy[1]], 1) + centre_xy
    mesh[np.array(topology.MESH)[topology.OVAL], :2] = ring
    return mesh


def drawn_face(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (128, 128, 3) RGB: a red oval on green; what is red is face."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[:] = (0, 200, 0)
    cv2.ellipse(image, (64, 70), (28, 36), 0, 0, 360, (255, int(rng.integers(40)), 0), -1)
    return image


def drawn_faces(count: int = 6) -> Faces:
    """Half of them for training, half for validation."""
    rng = np.random.default_rng(0)
    points5 = np.array([[50, 60], [78, 60], [64, 72], [54, 88], [74, 88]], np.float32)
    return Faces(
        images=np.stack([drawn_face(rng) for _ in range(count)]),
        crops112=rng.integers(0, 255, (count, EMBEDDER_SIZE, EMBEDDER_SIZE, 3), np.uint8),
        mesh=np.stack([oval_mesh() for _ in range(count)]),
        embeddings=rng.standard_normal((count, 128)).astype(np.float32),
        points5=np.stack([points5] * count),
        coverage=np.ones(count, np.float32),
        identity=np.array([f"person{k}" for k in range(count)]),
        split=np.array(["train", "val"] * (count // 2)),
        set=np.array(["generated"] * count),
        file=np.array([f"faces/generated/{k}.webp" for k in range(count)]),
    )


def face_landmarks() -> NDArray[np.float32]:
    """A face-like set of 157 points in a 128 px crop: ellipses where the groups lie."""
    points = np.zeros((topology.COUNT, 3), np.float32)
    places = [
        (topology.OVAL, (64, 66), (36, 46)),
        (topology.LIPS_OUTER, (64, 94), (14, 6)),
        (topology.LIPS_INNER, (64, 94), (10, 2)),
        (topology.EYE_LEFT, (48, 60), (7, 3)),
        (topology.EYE_RIGHT, (80, 60), (7, 3)),
        (topology.BROW_LEFT, (48, 50), (9, 2)),
        (topology.BROW_RIGHT, (80, 50), (9, 2)),
        (topology.NOSE, (64, 74), (7, 9)),
        (topology.CHEEKS, (64, 80), (26, 12)),
    ]
    for span, centre, radii in places:
        angle = np.linspace(0, 2 * np.pi, len(span), endpoint=False)
        points[span, :2] = np.stack([np.sin(angle), -np.cos(angle)], 1) * radii + centre
        points[span, 2] = -np.cos(angle) * 3
    return points
