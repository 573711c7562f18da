"""Measuring a generator on the fixed validation pairs, by nets that no loss knows.

The judge of identity is dlib's face descriptor (King, 2017): another net, trained on other data. Beside it are told
further recognisers (``identity_judge.FURTHER_JUDGES``), where their files are. All are optional tools of evaluation, in
no way needed by the program. Who is who is decided by the distance of descriptors; strangers are known people in photos
like the pairs' own (GAN-made faces are alike to every net, and are no measure). Likeness is told as a cosine; dlib's
raw ones are high for everybody, so they are centred on the training faces' mean. Two reference lines stand beside the
figures: two photos of one person, and strangers. Pose is judged by FSA-Net, expression by face-api's net.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vcam import topology as topo
from vcam.errors import BadInput
from vcam.inference import Net, open_session
from vcam.training.augment import centred_similarity
from vcam.training.data import IDENTITY_SETS, SIZE, Faces, LargePictures, Picture, load_faces, unit_embeddings
from vcam.training.identity_judge import (
    DlibJudge,
    IdentityJudge,
    Images,
    Lineup,
    Portraits,
    Vectors,
    face_boxes,
    further_judges,
    mean_cosine,
)
from vcam.training.mesher import MESH_SIZE, Mesher, join_looks, to_side
from vcam.training.networks import AeiNet, mask_of
from vcam.training.pairs import polygon_mask
from vcam.training.teachers import Teacher

PAIR_SETS = IDENTITY_SETS  # of the pairs, the judge's centring and the groups
STRANGER_SETS = ("celeba_wild", "celeba_test")  # photos like the pairs' own, of people whose names are known
PAIRS = Path(__file__).with_name("pairs_val.csv")
_CENTRING_FACES = 300
_OTHERS = 500  # people beside whom a swap's source must be found again
_FEATURE_STAGES = (0, 2, 4)
_TILE = slice(74, 186)  # of 256: a square from the eyes to the mouth, as large as the net's own input
_OPEN_EYE = 0.2  # height by width from which an iris can be seen
_EMBEDDER_FROM_IMAGE = np.array([[1.16836, 0.000178, -18.930], [-0.000178, 1.16836, -17.860]])

# Targets at 256, identities (N, 512) to wear, those of the targets -> swapped, composited pictures.
Swap = Callable[[Images, Vectors, Vectors], Images]
Embed = Callable[[NDArray[np.uint8]], Vectors]  # crops (N, 112, 112, 3) RGB -> unit vectors (N, 512)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of the cache: a source, another photo of the same person, and somebody else as the target."""

    source: NDArray[np.intp]
    source2: NDArray[np.intp]
    target: NDArray[np.intp]


def load_pairs(faces: Faces, path: Path = PAIRS) -> Pairs:
    """The fixed validation pairs as rows of the cache.

    Raises:
        BadInput: a picture of the list is not in the cache.
    """
    row_of = {Path(file).name: row for row, file in enumerate(faces.file)}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    try:
        columns = {name: np.array([row_of[row[name]] for row in rows]) for name in ("source", "source2", "target")}
    except KeyError as error:
        raise BadInput(f"the picture {error} of {path.name} is not in the cache: cache all sets first") from error
    return Pairs(**columns)


