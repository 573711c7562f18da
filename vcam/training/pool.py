"""The faces that the generator learns from, and which part each of them may play."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vcam import topology as topo
from vcam.training.data import SHARP_SETS, Faces, LargePictures, labels_of, points_to_large, unit_embeddings
from vcam.training.glasses import find_rims
from vcam.training.pairs import Likeness, likeness_of

LABELLED_SHARE = 0.5  # of the swaps wear somebody of known age, sex and origin
OFTENER = MappingProxyType({"asian": 4.0, "age 60-120": 5.0})  # worn so many times as often: likeness is least there
SOFT_SETS = ("celeba_test",)  # may be targets all the same


@dataclass(frozen=True)
class Pool:
    """The training faces and who may play which part.

    Attributes:
        faces: everything that was loaded.
        large: the same pictures at 256 px.
        landmarks: float32 (N, 157, 3) pixels.
        identities: float32 (N, 512) unit, what the generator is conditioned on.
        teacher_identities: float32 (N, 128) unit.
        likeness: for choosing donors.
        answers: rows that may be the answer or the donor of a reverse pair.
        wearers: those of the answers that wear glasses.
        alike: those of the answers that a GAN made and that wear no glasses: seen alike, they can be averaged.
        targets: rows of the other sets that may be the target of a swap.
        sources: rows whose identity may be worn in a swap.
        chances: (sources,) rising to 1: the chance that a swap wears one of the sources so far.
        expressive: (N,) whose lids are far apart or near each other, or who smile with closed lips.
        person: (N,) number of the person.
        photos: rows of each person.
        rims: of the glasses that people wear, by row, as far as they have been looked for.
    """

    faces: Faces
    large: LargePictures
    landmarks: NDArray[np.float32]
    identities: NDArray[np.float32]
    teacher_identities: NDArray[np.float32]
    likeness: Likeness
    answers: NDArray[np.intp]
    wearers: NDArray[np.intp]
    alike: NDArray[np.intp]
    targets: NDArray[np.intp]
    sources: NDArray[np.intp]
    chances: NDArray[np.float64]
    expressive: NDArray[np.bool_]
    person: NDArray[np.intp]
    photos: dict[int, NDArray[np.intp]]
    rims: dict[int, NDArray[np.uint8] | None]

    def rims_of(self, row: int) -> NDArray[np.uint8] | None:
        """Where the face of a row wears rims, uint8 (256, 256); None if it seems to wear no glasses."""
        if row not in self.rims:
            self.rims[row] = find_rims(self.large[row], points_to_large(self.landmarks[row, :, :2]))
        return self.rims[row]


def gather(faces: Faces, large: LargePictures, identities: NDArray[np.float32]) -> Pool:
    """Decide which training face may play which part.

    Args:
        faces: the cache; rows of the split "val" are never used.
        large: its pictures at 256 px.
        identities: float32 (N, 512) unit vectors of all faces.
    """
    landmarks = faces.mesh[:, list(topo.MESH)]
    teacher = unit_embeddings(faces.embeddings)
    likeness = likeness_of(landmarks)
    trained = faces.split == "train"
    whole = trained & (faces.coverage > 0.7)
    # short raw embeddings mean blur, sunglasses or a hidden face
    clear = np.linalg.norm(faces.embeddings, axis=1) > np.quantile(np.linalg.norm(faces.embeddings, axis=1), 0.1)
    frontal = (np.abs(likeness.pose[:, :2]) < 4).all(1)  # 32 degrees
    _, person = np.unique(faces.identity, return_inverse=True)
    order = np.argsort(person, kind="stable")
    starts = np.flatnonzero(np.diff(person[order], prepend=-1))
    photos = {int(person[rows[0]]): rows[trained[rows]] for rows in np.split(order, starts[1:])}
    sources = np.flatnonzero(trained & clear & frontal)
    answers = np.flatnonzero(whole & np.isin(faces.set, SHARP_SETS))
    print(f"looking for glasses in {len(answers)} pictures, about {len(answers) // 60} s", file=sys.stderr, flush=True)
    rims = {int(row): find_rims(large[int(row)], points_to_large(landmarks[row, :, :2])) for row in answers}
    return Pool(
        faces=faces,
        large=large,
        landmarks=landmarks,
        identities=identities,
        teacher_identities=teacher,
        likeness=likeness,
        answers=answers,
        wearers=np.array([row for row, found in rims.items() if found is not None], np.intp),
        alike=np.array([row for row in answers if faces.set[row] == "generated" and rims[int(row)] is None], np.intp),
        targets=np.flatnonzero(whole & np.isin(faces.set, SOFT_SETS)),
        sources=sources,
        chances=np.cumsum(chances_of([labels_of(str(file)) for file in faces.file[sources]])),
        expressive=are_expressive(landmarks[:, :, :2]),
        person=person,
        photos=photos,
        rims=rims,
    )


def are_expressive(landmarks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whose expression hangs on a pixel or two.

    That is the tenths with the narrowest and the widest eyes, and those tenths of the closed mouths whose corners are
    lifted or drawn apart the most.

    Args:
        landmarks: (N, 157, 2) px of upright faces.
    """

    def apart(a: int, b: int) -> NDArray[np.float32]:
        return np.asarray(np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1), np.float32)

    unit = apart(topo.EYE_OUTER_LEFT, topo.EYE_OUTER_RIGHT)
    eyes = (apart(topo.LID_UPPER_LEFT, topo.LID_LOWER_LEFT) + apart(topo.LID_UPPER_RIGHT, topo.LID_LOWER_RIGHT)) / unit
    width, gap = apart(topo.MOUTH_LEFT, topo.MOUTH_RIGHT) / unit, apart(topo.LIP_UPPER, topo.LIP_LOWER) / unit
    corners = landmarks[:, [topo.MOUTH_LEFT, topo.MOUTH_RIGHT], 1].mean(1)
    lift = (landmarks[:, [topo.LIP_UPPER, topo.LIP_LOWER], 1].mean(1) - corners) / unit
    closed = gap < np.median(gap)
    smiling = closed & ((width > np.quantile(width[closed], 0.9)) | (lift > np.quantile(lift[closed], 0.9)))
    return np.asarray((eyes < np.quantile(eyes, 0.1)) | (eyes > np.quantile(eyes, 0.9)) | smiling)


def chances_of(labels: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    """How often each source is worn: rare ages and origins as often as frequent ones, some even more often.

    Args:
        labels: of each source, as ``labels_of`` gives them; empty where nothing is known.

    Returns:
        (N,) with the sum 1.
    """
    known = np.array([bool(one) for one in labels])
    counts = Counter(label for one in labels for label in one)
    rarity = np.array([np.prod([OFTENER.get(label, 1) / counts[label] for label in one]) for one in labels])
    chances = np.zeros(len(labels))
    for group, share in ((known, LABELLED_SHARE), (~known, 1 - LABELLED_SHARE)):
        chances[group] = share * rarity[group] / rarity[group].sum()
    return np.asarray(chances / chances.sum(), np.float64)
