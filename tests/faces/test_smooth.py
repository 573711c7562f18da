"""Landmark smoothing: steady when still, prompt when moving."""

from __future__ import annotations

import numpy as np
import pytest

from draw_faces import face_landmarks
from vcam.faces.smooth import GAP_S, LandmarkSmoother, OneEuro, measure_smoothing

SHAPE = face_landmarks(256)


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_jitter_and_lag(fps: float) -> None:
    figures = measure_smoothing(LandmarkSmoother, SHAPE, fps=fps)
    assert figures.jitter_out <= 0.5 * figures.jitter_in
    assert figures.motion_lag_ms <= 8
    assert figures.blink_lag_ms <= 25


def test_small_noise_is_taken_out_further() -> None:
    figures = measure_smoothing(LandmarkSmoother, SHAPE, noise=0.003)
    assert figures.jitter_out <= 0.35 * figures.jitter_in


def test_still_input_is_left_alone() -> None:
    smoother = LandmarkSmoother()
    for index in range(30):
        smoothed = smoother(SHAPE, index / 30)
    np.testing.assert_allclose(smoothed, SHAPE, atol=0.01)


def test_turn_and_growth_are_followed() -> None:
    """Roll by 30 degrees and growth to double within a second."""
    smoother = LandmarkSmoother()
    for index in range(61):
        part = min(index / 30, 1)
        turn, scale = np.radians(30) * part, 1 + part
        matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        expected = ((SHAPE - 128) @ matrix.T + 200).astype(np.float32)
        smoothed = smoother(expected, index / 30)
        assert np.abs(smoothed - expected).max() < 6
    np.testing.assert_allclose(smoothed, expected, atol=0.5)


def test_gap_starts_afresh() -> None:
    smoother = LandmarkSmoother()
    smoother(SHAPE, 0.0)
    np.testing.assert_allclose(smoother(SHAPE + 300, GAP_S + 0.1), SHAPE + 300, atol=0.01)


def test_one_euro_holds_and_follows() -> None:
    slow, fast = OneEuro(1.0, 0.0), OneEuro(1.0, 50.0)
    for index in range(30):
        value = np.array([index * 1.0])
        held, followed = slow(value, index / 30), fast(value, index / 30)
    assert value[0] - held[0] > 3
    assert value[0] - followed[0] < 0.1
