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


# What the swap may replace. Glasses, hair and everything else stay the user's own.
FACE = (Region.SKIN, Region.BROWS, Region.EYES, Region.NOSE, Region.LIPS, Region.MOUTH)


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


def face_mask(regions: NDArray[np.float32], size: int) -> Mask:
    """The occlusion mask: 1 where the face itself is seen, 0 where a hand, hair or an object is before it.

    Args:
        regions: float32 (9, h, w) probabilities.
        size: side of the mask in px.

    Returns:
        float32 (size, size) 0..1.
    """
    visible = regions[list(FACE)].sum(0)
    return np.asarray(cv2.resize(visible, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