class AttributeJudges:
    """Pose, expression and landmarks of faces in 128 px crops."""

    def __init__(self, teachers_dir: Path):
        self._pose = [open_session(teachers_dir / f"fsanet-{kind}.onnx", 1, ()) for kind in ("1x1", "var")]
        self._expression = open_session(teachers_dir / "fapi_face_expression_model.onnx", 1, ())
        self._mesher = Mesher(teachers_dir)

    def pose(self, images: Images) -> Vectors:
        """Yaw, pitch, roll in degrees: (N, 3)."""
        rows = []
        for image in images:
            small = cv2.resize(image[8:120, 8:120, ::-1], (64, 64)).astype(np.float32)
            blob = ((small - 127.5) / 128).transpose(2, 0, 1)[None]
            rows.append(np.mean([_first(net, blob)[0] for net in self._pose], 0))
        return np.asarray(rows, np.float32)

    def expression(self, images: Images) -> NDArray[np.intp]:
        """The class of each face's expression: (N,).

        The mean of six looks: in one, the judge calls 8 % of the same faces otherwise once they are moved by a pixel
        and 10 % once they are mirrored; two such means agree on 98 %.
        """
        return np.array([np.mean([self._one_expression(look) for look in _looks(i)], 0).argmax() for i in images])

    def _one_expression(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        crop = cv2.warpAffine(image, _EMBEDDER_FROM_IMAGE, (112, 112))
        return _first(self._expression, crop.astype(np.float32).transpose(2, 0, 1)[None])[0]

    def landmarks(self, images: Images) -> NDArray[np.float32]:
        """(N, 157, 2) pixels of the 128, from images of any size."""
        how = cv2.INTER_AREA if images.shape[1] > MESH_SIZE else cv2.INTER_LINEAR
        crops = (cv2.resize(image, (MESH_SIZE, MESH_SIZE), interpolation=how) for image in images)
        plain, mirrored = zip(*(self._mesher.looks(np.asarray(crop, np.uint8)) for crop in crops), strict=True)
        return to_side(join_looks(np.stack(plain), np.stack(mirrored)), SIZE)[:, list(topo.MESH), :2]


def _looks(image: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """A picture as it is, and a little moved and turned to both sides; each plain and mirrored."""
    for right, down, roll in ((0, 0, 0), (2, 1, 2), (-2, -1, -2)):
        matrix = centred_similarity(SIZE, roll, 1.0, np.array([right, down]))
        moved = np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE), np.uint8)
        yield moved
        yield np.ascontiguousarray(moved[:, ::-1])


def _first(net: Net, blob: NDArray[np.float32]) -> NDArray[np.float32]:
    (name,) = net.inputs
    return next(iter(net.run(**{name: blob}).values()))


