"""Which part of a crop is which part of the face, and what hides it."""

from __future__ import annotations

from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.geometry import align
from vcam.imaging import to_blob
from vcam.inference import Net
from vcam.types import Image, Mask

CROP_PX = 128


class Region(IntEnum):
    """The network's channels, in order."""

    OTHER = 0
    SKIN = 1
    BROWS = 2
    EYES = 3
    NOSE = 4
    LIPS = 5
    MOUTH = 6
    GLASSES = 7
    HAIR = 8


# What the swap replaces. Hair and everything else stay the user's own; glasses do not, for the face shows in them.
FACE = (Region.SKIN, Region.BROWS, Region.EYES, Region.NOSE, Region.LIPS, Region.MOUTH, Region.GLASSES)
HIDDEN_BELOW, SEEN_FROM = 0.2, 0.6  # probability of face: a pixel in doubt is rather swapped than shown bare

PARSED_EVERY = 2  # frames: hands move slower than lips
FADE_S = 0.04  # time constant over which what comes before the face fades in; what goes away is swapped at once
GAP_S = 0.3  # after a longer gap the past says nothing


class RegionParser:
    """Parses an aligned crop; see ``regions.onnx`` in the pack's cards.

    Args:
        net: input ``crop`` [1, 3, 128, 128] (``ffhq_512`` template); output ``regions`` [1, 9, h, w], softmax.
    """

    def __init__(self, net: Net) -> None:
        self._net = net

    def __call__(self, crop: Image) -> NDArray[np.float32]:
        """Probabilities of the regions.

        Args:
            crop: uint8 (S, S, 3) BGR, ``ffhq_512`` template.

        Returns:
            float32 (9, h, w), the sum over the first axis is 1.
        """
        if crop.shape[0] != CROP_PX:
            scale = CROP_PX / crop.shape[0]
            crop = align(crop, np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]]), CROP_PX)
        return np.asarray(self._net.run(crop=to_blob(crop))["regions"][0], np.float32)


def face_mask(regions: NDArray[np.float32]) -> Mask:
    """The occlusion mask: 1 where the face or its glasses are seen, 0 where a hand, hair or an object is before it.

    Args:
        regions: float32 (9, h, w) probabilities.

    Returns:
        float32 (h, w) 0..1; in doubt 1.
    """
    probability = regions[list(FACE)].sum(0)
    return np.asarray(np.clip((probability - HIDDEN_BELOW) / (SEEN_FROM - HIDDEN_BELOW), 0, 1), np.float32)


class Occlusion:
    """The occlusion mask of one face, frame after frame: parsed now and then, and steadied, or its edges would flicker.

    Args:
        parse: the parser; the crops it gets follow the face, so that a mask of the last frame still fits.
    """

    def __init__(self, parse: RegionParser) -> None:
        self._parse = parse
        self._found: Mask | None = None  # (h, w), as last parsed
        self._shown: Mask | None = None  # (h, w), on its way there
        self._age = 0  # frames since it was parsed
        self._at = 0.0

    def __call__(self, crop: Image, at: float) -> Mask:
        """The mask of one frame.

        Args:
            crop: uint8 (S, S, 3) BGR, ``ffhq_512`` template.
            at: time of the frame in seconds.

        Returns:
            float32 (h, w) 0..1 of the parser's own size, over the whole crop; 1 where the face is not hidden.
        """
        step_s = at - self._at
        fresh = self._found is None or not 0 <= step_s <= GAP_S
        self._age += 1
        if self._found is None or fresh or self._age >= PARSED_EVERY:
            self._found, self._age = face_mask(self._parse(crop)), 0
        if self._shown is None or fresh:
            self._shown = self._found
        else:
            weight = step_s / (step_s + FADE_S)
            faded = cv2.addWeighted(self._shown, 1 - weight, self._found, weight, 0)
            self._shown = np.asarray(cv2.max(faded, self._found), np.float32)
        self._at = at
        return self._shown
