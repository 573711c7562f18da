"""Steady landmarks without lag: the One-Euro filter, applied to the head's motion and to the face's shape.

The 1-Euro filter (Casiez, Roussel and Vogel, CHI 2012) is a low-pass whose cut-off rises with speed: still
things are held, moving things are followed. Head motion (shift, turn, size: common to all points) and shape
(lids, lips, brows: each point for itself) have different speeds and noise, so each has a filter of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcam.geometry import invert, similarity, transform
from vcam.topology import EYE_LEFT, EYE_RIGHT
from vcam.types import Affine, Points

# All lengths inside are in inter-eye distances, so the constants hold for near and far faces.
MIN_CUTOFF_HZ = 1.0  # at rest: time constant 0.16 s
MOTION_BETA = 45.0  # Hz per eye distance / s: a slow turn (0.5 / s) lags 5 ms
SHAPE_BETA = 30.0  # a blink lags 15 ms, half a frame
SPEED_FLOOR = 0.2  # eye distances / s; what fits that tremble by 1 % seem to move
SPEED_CUTOFF_HZ = 2.0  # of the speed estimate itself
GAP_S = 0.5  # after a longer gap there is nothing to be continuous with


class OneEuro:
    """A 1-Euro filter over an array, the last axis of which is one moving thing (x, y).

    Args:
        min_cutoff_hz: cut-off at rest; lower is steadier.
        beta: Hz by which the cut-off rises per unit of speed; higher lags less.
        speed_floor: speeds up to this are taken for noise and do not raise the cut-off.
        speed_cutoff_hz: cut-off of the speed estimate.
    """

    def __init__(self, min_cutoff_hz: float, beta: float, speed_floor: float = 0.0,
                 speed_cutoff_hz: float = SPEED_CUTOFF_HZ) -> None:  # fmt: skip
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._speed_floor = speed_floor
        self._speed_cutoff_hz = speed_cutoff_hz
        self._at: float | None = None
        self._value = np.zeros(0)
        self._velocity = np.zeros(0)

    def __call__(self, value: NDArray[np.floating], at: float) -> NDArray[np.float64]:
        """The filtered value.

        Args:
            value: float (..., D).
            at: time of the value in seconds; must rise.
        """
        new = np.asarray(value, np.float64)
        if self._at is None:
            self._value, self._velocity = new, np.zeros_like(new)
        elif at > self._at:
            step_s = at - self._at
            velocity = (new - self._value) / step_s
            self._velocity = self._velocity + _weight(self._speed_cutoff_hz, step_s) * (velocity - self._velocity)
            speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
            cutoff_hz = self._min_cutoff_hz + self._beta * np.maximum(speed - self._speed_floor, 0)
            self._value = self._value + _weight(cutoff_hz, step_s) * (new - self._value)
        self._at = at
        return self._value

    def reset(self) -> None:
        """Forget the past: the next value is taken as it is."""
        self._at = None


def _weight(cutoff_hz: float | NDArray[np.float64], step_s: float) -> NDArray[np.float64]:
    """Weight of the new value in a first-order low-pass."""
    turn = 2 * np.pi * np.asarray(cutoff_hz) * step_s
    return np.asarray(turn / (turn + 1))


class LandmarkSmoother:
    """Smooths dense landmarks over time; one instance for one tracked face."""

    def __init__(self) -> None:
        self._motion = OneEuro(MIN_CUTOFF_HZ, MOTION_BETA, SPEED_FLOOR)
        self._shape = OneEuro(MIN_CUTOFF_HZ, SHAPE_BETA, SPEED_FLOOR)
        self._reference: Points | None = None  # the first shape, round its centre, in eye distances
        self._unit_px = 1.0  # the first eye distance
        self._at = 0.0

    def __call__(self, landmarks: Points, at: float) -> Points:
        """The smoothed landmarks.

        Args:
            landmarks: float32 (157, 2) px in the frame.
            at: the frame's ``captured_at`` in seconds.

        Returns:
            float32 (157, 2) px in the frame.
        """
        if self._reference is None or at - self._at > GAP_S or at < self._at:
            self._start(landmarks)
        self._at = at
        face_to_frame = similarity(self._reference, landmarks)  # type: ignore[arg-type]
        shape = self._shape(transform(landmarks, invert(face_to_frame)), at)
        return transform(shape, self._smooth_motion(face_to_frame, at))

    def _start(self, landmarks: Points) -> None:
        self._motion.reset()
        self._shape.reset()
        self._unit_px = max(eye_distance(landmarks), 1.0)
        self._reference = (landmarks - landmarks.mean(0)) / self._unit_px

    def _smooth_motion(self, face_to_frame: Affine, at: float) -> Affine:
        a, b = face_to_frame[0, 0], face_to_frame[1, 0]
        motion = np.array([*(face_to_frame[:, 2] / self._unit_px), np.log(np.hypot(a, b)), np.arctan2(b, a)])
        x, y, log_scale, turn = self._motion(motion, at)
        a, b = np.exp(log_scale) * np.cos(turn), np.exp(log_scale) * np.sin(turn)
        return np.array([[a, -b, x * self._unit_px], [b, a, y * self._unit_px]])


def eye_distance(landmarks: Points) -> float:
    """Distance between the eyes' centres, in the unit of the landmarks (157, 2)."""
    return float(np.linalg.norm(landmarks[EYE_RIGHT].mean(0) - landmarks[EYE_LEFT].mean(0)))


