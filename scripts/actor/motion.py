"""What the actor does: every movement as a smooth function of time that repeats after ``LOOP_S``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LOOP_S = 8.0

# Wave tables: (turns per loop, amplitude, phase in turns); whole turns make the loop seamless.
_YAW_DEG = ((1, 15.0, 0.02), (2, 4.0, 0.25), (3, 4.5, 0.90), (7, 0.5, 0.10))
_PITCH_DEG = ((1, 4.0, 0.30), (3, 3.2, 0.05), (5, 1.5, 0.50), (9, 0.4, 0.80))
_ROLL_DEG = ((1, 3.4, 0.45), (2, 2.0, 0.95), (5, 0.7, 0.20))
_SWAY_X = ((1, 0.030, 0.05), (2, 0.014, 0.40))
_SWAY_Y = ((2, 0.008, 0.15), (3, 0.005, 0.70))
_NEARER = ((1, 0.018, 0.60), (2, 0.008, 0.10))


class MouthShape(NamedTuple):
    """How far the mouth is from rest, in units.

    Attributes:
        jaw: by how much the jaw has dropped.
        apart: of the corners; negative when the lips are pursed.
        corners: by how much they are raised.
        upper: by how much the upper lip is raised.
        lower: by how much the lower lip is lowered, beyond the jaw.
    """

    jaw: float
    apart: float
    corners: float
    upper: float
    lower: float


_SHAPES = {
    "rest": MouthShape(0.000, 0.000, 0.000, 0.000, 0.000),
    "press": MouthShape(0.000, -0.002, 0.000, 0.000, 0.000),
    "a": MouthShape(0.062, 0.000, 0.000, 0.006, 0.004),
    "e": MouthShape(0.026, 0.012, 0.004, 0.006, 0.005),
    "o": MouthShape(0.040, -0.020, 0.000, 0.005, 0.002),
    "u": MouthShape(0.018, -0.026, 0.000, 0.004, 0.002),
    "f": MouthShape(0.012, 0.004, 0.001, 0.006, -0.002),
    "wide": MouthShape(0.078, 0.004, 0.000, 0.008, 0.006),
    "smile": MouthShape(0.004, 0.022, 0.014, 0.002, 0.000),
    "grin": MouthShape(0.020, 0.024, 0.015, 0.008, 0.004),
}
# (second at which the shape is reached, shape); between them the mouth moves smoothly.
_SPEECH = (
    (0.30, "rest"), (0.45, "e"), (0.58, "press"), (0.74, "a"), (0.88, "e"), (1.02, "u"), (1.18, "a"), (1.30, "press"),
    (1.46, "o"), (1.62, "e"), (1.78, "f"), (1.94, "a"), (2.10, "e"), (2.24, "rest"), (2.62, "rest"), (2.78, "o"),
    (2.94, "u"), (3.10, "e"), (3.22, "press"), (3.42, "wide"), (3.62, "a"), (3.78, "f"), (3.94, "e"), (4.10, "rest"),
    (4.34, "smile"), (4.90, "smile"), (5.10, "grin"), (5.50, "grin"), (5.72, "rest"), (5.86, "press"), (6.02, "a"),
    (6.18, "o"), (6.32, "e"), (6.46, "press"), (6.62, "e"), (6.78, "a"), (6.94, "u"), (7.10, "e"), (7.28, "rest"),
    (8.30, "rest"),
)  # fmt: skip
_BLINKS_S = (0.95, 2.45, 4.05, 5.95, 7.45)
_BLINK_DOWN_S, _SHUT_S, _BLINK_UP_S = 0.085, 0.03, 0.17
_GAZE = ((0.0, 0.0, 0.0), (1.45, 0.0, 0.0), (1.55, 9.0, -3.0), (2.35, 9.0, -3.0), (2.45, 0.0, 0.0), (5.90, 0.0, 0.0),
         (6.00, -8.0, 2.0), (6.70, -8.0, 2.0), (6.80, 0.0, 0.0), (8.0, 0.0, 0.0))  # fmt: skip
_BROWS = ((0.70, 0.35, 1.0), (3.45, 0.55, 1.0), (5.05, 0.50, 0.6), (6.55, 0.35, 0.7))  # (second, half width, height)


@dataclass(frozen=True, slots=True)
class Moment:
    """The actor at one time.

    Attributes:
        yaw_deg: of the head; positive turns the nose to the image's right.
        pitch_deg: positive lowers the chin.
        roll_deg: positive leans the head to the image's right.
        sway: x, y in units.
        nearer: share by which the actor is larger.
        mouth: its shape.
        lids: 0 open, 1 closed.
        gaze_deg: to the image's right and down, on top of looking into the camera.
        brows: 0 at rest, 1 raised.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sway: tuple[float, float]
    nearer: float
    mouth: MouthShape
    lids: float
    gaze_deg: tuple[float, float]
    brows: float


def moment_at(time_s: float) -> Moment:
    """The actor at a time; the same again after ``LOOP_S``."""
    t = time_s % LOOP_S
    gaze = np.array(_GAZE)
    return Moment(
        yaw_deg=_wave(_YAW_DEG, t),
        pitch_deg=_wave(_PITCH_DEG, t),
        roll_deg=_wave(_ROLL_DEG, t),
        sway=(_wave(_SWAY_X, t), _wave(_SWAY_Y, t)),
        nearer=_wave(_NEARER, t),
        mouth=_mouth_at(t),
        lids=max(_blink(t - at) for at in _BLINKS_S),
        gaze_deg=(float(np.interp(t, gaze[:, 0], gaze[:, 1])), float(np.interp(t, gaze[:, 0], gaze[:, 2]))),
        brows=sum(height * float(np.exp(-(((t - at) / half) ** 2))) for at, half, height in _BROWS),
    )


def _wave(table: tuple[tuple[int, float, float], ...], t: float) -> float:
    return float(sum(size * np.sin(2 * np.pi * (turns * t / LOOP_S + phase)) for turns, size, phase in table))


def _mouth_at(t: float) -> MouthShape:
    """The shape between two of the table's, averaged over the time in which lips cannot but run on."""
    times = np.array([at for at, _ in _SPEECH])
    shapes = np.array([_SHAPES[name] for _, name in _SPEECH])
    around = t + np.linspace(-0.05, 0.05, 5)
    return MouthShape(*(float(np.interp(around, times, column).mean()) for column in shapes.T))


def _blink(since_s: float) -> float:
    """Down fast, up slower."""
    share = 1 + since_s / _BLINK_DOWN_S if since_s < 0 else 1 - max(since_s - _SHUT_S, 0.0) / _BLINK_UP_S
    share = float(np.clip(share, 0.0, 1.0))
    return share * share * (3 - 2 * share)
