"""Who wears the face: what the style loses for it, without a step from frame to frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vcam.swap.generate import Style
from vcam.types import Embedding

_EASE = 0.15  # of what is missing, each frame: half of it within four
_EASED = 60  # frames after which less than a ten-thousandth is missing


class Away:
    """Takes what is particular about the wearer's own face from the style that is worn.

    The tracker learns who the user is from several looks, and somebody else may take the chair: what is taken follows
    slowly, so that the worn face never jumps. A wearer known from the first frame counts at once.

    Args:
        away_of: what a style loses for a wearer, see ``Generator.away``; called when the wearer changes.
    """

    def __init__(self, away_of: Callable[[Embedding], Style]) -> None:
        self._away_of = away_of
        self._wearer: Embedding | None = None
        self._goal: Style | None = None
        self._taken: Style | None = None
        self._missing = 0  # frames until nothing is
        self._worn: tuple[Style, Style, Style] | None = None  # a style, what was taken from it, what was left

    def __call__(self, style: Style, wearer: Embedding | None) -> Style:
        """The style without it.

        Args:
            style: of the source, (1, K).
            wearer: float32 (512,) of unit length; None while nobody knows: then what was taken last is taken.
        """
        if wearer is not None and wearer is not self._wearer:
            self._wearer, self._goal, self._missing = wearer, self._away_of(wearer), _EASED
        if self._taken is None:
            self._taken = np.zeros_like(style) if self._goal is None else self._goal
        elif self._goal is not None and self._taken is not self._goal:
            self._missing -= 1
            self._taken = self._taken + _EASE * (self._goal - self._taken) if self._missing else self._goal
        if self._worn is None or self._worn[0] is not style or self._worn[1] is not self._taken:
            self._worn = style, self._taken, style - self._taken
        return self._worn[2]
