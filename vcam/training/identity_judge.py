"""Who is who: dlib's face descriptor (King, 2017), which no loss knows, and what is read off its distances.

It is an optional tool of evaluation, in no way needed by the program.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcam import topology as topo
from vcam.errors import BadInput

Images = NDArray[np.uint8]  # (N, 128, 128, 3) RGB, or (N, 256, 256, 3) where that is said
Vectors = NDArray[np.float32]


def find_dlib_nets() -> Path:
    """The folder of the judge's nets, as the package face_recognition_models brings them.

    Raises:
        BadInput: it is not installed.
    """
    spec = find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            "the judge's nets are not installed: pip install dlib-bin face_recognition_models, or name their folder "
            "with --dlib"
        )
    return Path(spec.submodule_search_locations[0]) / "models"


class DlibJudge:
    """dlib's face descriptor."""

    def __init__(self, folder: Path, centring: Images, boxes: NDArray[np.int_]):
        """Load the nets and centre them on some training faces.

        Raises:
            BadInput: dlib or its nets are not there.
        """
        try:
            import dlib
        except ImportError as error:
            raise BadInput("the judge needs dlib, which is not installed: pip install dlib-bin") from error
        try:
            self._points = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
            self._net = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
        except RuntimeError as error:
            raise BadInput(f"the judge's nets in {folder} cannot be loaded: {error}") from error
        self._dlib: Any = dlib
        self._mean = self.describe(centring, boxes).mean(0)

    def describe(self, images: Images, boxes: NDArray[np.int_]) -> Vectors:
        """Descriptors (N, 128) of faces (N, 128, 128, 3) RGB in boxes (N, 4) xyxy; alike is what is near."""
        descriptors = []
        for image, (left, top, right, bottom) in zip(images, boxes, strict=True):
            image = np.ascontiguousarray(image)
            shape = self._points(image, self._dlib.rectangle(int(left), int(top), int(right), int(bottom)))
            chip = self._dlib.get_face_chip(image, shape, size=150)
            descriptors.append(np.array(self._net.compute_face_descriptor(chip)))
        return np.asarray(descriptors, np.float32)

    def directions(self, descriptors: Vectors) -> Vectors:
        """Descriptors (N, 128) as seen from the mean training face: unit vectors."""
        centred = descriptors - self._mean
        return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True), np.float32)


def face_boxes(landmarks: NDArray[np.float32]) -> NDArray[np.int_]:
    """Square-like boxes (N, 4) xyxy from brows to chin, as dlib's detector gives them; landmarks (N, 157, 2+)."""
    xy = landmarks[:, :, :2]
    low, high = xy[:, topo.OVAL].min(1), xy[:, topo.OVAL].max(1)
    brow = xy[:, np.r_[topo.BROW_LEFT, topo.BROW_RIGHT], 1].min(1)
    top = brow - 0.1 * (high[:, 1] - brow)
    return np.stack([low[:, 0], top, high[:, 0], high[:, 1]], 1).round().astype(int)


def mean_cosine(a: Vectors, b: Vectors) -> float:
    """Mean cosine of rows of unit length."""
    return float((a * b).sum(1).mean())


def distances(a: Vectors, b: Vectors) -> Vectors:
    """Row by row: (N,)."""
    return np.asarray(np.linalg.norm(a - b, axis=1), np.float32)


def all_distances(a: Vectors, b: Vectors) -> Vectors:
    """Every row of one to every row of the other: (N, M)."""
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=2), np.float32)


def share_within(a: Vectors, b: Vectors, distance: float) -> float:
    """How many rows lie so near to their own."""
    return float((distances(a, b) <= distance).mean())


def far_distance(strangers: Vectors, far: float) -> float:
    """The distance within which this share of pairs of strangers (N, D) lies."""
    return float(np.quantile(all_distances(strangers, strangers)[np.triu_indices(len(strangers), 1)], far))


def retrieved(asked: Vectors, own: Vectors, others: Vectors) -> NDArray[np.bool_]:
    """Whether each asked vector (N, D) is nearer to its own (N, D) than to every other one (M, D)."""
    return np.asarray(distances(asked, own) < all_distances(asked, others).min(1), np.bool_)
