"""What is asked for leans away from what the swaps have and the source has not."""

from __future__ import annotations

import numpy as np
import pytest

from vcam.errors import SwapError
from vcam.swap.likeness import FIRST_LOOKS, Likeness, composite, leant, louder

SIZE = 64
PICTURE = np.full((SIZE, SIZE, 3), 128, np.uint8)


def unit(*numbers: float) -> np.ndarray:
    vector = np.zeros(512, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


WANTED, NOBODY = unit(1), unit(0, 1)


def style_of(embedding: np.ndarray, louder: float = 0.0) -> np.ndarray:
    return (1 + 0.25 * np.float32(louder)) * embedding[None, :4]


class Generator:
    """Shows this share of what it was asked for, and nobody for the rest."""

    def __init__(self, share: float = 0.6) -> None:
        self.share, self.asked, self.fails, self.looked = share, WANTED[None, :4], False, 0

    def __call__(self, picture: np.ndarray, landmarks5: np.ndarray) -> np.ndarray:
        assert picture.shape == (SIZE, SIZE, 3)
        assert (landmarks5 > 0).all()
        assert (landmarks5 < SIZE).all()
        self.looked += 1
        if self.fails:
            raise SwapError("no identity can be read from this face")
        return unit(*(self.share * self.asked[0] + (1 - self.share) * NOBODY[:4]))

    def wear(self, likeness: Likeness, frames: int) -> list[np.ndarray]:
        """The styles of so many frames, each looked at when that is due."""
        worn = []
        for _ in range(frames):
            self.asked = likeness.style()
            worn.append(self.asked)
            if likeness.is_due():
                likeness.look(PICTURE)
        return worn


def likeness_with(generator: Generator) -> Likeness:
    return Likeness(WANTED, style_of, generator)


def test_what_is_asked_for_leans_away_from_what_is_seen_instead() -> None:
    asked = leant(WANTED, unit(0.8, 0.6))
    assert asked[1] < 0 < asked[0]
    assert np.linalg.norm(asked) == pytest.approx(1)
    np.testing.assert_allclose(leant(WANTED, WANTED), WANTED)


def test_only_who_is_hardly_told_is_worn_louder() -> None:
    assert louder(1.0) == louder(0.59) == 0
    assert 0 < louder(0.57) < louder(0.55) < louder(0.2) == louder(-1.0)


def test_a_source_that_is_hardly_told_is_worn_louder_and_then_told_better() -> None:
    generator = Generator(share=0.3)
    first, *_, last = generator.wear(likeness_with(generator), FIRST_LOOKS + 1)
    assert 1.1 < np.linalg.norm(last) <= 1 + 0.25 * louder(-1)
    seen = []
    for generator.asked in (first, last):
        seen.append(float(generator(PICTURE, np.ones((5, 2))) @ WANTED))
    assert seen[1] > seen[0] + 0.1


def test_a_source_that_is_told_at_once_is_worn_as_it_is() -> None:
    generator = Generator(share=0.9)
    assert np.linalg.norm(generator.wear(likeness_with(generator), FIRST_LOOKS + 1)[-1]) == pytest.approx(1)


def test_the_swaps_come_nearer_to_the_source_and_stay_there() -> None:
    generator = Generator()
    likeness = likeness_with(generator)
    shown = []
    for style in generator.wear(likeness, 200):
        generator.asked = style
        shown.append(float(generator(PICTURE, np.ones((5, 2)))[0]))
    assert shown[0] < shown[FIRST_LOOKS] - 0.05
    assert shown[-1] == pytest.approx(shown[FIRST_LOOKS], abs=0.05)
    assert max(shown) < 1


def test_the_first_frames_are_looked_at_and_later_ones_seldom() -> None:
    generator = Generator()
    likeness = likeness_with(generator)
    generator.wear(likeness, FIRST_LOOKS)
    assert generator.looked == FIRST_LOOKS
    generator.wear(likeness, 300)
    assert FIRST_LOOKS + 8 <= generator.looked <= FIRST_LOOKS + 10


def test_once_it_is_seen_the_worn_face_never_jumps() -> None:
    generator = Generator(share=0.9)
    likeness = likeness_with(generator)
    generator.wear(likeness, 100)
    generator.share = 0.2  # somebody else takes the chair
    steps = np.abs(np.diff(np.concatenate(generator.wear(likeness, 400)), axis=0)).max(1)
    assert 0 < steps.max() < 0.03
    assert steps[-1] < 1e-3


def test_a_face_that_cannot_be_told_changes_nothing() -> None:
    generator = Generator()
    generator.fails = True
    likeness = likeness_with(generator)
    for style in generator.wear(likeness, 40):
        np.testing.assert_array_equal(style, style_of(WANTED))
    assert generator.looked == FIRST_LOOKS + 1  # it costs as much as a look that tells


def test_a_face_that_is_told_late_is_followed_slowly() -> None:
    generator = Generator(share=0.3)
    generator.fails = True
    likeness = likeness_with(generator)
    generator.wear(likeness, FIRST_LOOKS)
    generator.fails = False
    steps = np.abs(np.diff(np.concatenate(generator.wear(likeness, 200)), axis=0)).max(1)
    assert 0 < steps.max() < 0.06


def test_a_swap_is_seen_over_its_target() -> None:
    target, swap = np.zeros_like(PICTURE), np.full_like(PICTURE, 200)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[:, 32:], mask[:, 31] = 1, 0.5
    seen = composite(target, swap, mask)
    assert [int(seen[5, x, 0]) for x in (10, 31, 50)] == [0, 100, 200]
