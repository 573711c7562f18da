"""Training of ``regions.onnx``: nine regions of the face, and what lies in front of it.

``python -m vcam.training.regions --cache DIR --backgrounds DIR --data DIR --out DIR --minutes 30``

Labels: the 19-class maps of the set celebamask, merged; on all other pictures only what the face mesh
knows for sure (lips, mouth, the middle of the cheeks), the rest is not judged. Hands and things are
drawn over half of the faces and count as "other".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vcam import topology
from vcam.errors import BadInput
from vcam.training import augment, loop
from vcam.training.data import SIZE, Faces, load_faces
from vcam.training.landmarks import to_net
from vcam.training.options import Options
from vcam.training.sheets import bands, with_classes
from vcam.training.small_nets import REGIONS, RegionsNet
from vcam.training.warm_start import warm_start

SETS = ("generated", "celebamask", "celeba_wild", "celeba_test", "lfw", "utk")
JITTER = augment.Jitter(roll_deg=14, scale=0.14, shift=0.07)  # what a tracker is off by, and a little more
UNJUDGED = 255
OTHER = REGIONS.index("other")
FACE = [REGIONS.index(name) for name in ("skin", "brows", "eyes", "nose", "lips", "mouth")]
WORN = [*FACE, REGIONS.index("glasses")]  # what the program swaps: the face shows in glasses too
_SKIN, _LIPS, _MOUTH = REGIONS.index("skin"), REGIONS.index("lips"), REGIONS.index("mouth")
OCCLUDER_DRAWS = 4  # things drawn over each picture, one after another, when the net is measured
MESH_SHARE = 0.3  # of the batch, pictures without a region map

# CelebAMask-HQ's 19 classes: background, skin, nose, glasses, eyes, brows, ears, mouth, lips, hair, hat,
# earring, necklace, neck, cloth.
_FROM_19 = np.full(256, UNJUDGED, np.uint8)
_FROM_19[:19] = [0, 1, 4, 7, 3, 3, 2, 2, 0, 0, 6, 5, 5, 8, 0, 0, 0, 0, 0]


@dataclass(frozen=True)
class RegionsBatch:
    """Crops and their maps at half the resolution."""

    crops: Tensor  # [B, 3, 128, 128] -1..1
    regions: Tensor  # [B, 64, 64] class or UNJUDGED
    faces: Tensor  # [B, 64, 64] bool, a face is there, or would be seen there but for what is drawn over it


@dataclass(frozen=True)
class Sample:
    """One crop with its map, and what was drawn over it."""

    crop: augment.Picture
    regions: NDArray[np.uint8]  # (128, 128)
    occluder: NDArray[np.bool_]  # (128, 128)
    uncovered: NDArray[np.uint8]  # (128, 128) the map as it was before


def read_regions(data_dir: Path, files: NDArray[np.str_]) -> dict[int, NDArray[np.uint8]]:
    """The nine-class maps, uint8 (128, 128), of those cached pictures that have one, by their row.

    Raises:
        BadInput: there is none.
    """
    maps = {}
    for row, file in enumerate(files):
        path = data_dir / "faces" / "celebamask_regions" / (Path(str(file)).stem + ".png")
        if "/celebamask/" in str(file) and path.exists():
            labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)  # palette index
            maps[row] = cv2.resize(_FROM_19[labels], (SIZE, SIZE), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    if not maps:
        raise BadInput(f"{data_dir} has no region maps in faces/celebamask_regions")
    return maps


def regions_from_mesh(points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """What the landmarks (157, 2) tell for sure: uint8 (128, 128)."""
    regions = np.full((SIZE, SIZE), UNJUDGED, np.uint8)
    px = np.round(points).astype(np.int32)
    for side in (topology.CHEEKS[[0, 2, 4, 8, 6]], topology.CHEEKS[[1, 3, 5, 9, 7]]):
        cv2.fillConvexPoly(regions, cv2.convexHull(px[side]), _SKIN)
    cv2.fillPoly(regions, [px[topology.LIPS_OUTER]], _LIPS)
    cv2.fillPoly(regions, [px[topology.LIPS_INNER]], _MOUTH)
    gap = np.linalg.norm(points[topology.LIP_UPPER] - points[topology.LIP_LOWER])
    if gap < 3:  # closed lips: the inner line has no width
        cv2.fillPoly(regions, [px[topology.LIPS_INNER]], UNJUDGED)
    return regions


class RegionsData:
    """Pictures of one split with their maps."""

    def __init__(self, faces: Faces, backgrounds: augment.Backgrounds, split: str, data_dir: Path):
        """Keep one split; ``faces`` needs images and mesh."""
        self.images = faces.images
        self.points = faces.mesh[:, list(topology.MESH), :2]
        self.maps = {row: m for row, m in read_regions(data_dir, faces.file).items() if faces.split[row] == split}
        self.mapped = np.array(sorted(self.maps))
        self.unmapped = np.setdiff1d(np.flatnonzero(faces.split == split), self.mapped)
        self.backgrounds = backgrounds

    def batch(self, rng: Generator, size: int) -> RegionsBatch:
        """Random crops."""
        rows = []
        for _ in range(size):
            pool = self.unmapped if len(self.unmapped) and rng.random() < MESH_SHARE else self.mapped
            rows.append(self.sample(rng, int(pool[rng.integers(len(pool))])))
        return pack(rows)

    def sample(self, rng: Generator, i: int, jitter: augment.Jitter = JITTER, occluded: float = 0.5,
               faults: bool = True) -> Sample:  # fmt: skip
        """One crop as a webcam might show it, with something in front of it at the given probability."""
        image = self.images[i]
        regions = self.maps[i] if i in self.maps else regions_from_mesh(self.points[i])
        matrix = jitter.draw(rng, SIZE)
        if rng.random() < 0.5:
            image, regions = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(regions[:, ::-1])
            centre = np.array([SIZE - 1, 0]) + self.points[i][topology.NOSE_TIP] * [-1, 1]
        else:
            centre = self.points[i][topology.NOSE_TIP].astype(np.float64)
        centre = matrix[:, :2] @ centre + matrix[:, 2]
        crop = np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE), np.uint8)
        regions = cv2.warpAffine(
            regions, matrix, (SIZE, SIZE), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=UNJUDGED
        ).astype(np.uint8)
        covered, uncovered = np.zeros((SIZE, SIZE), bool), regions
        if rng.random() < occluded:
            crop, covered = self._cover(rng, crop, centre)
            regions = np.where(covered, np.uint8(OTHER), regions)
        if faults:
            crop = augment.camera_faults(crop, rng)
        return Sample(crop, regions, covered, uncovered)

    def _cover(self, rng: Generator, crop: augment.Picture,
               centre: NDArray[np.floating]) -> tuple[augment.Picture, NDArray[np.bool_]]:  # fmt: skip
        """Something in front of the face, and where it is."""
        x, y = np.clip(centre + np.array([-12, 4]), 0, SIZE - 1).astype(int)
        skin = crop[y, x].astype(np.float64)
        where = centre + rng.normal(0, 22, 2)
        mask = augment.draw_occluder(rng, SIZE, where, rng.uniform(15, 80))
        return augment.paint_occluder(rng, crop, mask, skin, self.backgrounds), mask > 127


def pack(rows: list[Sample]) -> RegionsBatch:
    """Samples to tensors."""
    maps = np.stack([row.regions[::2, ::2] for row in rows]).astype(np.int64)
    faces = np.isin(np.stack([row.uncovered[::2, ::2] for row in rows]), FACE)
    return RegionsBatch(to_net(np.stack([row.crop for row in rows])), torch.from_numpy(maps), torch.from_numpy(faces))


_FACE_EDGE = 2.0  # how much the soft IoU of the face counts beside that of drawn things
_CLASS_WEIGHTS = torch.tensor([0.7, 0.7, 1.6, 2.0, 1.0, 1.5, 2.0, 2.0, 0.8])


def losses(net: nn.Module, batch: RegionsBatch) -> dict[str, Tensor]:
    """Weighted cross-entropy; a soft Dice loss over the classes so that small regions count; what is worn at all.

    And the soft IoU of the face and of what is drawn over it: their errors are edges, a small part of the other losses.
    """
    logits = net(batch.crops).float()  # [B, 9, 64, 64]
    entropy = functional.cross_entropy(logits, batch.regions, _CLASS_WEIGHTS.to(logits.device), ignore_index=UNJUDGED)
    judged = (batch.regions != UNJUDGED)[:, None]
    truth = functional.one_hot(batch.regions.clamp(max=len(REGIONS) - 1), len(REGIONS)).permute(0, 3, 1, 2) * judged
    probability = torch.softmax(logits, 1) * judged
    both = (probability * truth).sum((0, 2, 3))
    either = probability.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    worn, face = probability[:, WORN].sum(1).clamp(1e-4, 1 - 1e-4), truth[:, WORN].sum(1).float()
    return {
        "entropy": entropy,
        "dice": (1 - (2 * both + 1) / (either + 1)).mean(),
        "face": functional.binary_cross_entropy(worn, face, judged[:, 0].float()),
        "face_iou": _FACE_EDGE * (1 - soft_iou(worn * judged[:, 0], face)),
        "drawn_iou": 1 - soft_iou(probability[:, OTHER] * batch.faces, truth[:, OTHER] * batch.faces),
    }


def soft_iou(found: Tensor, truth: Tensor) -> Tensor:
    """IoU of probabilities and a mask of one shape, 0..1, over all of it (Rahman and Wang, 2016)."""
    both = (found * truth).sum()
    return both / (found.sum() + truth.sum() - both).clamp_min(1)


def iou_by_class(found: NDArray[np.integer], truth: NDArray[np.integer]) -> NDArray[np.float64]:
    """IoU of each class over all judged pixels; NaN for a class that neither has."""
    judged = truth != UNJUDGED
    pairs = np.bincount(truth[judged] * len(REGIONS) + found[judged], minlength=len(REGIONS) ** 2)
    table = pairs.reshape(len(REGIONS), -1)
    union = table.sum(0) + table.sum(1) - table.diagonal()
    return np.where(union > 0, table.diagonal() / np.maximum(union, 1), np.nan)


def binary_iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """IoU of two masks."""
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def region_figures(run: Callable[[Tensor], Tensor], data: RegionsData) -> dict[str, float]:
    """Mean IoU, face against the rest, and things drawn over the face, on all mapped pictures of a split.

    Face is what the program swaps, ``bare_face_iou`` counts glasses as something else.
    A drawn thing is found where the net says "other" on what was labelled face. ``not_face_iou`` counts hair and
    glasses too, and so every doubt about the face's edge; ``inner_occluder_iou`` leaves out a rim of two cells.

    Args:
        run: the net: crops [B, 3, 128, 128] to scores or probabilities [B, 9, 64, 64].
        data: the split.
    """
    rng = np.random.default_rng(5)
    mild = augment.Jitter(8, 0.08, 0.04)
    still = augment.Jitter(0, 0, 0)
    clean = [data.sample(rng, int(i), mild, occluded=0.0, faults=False) for i in data.mapped]
    covered = [
        data.sample(rng, int(i), still, occluded=1.0, faults=False) for _ in range(OCCLUDER_DRAWS) for i in data.mapped
    ]
    with torch.inference_mode():
        found = run(pack(clean).crops).argmax(1).numpy()
        found_covered = run(pack(covered).crops).argmax(1).numpy()
    truth = pack(clean).regions.numpy()
    judged = truth != UNJUDGED
    classes = iou_by_class(found, truth)
    was_face = np.isin(np.stack([s.uncovered for s in covered])[:, ::2, ::2], FACE)
    drawn = np.stack([s.occluder for s in covered])[:, ::2, ::2]
    other = found_covered == OTHER
    inner = np.stack([cv2.erode(face.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for face in was_face])
    figures = {
        "mean_iou": float(np.nanmean(classes)),
        "face_iou": binary_iou(np.isin(found, WORN) & judged, np.isin(truth, WORN) & judged),
        "bare_face_iou": binary_iou(np.isin(found, FACE) & judged, np.isin(truth, FACE) & judged),
        "occluder_iou": binary_iou(other & was_face, drawn & was_face),
        "inner_occluder_iou": binary_iou(other & inner, drawn & inner),
        "not_face_iou": binary_iou(~np.isin(found_covered, FACE) & was_face, drawn & was_face),
    }
    return figures | {f"iou_{name}": float(value) for name, value in zip(REGIONS, classes, strict=True)}


def sheet_of(data: RegionsData, count: int = 24) -> loop.Sheet:
    """The regions found on unseen crops, half of them with things drawn before the face."""
    rng = np.random.default_rng(6)
    picked = data.mapped[:count]
    images = np.stack([data.sample(rng, int(i), occluded=float(k % 2)).crop for k, i in enumerate(picked)])

    def draw(net: nn.Module) -> NDArray[np.uint8]:
        with torch.inference_mode():
            return bands(images, with_classes(images, net(to_net(images)).argmax(1).numpy(), len(REGIONS)))

    return draw


def run(options: Options) -> None:
    """Train the regions net."""
    assert options.data is not None
    backgrounds = augment.Backgrounds(options.backgrounds)
    faces = load_faces(options.cache, SETS, ("images", "mesh"))
    data = RegionsData(faces, backgrounds, "train", options.data)
    unseen = RegionsData(faces, backgrounds, "val", options.data)
    net = RegionsNet().to(memory_format=torch.channels_last)

    def make_batch(step: int) -> RegionsBatch:
        return data.batch(np.random.default_rng((options.seed, step)), options.batch)

    if options.pack:
        warm_start(net, options.pack / "regions.onnx", lambda model: model(make_batch(0).crops))
    plan = loop.Plan(options.steps, options.minutes, learning_rate=options.rate or 2e-3)
    loop.train_as_told(
        options, net, make_batch, losses, plan, lambda mean: region_figures(mean, unseen), sheet_of(unseen)
    )


def main() -> None:
    """Train from the command line."""
    run(loop.start("regions"))


if __name__ == "__main__":
    main()