class Bench:
    """Everything about the validation pairs that does not depend on the generator, computed once."""

    def __init__(self, data_dir: Path, cache_dir: Path, dlib_dir: Path, further: Path | None = None):
        """Read the faces and look at the pairs.

        Args:
            data_dir: data folder.
            cache_dir: cache of its faces.
            dlib_dir: folder of the judge's nets.
            further: folder of further recognisers; None goes without.

        Raises:
            BadInput: the judge, or a picture of the pairs, is not there.
        """
        self.faces = load_faces(cache_dir, PAIR_SETS, ("images", "crops112", "mesh", "embeddings"))
        self.pairs = load_pairs(self.faces)
        train = np.flatnonzero(self.faces.split == "train")
        centring = train[:: max(len(train) // _CENTRING_FACES, 1)]
        judges: dict[str, IdentityJudge] = {"judge": DlibJudge(dlib_dir, self.portraits(centring))}
        if further is not None:
            judges |= further_judges(further)
        self.attributes = AttributeJudges(data_dir / "teachers")
        self._embedder = Teacher(data_dir / "teachers" / "liguiyuan_mfn.onnx")
        pairs = self.pairs
        self.large = LargePictures(cache_dir, self.faces)
        self.targets = self.large_rows(pairs.target)
        self._targets = self.faces.images[pairs.target]
        self.embeddings = unit_embeddings(self.faces.embeddings)
        others = strangers_of(self.faces, pairs, _OTHERS)
        people = [self.portraits(rows) for rows in (pairs.source, pairs.source2, pairs.target, others)]
        self.lineups = {name: Lineup(one, *people) for name, one in judges.items()}
        self.target_pose = self.attributes.pose(self._targets)
        self.target_expression = self.attributes.expression(self._targets)
        self.target_landmarks = self.attributes.landmarks(self.targets)

    def large_rows(self, rows: NDArray[np.intp]) -> Images:
        """The pictures of some rows at 256."""
        return np.stack([self.large[int(row)] for row in rows])

    def portraits(self, rows: NDArray[np.intp]) -> Portraits:
        """Some rows' own pictures."""
        return self._portraits(rows, self.faces.images[rows], self.faces.crops112[rows])

    def swapped(self, rows: NDArray[np.intp], swaps: Images) -> Portraits:
        """Swaps (N, 128, 128, 3) of some rows."""
        return self._portraits(rows, swaps, _embedder_crops(swaps))

    def _portraits(self, rows: NDArray[np.intp], images: Images, crops: Images) -> Portraits:
        return Portraits(images, face_boxes(self.faces.mesh[rows][:, list(topo.MESH)]), crops)

    def references(self) -> dict[str, float]:
        """The lines that stand beside the figures: one person twice, and strangers."""
        teacher, pairs = self.embeddings, self.pairs
        lines = {
            f"{name}_{key}": value for name, one in self.lineups.items() for key, value in one.references().items()
        }
        return lines | {
            "teacher_same_person": mean_cosine(teacher[pairs.source], teacher[pairs.source2]),
            "teacher_strangers": mean_cosine(teacher[pairs.source], teacher[pairs.target]),
        }

    def measure(self, swap: Swap, embed: Embed) -> tuple[dict[str, float], Images]:
        """All figures of a generator, and its pictures at 256.

        Identity, pose, expression, gaze and light are judged at 128, sharpness at 256.

        Args:
            swap: the generator.
            embed: what gives the identities of the pairs' sources and targets.
        """
        roles = self.pairs.source, self.pairs.target
        worn, wearers = (embed(self.faces.crops112[rows]) for rows in roles)
        swaps = swap(self.targets, worn, wearers)
        small = halved(swaps)
        figures = self._identity(small) | self._attributes(small, swaps) | self._picture(small, swaps)
        return {name: round(value, 4) for name, value in figures.items()}, swaps

    @torch.inference_mode()
    def _teacher(self, crops: Images) -> Vectors:
        raw = [self._embedder(torch.from_numpy(c).permute(0, 3, 1, 2).float())[0] for c in np.split(crops, 10)]
        return functional.normalize(torch.cat(raw), dim=1).numpy()

    @torch.inference_mode()
    def feature_distance(self, a: Images, b: Images) -> float:
        """How unlike two sets of pictures at 256 are in the features of a net, eyes to mouth, pixel for pixel.

        LPIPS (Zhang et al., 2018) on the teacher's first stages, without learnt weights: the squared difference of
        features scaled to unit length at each place. 0 = the same, 2 = nothing in common.
        """
        stages = tuple(self._embedder.sums[i] for i in _FEATURE_STAGES)
        parts = []
        for pictures in zip(np.array_split(a, 20), np.array_split(b, 20), strict=True):
            tiles = (torch.from_numpy(p[:, _TILE, _TILE]).permute(0, 3, 1, 2).float() for p in pictures)
            made, wanted = (self._embedder(tile, stages)[1] for tile in tiles)
            unit = [(functional.normalize(m), functional.normalize(w)) for m, w in zip(made, wanted, strict=True)]
            parts.append(torch.stack([(m - w).square().sum(1).mean() for m, w in unit]).mean())
        return float(torch.stack(parts).mean())

    def _identity(self, swaps: Images) -> dict[str, float]:
        pairs, seen = self.pairs, self.swapped(self.pairs.target, swaps)
        teacher = self._teacher(seen.crops)
        found = {
            f"{name}_{key}": value for name, one in self.lineups.items() for key, value in one.figures(seen).items()
        }
        return found | {
            "teacher_source": mean_cosine(teacher, self.embeddings[pairs.source]),
            "teacher_target": mean_cosine(teacher, self.embeddings[pairs.target]),
        }

    def _attributes(self, swaps: Images, large: Images) -> dict[str, float]:
        made, wanted = self.attributes.landmarks(large), self.target_landmarks
        between_eyes = np.linalg.norm(wanted[:, topo.EYES[:16]].mean(1) - wanted[:, topo.EYES[16:]].mean(1), axis=1)
        error = np.linalg.norm(made - wanted, axis=2) / between_eyes[:, None]
        pose = self.attributes.pose(swaps)
        return {
            "landmarks_percent": 100 * float(error.mean()),
            "mouth_percent": 100 * float(error[:, topo.LIPS].mean()),
            "eyes_percent": 100 * float(error[:, topo.EYES].mean()),
            "mouth_opening_r": _correlation(_mouth_opening(made), _mouth_opening(wanted)),
            "eye_opening_r": _correlation(_eye_opening(made), _eye_opening(wanted)),
            "gaze_percent": gaze_error(swaps, self._targets, wanted),
            "pose_deg": float(np.abs(pose - self.target_pose).mean()),
            "expression_kept": float((self.attributes.expression(swaps) == self.target_expression).mean()),
        }

    def _picture(self, swaps: Images, large: Images) -> dict[str, float]:
        inside = np.stack([polygon_mask(p[topo.OVAL], 1.1) > 0 for p in self.target_landmarks])
        inside_large = inside.repeat(2, 1).repeat(2, 2)
        error = np.abs(swaps.astype(np.float32) - self._targets)
        low = [cv2.GaussianBlur(i.astype(np.float32), (0, 0), 8) for i in (*swaps, *self._targets)]
        light = np.abs(np.stack(low[: len(swaps)]) - np.stack(low[len(swaps) :])) / 255
        return {
            "light_l1": float(light[inside].mean()),
            "outside_levels": float(error[~inside].mean()),
            "inside_levels": float(error[inside].mean()),
            "sharpness": _laplacian(large, inside_large) / _laplacian(self.targets, inside_large),
            "sharpness_at_128": _laplacian(swaps, inside) / _laplacian(self._targets, inside),
            "lattice": max(_lattice(swaps) / _lattice(self._targets), _lattice(large) / _lattice(self.targets)),
        }


def _embedder_crops(images: Images) -> Images:
    """(N, 128, 128, 3) -> (N, 112, 112, 3)."""
    return np.stack([np.asarray(cv2.warpAffine(i, _EMBEDDER_FROM_IMAGE, (112, 112)), np.uint8) for i in images])


def halved(images: Images) -> Images:
    """(N, 256, 256, 3) -> (N, 128, 128, 3)."""
    return np.stack([np.asarray(cv2.resize(i, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8) for i in images])


def strangers_of(faces: Faces, pairs: Pairs, count: int) -> NDArray[np.intp]:
    """One picture each of so many known people who play no part in the pairs: rows, the same ones every time."""
    known = np.flatnonzero(np.isin(faces.set, STRANGER_SETS))
    parts = np.isin(faces.identity[known], faces.identity[np.concatenate([pairs.source, pairs.target])])
    known = known[~parts]
    _, first = np.unique(faces.identity[known], return_index=True)
    return np.sort(np.random.default_rng(5).choice(known[first], min(count, len(first)), replace=False))


def gaze_error(swaps: Images, targets: Images, landmarks: NDArray[np.float32]) -> float:
    """How far irises lie from the target's, % of the eye's width: mean over all open eyes.

    No landmarks here have irises; an iris is the dark spot between the lids, its place the centre of darkness.

    Args:
        swaps: (N, 128, 128, 3) RGB.
        targets: the same before the swap.
        landmarks: (N, 157, 2) pixels of the targets.
    """
    errors = []
    for swap, target, points in zip(swaps, targets, landmarks, strict=True):
        for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
            lids = points[eye]
            width, height = np.ptp(lids[:, 0]), np.ptp(lids[:, 1])
            if height >= _OPEN_EYE * width:
                apart = dark_centre(swap, lids) - dark_centre(target, lids)
                errors.append(100 * float(np.linalg.norm(apart)) / width)
    return float(np.mean(errors)) if errors else float("nan")


def dark_centre(image: NDArray[np.uint8], lids: NDArray[np.float32]) -> NDArray[np.float64]:
    """The centre (x, y) of what is darker than the mean between the lids (P, 2), each place by its darkness squared."""
    scale = 4
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    between = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(between, [np.round((lids + 0.5) * scale - 0.5).astype(np.int32)], 1)
    rows, columns = np.nonzero(between)
    inside = grey[rows, columns].astype(np.float64)
    darkness = (inside.mean() - inside).clip(0) ** 2 + 1e-6
    centre = np.array([(columns * darkness).sum(), (rows * darkness).sum()]) / darkness.sum()
    return np.asarray((centre + 0.5) / scale - 0.5)


def _correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def _mouth_opening(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return points[:, topo.LIP_LOWER, 1] - points[:, topo.LIP_UPPER, 1]


def _eye_opening(points: NDArray[np.float32]) -> NDArray[np.float32]:
    left = points[:, topo.LID_LOWER_LEFT, 1] - points[:, topo.LID_UPPER_LEFT, 1]
    return left + points[:, topo.LID_LOWER_RIGHT, 1] - points[:, topo.LID_UPPER_RIGHT, 1]


def _laplacian(images: Images, inside: NDArray[np.bool_]) -> float:
    """Mean standard deviation of the grey Laplacian inside the faces."""
    energies = [
        cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[face].std()
        for image, face in zip(images, inside, strict=True)
    ]
    return float(np.mean(energies))


def _lattice(images: Images) -> float:
    """Energy of the grey faces' spectra at a period of 4 px in x or y, against its neighbours."""
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]).astype(np.float32)
    corner = grey.shape[1] // 4
    crop = grey[:, corner : corner + 64, corner : corner + 64] * np.hanning(64)[:, None] * np.hanning(64)
    power = (np.abs(np.fft.fft2(crop)) ** 2).mean(0)  # a period of 4 px is row or column 16 of 64
    peak = power[16, [0, 16, 32]].sum() + power[[0, 16, 32], 16].sum()
    beside = sum(power[k, [0, 16, 32]].sum() + power[[0, 16, 32], k].sum() for k in (13, 19)) / 2
    return float(peak / beside)


def swap_with(net: AeiNet) -> Swap:
    """A generator as a function of pictures."""

    @torch.inference_mode()
    def swap(targets: Images, identities: Vectors, wearers: Vectors) -> Images:
        results = []
        for start in range(0, len(targets), 20):
            some = slice(start, start + 20)
            x = torch.from_numpy(targets[some]).permute(0, 3, 1, 2).float() / 127.5 - 1
            colour, logit = net(x, torch.from_numpy(identities[some]), torch.from_numpy(wearers[some]))
            y = x + mask_of(logit) * (colour - x)
            results.append(((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
        return np.concatenate(results)

    return swap


def choose_pairs(index: list[Picture], count: int = 200, seed: int = 7) -> list[tuple[str, str, str]]:
    """Draw the validation pairs: file names of source, its other photo, target (always another person)."""
    rng = np.random.default_rng(seed)
    usable = [p for p in index if p.split == "val" and p.coverage > 0.95]
    celebrities = [p for p in usable if p.set in ("celeba_wild", "celeba_test")]
    portraits = [p for p in usable if p.set in ("generated", "celebamask")]
    photos: dict[str, list[Picture]] = {}
    for picture in celebrities:
        photos.setdefault(picture.identity, []).append(picture)
    people = sorted(person for person, owned in photos.items() if len(owned) >= 2)
    portrait_count = count * 2 // 5
    targets = [portraits[i] for i in rng.choice(len(portraits), portrait_count, replace=False)]
    targets += [celebrities[i] for i in rng.choice(len(celebrities), count - portrait_count, replace=False)]
    chosen = []
    for target in targets:
        person = next(p for p in rng.permutation(people) if p != target.identity)
        first, second = (photos[person][i] for i in rng.choice(len(photos[person]), 2, replace=False))
        chosen.append((Path(first.file).name, Path(second.file).name, Path(target.file).name))
    return chosen
