"""Whom the swaps look like to a recogniser, and what the generator is asked for to make up for the rest."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from vcam.errors import SwapError
from vcam.geometry import FFHQ_512
from vcam.swap.generate import Style
from vcam.types import Embedding, Image, Mask, Points

FIRST_LOOKS = 4  # one a frame: what is worn settles before anybody has seen it
_MOST_LOOKS = 10  # the mean is over about so many
_GAIN = 0.5  # of what is missing
_FRAMES_BETWEEN = 30
_LIKE_ENOUGH = 0.58  # cosine of the swaps with the source from which on it is not worn louder
_LOUDER = 40.0  # for each unit of what is missing to it; see ``Generator.prepare``
_LOUDEST = 2.5
_EASE = np.float32(0.1)  # of what is missing, each frame: half of it within seven


class Likeness:
    """Keeps the swaps like the source that is worn.

    A generator ends short of the identity that it was asked for: something of the wearer stays, and of nobody in
    particular, more with one source and wearer than with another. So now and then the swap itself is embedded, and what
    is asked for leans away from what the swaps have and the source has not: proportional feedback on the mean of some
    looks. That is a matter of direction. Of strength too: most sources are told at once, and worn no louder than they
    must, for that is what takes expression away; others are hardly told, and are worn louder by what their looks miss.
    The style follows slowly, so that the worn face never jumps.

    Args:
        wanted: the source's identity, float32 (512,) of unit length.
        style_of: the style of an identity, worn so much louder, see ``Generator.prepare``.
        embed: identity of the face at five points of a picture; its ``SwapError`` means "cannot tell".
    """

    def __init__(
        self,
        wanted: Embedding,
        style_of: Callable[[Embedding, float], Style],
        embed: Callable[[Image, Points], Embedding],
    ) -> None:
        self._wanted, self._style_of, self._embed = wanted, style_of, embed
        self._goal = self._style = style_of(wanted, 0.0)
        self._seen: Embedding | None = None
        self._asked = 0  # times that a recogniser was
        self._looks = 0  # times that it could tell
        self._frames = 0  # since the last look

    def style(self) -> Style:
        """The style to be worn in the next frame, (1, K)."""
        if self._asked <= FIRST_LOOKS:
            self._style = self._goal
        else:
            self._style = self._style + _EASE * (self._goal - self._style)
        return self._style

    def is_due(self) -> bool:
        """Whether the frame that was just made should be looked at; called once for every frame."""
        self._frames += 1
        return self._asked < FIRST_LOOKS or self._frames >= _FRAMES_BETWEEN

    def look(self, picture: Image) -> None:
        """See how like the source a swap is.

        Args:
            picture: uint8 (S, S, 3) BGR, the swap over its target, ``ffhq_512`` template.
        """
        self._frames = 0
        self._asked += 1
        try:
            embedding = self._embed(picture, (FFHQ_512 * picture.shape[0]).astype(np.float32))
        except SwapError:
            return  # nobody can be told in this one
        self._looks = min(self._looks + 1, _MOST_LOOKS)
        before = embedding if self._seen is None else self._seen
        self._seen = np.asarray(before + (embedding - before) / self._looks, np.float32)
        self._goal = self._style_of(leant(self._wanted, self._seen), louder(float(self._wanted @ self._seen)))


def composite(target: Image, swap: Image, mask: Mask) -> Image:
    """The swap over the target, uint8 (S, S, 3) both; mask float32 (S, S), 1 = the swap."""
    return np.asarray(cv2.blendLinear(swap, target, mask, 1 - mask), np.uint8)


def leant(wanted: Embedding, seen: Embedding) -> Embedding:
    """The identity to ask for, where asking for ``wanted`` gave ``seen``; float32 (512,) of unit length."""
    asked = wanted + _GAIN * (wanted - seen)
    return np.asarray(asked / np.linalg.norm(asked), np.float32)


def louder(cosine: float) -> float:
    """How much louder a source is worn whose swaps have this cosine with it."""
    return min(max(_LOUDER * (_LIKE_ENOUGH - cosine), 0.0), _LOUDEST)