@dataclass(frozen=True, slots=True)
class SmoothingFigures:
    """How steady and how late a smoother is.

    Attributes:
        jitter_in: standard deviation of the input of a still face, in per cent of the eye distance.
        jitter_out: the same after smoothing.
        motion_lag_ms: delay of a head that moves at a constant ``speed``.
        blink_lag_ms: delay with which the lids' opening passes its half way down.
    """

    jitter_in: float
    jitter_out: float
    motion_lag_ms: float
    blink_lag_ms: float


def measure_smoothing(make: Callable[[], Callable[[Points, float], Points]], shape: Points, fps: float = 30.0,
                      noise: float = 0.01, speed: float = 1.0) -> SmoothingFigures:  # fmt: skip
    """Jitter and lag of a smoother on a drawn face.

    Args:
        make: gives a fresh smoother.
        shape: float32 (157, 2) px, a face.
        fps: frame rate.
        noise: standard deviation of each point, as a fraction of the eye distance; half of the variance is
            common to all points, as in real fits.
        speed: of the moving head, eye distances per second.
    """
    random = np.random.default_rng(0)
    unit_px = eye_distance(shape)
    seconds = np.arange(int(4 * fps)) / fps
    late = seconds > 2  # the filter has settled

    def tremble() -> Points:
        own, common = random.standard_normal(shape.shape), random.standard_normal((1, 2))
        return np.asarray((own + common) * (noise * unit_px / np.sqrt(2)), np.float32)

    def smooth(inputs: list[Points]) -> NDArray[np.float32]:
        smoother = make()
        return np.asarray([smoother(points, at) for points, at in zip(inputs, seconds, strict=True)], np.float32)

    still = [shape + tremble() for _ in seconds]
    jitter_in, jitter_out = (
        100 * float(np.std(values[late], axis=0).mean()) / unit_px for values in (np.stack(still), smooth(still))
    )
    path = np.outer(seconds * speed * unit_px, [1.0, 0.0])
    moved = smooth([shape + step.astype(np.float32) + tremble() for step in path])
    behind_px = (path[:, 0] + shape[:, 0].mean() - moved[:, :, 0].mean(1))[late].mean()
    return SmoothingFigures(
        jitter_in, jitter_out, 1e3 * float(behind_px) / (speed * unit_px), _blink_lag_ms(smooth, shape, seconds)
    )


def _blink_lag_ms(smooth: Callable[[list[Points]], NDArray[np.float32]], shape: Points,
                  seconds: NDArray[np.float64]) -> float:  # fmt: skip
    """Delay of the half-way point of a lid that closes within 0.1 s."""
    closed_at, takes_s = 2.5, 0.1
    middle = shape[EYE_LEFT].mean(0)
    openness = np.clip(1 - (seconds - closed_at) / takes_s, 0.1, 1)
    inputs = []
    for value in openness:
        points = shape.copy()
        points[EYE_LEFT, 1] = middle[1] + (points[EYE_LEFT, 1] - middle[1]) * value
        inputs.append(points)
    heights = [np.ptp(values[:, EYE_LEFT, 1], axis=1) for values in (np.asarray(inputs), smooth(inputs))]
    half = (heights[0].max() + heights[0].min()) / 2
    closing = (seconds >= closed_at - 0.05) & (seconds < closed_at + 0.6)
    crossed = [float(np.interp(half, height[closing][::-1], seconds[closing][::-1])) for height in heights]
    return 1e3 * (crossed[1] - crossed[0])
