"""Who is who, by recognisers that no loss knows, and what is read off their distances.

They are optional tools of evaluation, in no way needed by the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vcam import topology as topo
from vcam.errors import BadInput
from vcam.inference import open_session

Images = NDArray[np.uint8]  # (N, 128, 128, 3) RGB, or (N, 256, 256, 3) where that is said
Vectors = NDArray[np.float32]
FAR = 1e-3  # false accepts: so many strangers are as alike as the threshold


@dataclass(frozen=True, slots=True)
class Portraits:
    """Faces as recognisers want them.

    Attributes:
        images: (N, 128, 128, 3) RGB.
        boxes: (N, 4) xyxy of the faces in them, from brows to chin.
        crops: (N, 112, 112, 3) RGB of the ``arcface_112_v2`` template.
    """

    images: Images
    boxes: NDArray[np.int_]
    crops: Images


class IdentityJudge(Protocol):
    """A recogniser that measures; its descriptors of one person lie near each other."""

    def describe(self, portraits: Portraits) -> Vectors:
        """Descriptors (N, D)."""
        ...

    def directions(self, descriptors: Vectors) -> Vectors:
        """Descriptors (N, D) as unit vectors, of strangers about at right angles."""
        ...


@dataclass(frozen=True, slots=True)
class CropNet:
    """A recogniser in an ONNX file of one input and one output, and how it wants the embedder's crops.

    Attributes:
        file: its name.
        middle, unit: (x - middle) / unit, of 0..255.
        bgr: whether blue comes first.
    """

    file: str
    middle: float
    unit: float
    bgr: bool


# On LFW's 6,000 pairs .9957 and .9928 right; .992 and .989 of one person's pairs pass at 1e-3 false accepts.
FURTHER_JUDGES = {
    "sface": CropNet("face_recognition_sface_2021dec.onnx", 0, 1, bgr=False),  # of OpenCV's zoo (Apache-2.0)
    "mobile": CropNet("fr_feature.onnx", 127, 128, bgr=True),  # npm package faceplugin-face-recognition-js (MIT)
}


class CropJudge:
    """A recogniser that sees the embedder's crops."""

    def __init__(self, path: Path, look: CropNet):
        """Load it.

        Raises:
            ModelMissing, ModelCorrupt: there is no such file, or it is no net.
        """
        self._net = open_session(path, 1, ())
        self._look = look

    def describe(self, portraits: Portraits) -> Vectors:
        """Unit vectors (N, D)."""
        (name,) = self._net.inputs
        raw = []
        for crop in portraits.crops:
            shown = (
                crop[:, :, :: -1 if self._look.bgr else 1].astype(np.float32) - self._look.middle
            ) / self._look.unit
            blob = np.ascontiguousarray(shown.transpose(2, 0, 1)[None])
            raw.append(next(iter(self._net.run(**{name: blob}).values()))[0])
        vectors = np.stack(raw)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def directions(self, descriptors: Vectors) -> Vectors:
        """As they are."""
        return descriptors


def further_judges(folder: Path) -> dict[str, IdentityJudge]:
    """Those recognisers whose files are in a folder, by name."""
    found = {name: (folder / look.file, look) for name, look in FURTHER_JUDGES.items()}
    return {name: CropJudge(path, look) for name, (path, look) in found.items() if path.is_file()}


def require_further_judges(folder: Path) -> Path:
    """The folder, if a further recogniser is in it.

    Raises:
        BadInput: there is none.
    """
    files = [look.file for look in FURTHER_JUDGES.values()]
    if not any((folder / file).is_file() for file in files):
        raise BadInput(f"there is no recogniser in {folder}: it should hold {' or '.join(files)}")
    return folder


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
    """dlib's face descriptor (King, 2017)."""

    def __init__(self, folder: Path, centring: Portraits):
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
        self._mean = self.describe(centring).mean(0)

    def describe(self, portraits: Portraits) -> Vectors:
        """Descriptors (N, 128)."""
        descriptors = []
        for image, (left, top, right, bottom) in zip(portraits.images, portraits.boxes, strict=True):
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


class Lineup:
    """A judge and those it compares: the pairs' people, and strangers."""

    def __init__(
        self, judge: IdentityJudge, source: Portraits, source2: Portraits, target: Portraits, others: Portraits
    ):
        """Look at everybody once: row by row a source, another photo of the same person, and who wears it."""
        self._judge = judge
        roles = (source, source2, target, others)
        self.source, self.source2, self.target, self.others = (judge.describe(portraits) for portraits in roles)
        self.threshold = far_distance(self.others, FAR)

    def references(self) -> dict[str, float]:
        """The lines that stand beside the figures: one person twice, and strangers."""
        return {
            "same_person": self._cosine(self.source, self.source2),
            "strangers": self._cosine(self.source, self.target),
            "threshold": self.threshold,
            "same_person_verified": share_within(self.source, self.source2, self.threshold),
            "top1_other_photo": float(retrieved(self.source, self.source2, self.others).mean()),
        }

    def figures(self, swaps: Portraits) -> dict[str, float]:
        """Whose face the swaps of the pairs show."""
        made = self._judge.describe(swaps)
        found, found2 = (retrieved(made, one, self.others) for one in (self.source, self.source2))
        nearer = distances(made, self.source) < distances(made, self.target)
        return {
            "source": self._cosine(made, self.source),
            "source2": self._cosine(made, self.source2),
            "target": self._cosine(made, self.target),
            "verified": share_within(made, self.source, self.threshold),
            "verified_other_photo": share_within(made, self.source2, self.threshold),
            "top1": float((found & nearer).mean()),
            "top1_other_photo": float(found2.mean()),
            "nearer_source": float(nearer.mean()),
        }

    def likeness(self, a: Portraits, b: Portraits) -> Vectors:
        """Cosines (N,) row by row."""
        ours, theirs = (self._judge.directions(self._judge.describe(one)) for one in (a, b))
        return np.asarray((ours * theirs).sum(1), np.float32)

    def _cosine(self, a: Vectors, b: Vectors) -> float:
        return mean_cosine(self._judge.directions(a), self._judge.directions(b))
