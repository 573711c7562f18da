"""What the style loses for who wears it: at once where that is known, slowly where it changes."""

from __future__ import annotations

import numpy as np
import pytest

from vcam.swap.wearer import Away

STYLE = np.full((1, 4), 2.0, np.float32)
FIRST, SECOND = (np.full(512, value, np.float32) for value in (1, 3))


class Looks:
    """Says of a wearer what the style loses: its first number; and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, wearer: np.ndarray) -> np.ndarray:
        self.asked += 1
        return np.full((1, 4), wearer[0], np.float32)


def test_a_wearer_known_from_the_first_frame_counts_at_once_and_is_looked_at_once() -> None:
    looks = Looks()
    away = Away(looks)
    for _ in range(3):
        np.testing.assert_allclose(away(STYLE, FIRST), STYLE - 1)
    assert looks.asked == 1


@pytest.mark.parametrize(("before", "begins_at"), [(None, 2.0), (FIRST, 1.0)])
def test_another_wearer_counts_without_a_jump(before: np.ndarray | None, begins_at: float) -> None:
    away = Away(Looks())
    worn = [float(away(STYLE, before)[0, 0])]
    worn += [float(away(STYLE, SECOND)[0, 0]) for _ in range(60)]
    steps = -np.diff(worn)
    assert worn[0] == begins_at
    assert (steps > 0).all()
    assert steps.max() < 0.2 * (begins_at + 1)
    assert worn[-1] == pytest.approx(-1, abs=1e-3)


def test_nobody_known_changes_nothing_and_a_lost_wearer_is_remembered() -> None:
    away = Away(Looks())
    np.testing.assert_allclose(away(STYLE, None), STYLE)
    remembering = Away(Looks())
    remembering(STYLE, FIRST)
    np.testing.assert_allclose(remembering(STYLE, None), STYLE - 1)
    np.testing.assert_allclose(remembering(3 * STYLE, None), 3 * STYLE - 1)  # another source, the same wearer
