"""The head in three dimensions: a depth for every place of the canvas, and the turning of it.

The portrait is one flat picture; it is given the relief of an average head and seen from where the head has turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actor.canvas import HEIGHT_PX, LEFT, TOP, UNIT_PX, WIDTH_PX, Array, bell, blur, grid, ramp
from actor.motion import Moment
from vcam import topology

STEP_PX = 8  # the relief is smooth: every eighth pixel is enough
BROW_LIFT = 0.020  # units
CAMERA_DISTANCE = 4.5  # units
SIDE_DEPTH = 0.07  # units: behind this the relief is flattened
NECK_JOINT = (0.50, 0.80, 0.20)  # units: where the head turns
# Depth of the 157 landmarks in thousandths of a unit: the average of 600 frontal faces of the training pictures as
# FaceMesh sees them, made symmetric.
_DEPTH = (
    -47, -41, -14, 32, 84, 135, 190, 234, 255, 260, 252, 231, 193, 151, 116, 88, 59, 39, 32, 39, 59, 88, 116, 151, 193,
    231, 252, 260, 255, 234, 190, 135, 84, 32, -14, -41, 23, 0, -24, -46, -61, -64, -61, -46, -24, 0, 23, 10, -8, -23,
    -36, -38, -36, -23, -8, 10, 16, 3, -14, -28, -39, -42, -39, -28, -14, 3, 16, 8, -7, -20, -30, -34, -30, -20, -7, 8,
    34, 23, 15, 6, 0, -1, 3, 8, 12, 12, 8, 4, 6, 12, 20, 26, 34, 23, 15, 6, 0, -1, 3, 8, 12, 12, 8, 4, 6, 12, 20, 26,
    35, 0, -27, -51, -63, -52, -45, -30, -11, 14, -63, -51, -27, 0, 35, 14, -11, -30, -45, -52, -57, -73, -92, -112,
    -134, -143, -133, -69, -37, -37, -64, -64, -23, -23, 15, 15, -5, -5, 44, 44, -7, -7, -17, -17, -66, -59, -59, -11,
    -14,
)  # fmt: skip
# The rest of the head and the neck: x, y, depth in units.
_AROUND = (
    (0.50, 0.13, 0.00), (0.36, 0.15, 0.05), (0.64, 0.15, 0.05), (0.50, 0.02, 0.12), (0.34, 0.06, 0.17),
    (0.66, 0.06, 0.17), (0.50, -0.06, 0.24), (0.24, 0.14, 0.22), (0.76, 0.14, 0.22), (0.18, 0.30, 0.28),
    (0.82, 0.30, 0.28), (0.17, 0.48, 0.30), (0.83, 0.48, 0.30), (0.18, 0.62, 0.31), (0.82, 0.62, 0.31),
    (0.50, 1.00, 0.12), (0.36, 0.98, 0.20), (0.64, 0.98, 0.20), (0.50, 1.15, 0.12), (0.25, 1.10, 0.26),
    (0.75, 1.10, 0.26), (-0.1, 0.50, 0.32), (1.10, 0.50, 0.32), (0.50, -0.3, 0.32), (0.00, 0.00, 0.32),
    (1.00, 0.00, 0.32), (0.00, 1.40, 0.30), (1.00, 1.40, 0.30), (0.20, 0.80, 0.30), (0.80, 0.80, 0.30),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Relief:
    """What the turning needs to know of the actor.

    Attributes:
        x: units of every ``STEP_PX``-th canvas pixel, (rows, columns).
        y: the same.
        z: depth in units.
        head: 1 where it goes with the head, 0 where it goes with the body.
        brows: units by which raised brows lift it.
    """

    x: Array
    y: Array
    z: Array
    head: Array
    brows: Array


def build_relief(landmarks: Array) -> Relief:
    """Give the portrait the depth of an average head."""
    around = np.array(_AROUND)
    places = np.concatenate([landmarks, around[:, :2]]).astype(np.float64)
    depths = np.concatenate([np.array(_DEPTH) / 1000.0, around[:, 2]])
    x, y = grid(step_px=STEP_PX)
    z = np.clip(_thin_plate(places, depths, x, y), -0.15, 0.34)
    z = np.minimum(z, SIDE_DEPTH + 0.35 * (z - SIDE_DEPTH))  # what turns away fast would fold over when the head turns
    z = blur(z.astype(np.float32), 2.2)
    chin_y = float(landmarks[topology.CHIN, 1])
    return Relief(x, y, z, ramp(chin_y + 0.17, chin_y - 0.03, y), _lift_brows(landmarks, x, y))


def _lift_brows(landmarks: Array, x: Array, y: Array) -> Array:
    lift = np.zeros_like(x)
    for brow in (topology.BROW_LEFT, topology.BROW_RIGHT):
        at_x, at_y = landmarks[brow].mean(0)
        lift = np.maximum(lift, BROW_LIFT * bell(x - at_x, 0.13) * bell(y - at_y + 0.01, 0.062))
    return blur(lift, 1.0)


def _thin_plate(places: NDArray[np.float64], values: NDArray[np.float64], x: Array, y: Array) -> NDArray[np.float64]:
    """The smoothest surface near the given values (thin-plate spline, Duchon, 1977)."""

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        squared = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.asarray(0.5 * squared * np.log(squared + 1e-12))

    def plane(a: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.ones(len(a)), a])

    count = len(places)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(places, places) + 2e-3 * np.eye(count)
    system[:count, count:] = plane(places)
    system[count:, :count] = plane(places).T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros(3)]))
    wanted = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    return np.asarray((kernel(wanted, places) @ weights[:count] + plane(wanted) @ weights[count:]).reshape(x.shape))


def turn(relief: Relief, moment: Moment) -> tuple[Array, Array]:
    """Where every place of the relief is seen: x and y in units, as if the canvas itself were looked at."""
    yaw, pitch, roll = np.radians([moment.yaw_deg, moment.pitch_deg, moment.roll_deg])
    x, z = relief.x - NECK_JOINT[0], relief.z - NECK_JOINT[2]
    y = relief.y - moment.brows * relief.brows - NECK_JOINT[1]
    x, z = x * np.cos(yaw) - z * np.sin(yaw), x * np.sin(yaw) + z * np.cos(yaw)
    y, z = y * np.cos(pitch) - z * np.sin(pitch), y * np.sin(pitch) + z * np.cos(pitch)
    x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
    near = CAMERA_DISTANCE / (CAMERA_DISTANCE + z)
    head_x = NECK_JOINT[0] + x * near + moment.sway[0]
    head_y = NECK_JOINT[1] + y * near + moment.sway[1]
    lean = 0.12 * roll
    body_x = relief.x + 0.6 * moment.sway[0] - lean * (relief.y - 1.4)
    body_y = relief.y + 0.6 * moment.sway[1] + lean * (relief.x - 0.5)
    seen_x, seen_y = (body + (head - body) * relief.head for body, head in ((body_x, head_x), (body_y, head_y)))
    larger = 1.0 + moment.nearer
    return (0.5 + (seen_x - 0.5) * larger).astype(np.float32), (0.9 + (seen_y - 0.9) * larger).astype(np.float32)


def look_up(
    seen: tuple[Array, Array], size_wh: tuple[int, int], units_to_frame: NDArray[np.float64]
) -> tuple[Array, Array]:
    """For every pixel of the frame, the canvas pixel that is seen there.

    The turning is inverted by a fixed-point iteration on every ``STEP_PX``-th pixel.

    Args:
        seen: what ``turn`` gave.
        size_wh: of the frame.
        units_to_frame: (2, 3), scale and shift only.
    """
    scale = units_to_frame[0, 0]
    rows, columns = size_wh[1] // STEP_PX + 2, size_wh[0] // STEP_PX + 2
    frame_y, frame_x = np.mgrid[0:rows, 0:columns].astype(np.float32) * STEP_PX
    wanted_x = (frame_x - units_to_frame[0, 2]) / scale
    wanted_y = (frame_y - units_to_frame[1, 2]) / scale
    x, y = wanted_x.astype(np.float32), wanted_y.astype(np.float32)
    for _ in range(20):
        column, row = (x - LEFT) * UNIT_PX / STEP_PX, (y - TOP) * UNIT_PX / STEP_PX
        off_x = _at(seen[0], column, row) - wanted_x
        off_y = _at(seen[1], column, row) - wanted_y
        x = np.clip(x - 0.85 * off_x, LEFT, LEFT + WIDTH_PX / UNIT_PX).astype(np.float32)
        y = np.clip(y - 0.85 * off_y, TOP, TOP + HEIGHT_PX / UNIT_PX).astype(np.float32)
    fine_y, fine_x = np.mgrid[0 : size_wh[1], 0 : size_wh[0]].astype(np.float32) / STEP_PX
    return _at((x - LEFT) * UNIT_PX, fine_x, fine_y), _at((y - TOP) * UNIT_PX, fine_x, fine_y)


def _at(field: Array, column: Array, row: Array) -> Array:
    return np.asarray(
        cv2.remap(np.ascontiguousarray(field, np.float32), column.astype(np.float32), row.astype(np.float32),
                  cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)  # fmt: skip
