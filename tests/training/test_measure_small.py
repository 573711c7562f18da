"""The figures of the small nets: verification and timing on numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from vcam.training import measure_small

pytestmark = pytest.mark.train


def test_verification_of_separable_scores_is_perfect() -> None:
    same = np.arange(200) % 2 == 0
    figures = measure_small.verification(np.where(same, 0.6, 0.1), same)
    assert figures["accuracy"] == 1.0
    assert figures["tar_at_far_1e3"] == 1.0
    assert figures["cosine_same"] == pytest.approx(0.6)


def test_verification_of_useless_scores_is_chance() -> None:
    same = np.arange(4000) % 2 == 0
    figures = measure_small.verification(np.random.default_rng(0).uniform(-0.2, 0.9, 4000), same)
    assert figures["accuracy"] == pytest.approx(0.5, abs=0.03)


def test_openings_are_relative_to_widths() -> None:
    points = np.zeros((1, 157, 2))
    points[0, measure_small.topology.MOUTH_RIGHT] = [20, 0]
    points[0, measure_small.topology.LIP_LOWER] = [10, 5]
    points[0, measure_small.topology.LIP_UPPER] = [10, 0]
    assert measure_small._mouth_opening(points) == pytest.approx([0.25])
