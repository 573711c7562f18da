"""Who wears the face: what the style loses for it, without a step from frame to frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vcam.swap.generate import Style
from vcam.types import Embedding

_EASE = 0.15  # of what is missing, each frame: half of it within four


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

    def __call__(self, style: Style, wearer: Embedding | None) -> Style:
        """The style without it.

        Args:
            style: of the source, (1, K).
            wearer: float32 (512,) of unit length; None while nobody knows: then what was taken last is taken.
        """
        if wearer is not None and wearer is not self._wearer:
            self._wearer, self._goal = wearer, self._away_of(wearer)
        if self._taken is None:
            self._taken = np.zeros_like(style) if self._goal is None else self._goal
        elif self._goal is not None:
            self._taken = self._taken + _EASE * (self._goal - self._taken)
        return style - self._taken
