"""Who a face is, as a vector (ArcFace: Deng et al., 2019)."""

from __future__ import annotations

import numpy as np

from vcam.errors import SwapError
from vcam.geometry import ARCFACE_112, align, frame_to_crop_from
from vcam.imaging import to_blob
from vcam.inference import Net
from vcam.types import Embedding, Image, Points

CROP_PX = 112


class Embedder:
    """Turns a face into an identity embedding; see ``embedder.onnx`` in the pack's cards.

    Args:
        net: input ``crop`` [1, 3, 112, 112] (``arcface_112`` template); output ``embedding`` [1, 512].
    """

    def __init__(self, net: Net) -> None:
        self._net = net

    def __call__(self, image: Image, landmarks5: Points) -> Embedding:
        """The embedding of the face at ``landmarks5``.

        Args:
            image: uint8 (H, W, 3) BGR.
            landmarks5: float32 (5, 2) px in the image.

        Returns:
            float32 (512,) of unit length.

        Raises:
            SwapError: the network's answer is not a direction (zero or not finite).
        """
        crop = align(image, frame_to_crop_from(landmarks5, CROP_PX, ARCFACE_112), CROP_PX)
        raw_embedding = self._net.run(crop=to_blob(crop))["embedding"][0]
        length = float(np.linalg.norm(raw_embedding))
        if not np.isfinite(length) or length < 1e-6:
            raise SwapError(f"the embedder gave a vector of length {length}: no identity can be read from this face")
        return np.asarray(raw_embedding / length, np.float32)
