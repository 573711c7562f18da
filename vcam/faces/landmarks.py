"""Dense landmarks of one face whose place is roughly known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcam.geometry import align, frame_to_crop_from, invert, transform
from vcam.imaging import Blob, to_blob
from vcam.inference import Net
from vcam.types import Image, Points

CROP_PX = 128


@dataclass(frozen=True, slots=True)
class Fit:
    """What the landmark net says of a face.

    Attributes:
        landmarks: float32 (157, 2) px in the frame, in the order of ``vcam.topology``.
        pose: float32 (3,) yaw, pitch, roll of the head in degrees, in the crop.
        visibility: 0..1, whether a usable face really is there.
    """

    landmarks: Points
    pose: NDArray[np.float32]
    visibility: float


class LandmarkFitter:
    """Fits the dense landmarks to a face; see ``landmarks.onnx`` in the pack's cards.

    Args:
        net: input ``crop`` [1, 3, 128, 128] (``ffhq_512`` template); outputs ``landmarks`` [1, 157, 2] in crop
            px, ``pose`` [1, 3] and ``visibility`` [1, 1].
    """

    def __init__(self, net: Net) -> None:
        self._net = net
        self._blob: Blob = np.empty((1, 3, CROP_PX, CROP_PX), np.float32)

    def __call__(self, image: Image, landmarks5: Points) -> Fit:
        """Fit the face near ``landmarks5``: last frame's five points, or the detector's.

        Args:
            image: uint8 (H, W, 3) BGR.
            landmarks5: float32 (5, 2) px in the frame.

        Raises:
            ValueError: the five points are all the same or not finite.
        """
        frame_to_crop = frame_to_crop_from(landmarks5, CROP_PX)
        found = self._net.run(crop=to_blob(align(image, frame_to_crop, CROP_PX), out=self._blob))
        landmarks = transform(found["landmarks"][0], invert(frame_to_crop))
        return Fit(landmarks, found["pose"][0], float(found["visibility"][0, 0]))
