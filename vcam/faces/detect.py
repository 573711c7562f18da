"""Faces in a whole frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.imaging import letterbox
from vcam.inference import Net
from vcam.types import Face, Image

# What the network looks at: a 16:9 frame fills it. A face 32 px tall on a 1280 px frame is 8 px there, the net's lower
# limit; one that fills the height is its upper limit, so frames of other shapes are made no higher.
FIELD_WH = (320, 192)
MIN_SCORE = 0.6  # 0..1; from here on one false box in some hundred pictures without a face
MAX_OVERLAP = 0.4  # intersection over union above which two boxes are one face (SCRFD's value)


class Detector:
    """Finds faces with five landmarks; see ``detector.onnx`` in the pack's cards.

    Args:
        net: input ``image`` [1, 3, H, W]; outputs ``scores`` [1, N], ``boxes`` [1, N, 4] and
            ``landmarks`` [1, N, 10], both in input px.
        min_score: faces below it are left out.
    """

    def __init__(self, net: Net, min_score: float = MIN_SCORE) -> None:
        self._net = net
        self._min_score = min_score

    def __call__(self, image: Image) -> tuple[Face, ...]:
        """All faces of a frame, the surest first.

        Args:
            image: uint8 (H, W, 3) BGR.
        """
        blob, scale = letterbox(image, FIELD_WH)
        found = self._net.run(image=blob)
        scores = found["scores"][0]
        sure = np.flatnonzero(scores >= self._min_score)
        boxes = found["boxes"][0][sure]
        # Pixel centres: the frame's pixel x lies at (x + 0.5) * scale - 0.5 of the shrunk picture.
        points = found["landmarks"][0][sure].reshape(-1, 5, 2)
        boxes, points = ((value + 0.5) / scale - 0.5 for value in (boxes, points))
        return tuple(
            Face(boxes[i].astype(np.float32), points[i].astype(np.float32), float(scores[sure[i]]))
            for i in suppress_overlaps(boxes, scores[sure])
        )


def suppress_overlaps(boxes: NDArray[np.floating], scores: NDArray[np.floating],
                      max_overlap: float = MAX_OVERLAP) -> list[int]:  # fmt: skip
    """Greedy non-maximum suppression: the indices that stay, the best score first.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        max_overlap: intersection over union above which the lower score goes.
    """
    if not len(boxes):
        return []
    xywh = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = cv2.dnn.NMSBoxes(xywh.tolist(), scores.tolist(), 0.0, max_overlap)
    return [int(i) for i in np.ravel(np.asarray(kept))]
