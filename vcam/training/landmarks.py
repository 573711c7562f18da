"""Training of ``landmarks.onnx``: 157 landmarks, head pose and visibility, distilled from FaceMesh.

``python -m vcam.training.landmarks --cache DIR --backgrounds DIR --out DIR --minutes 15``

Convention of the pose, degrees: yaw > 0 = the nose points to the image's right, pitch > 0 = it
points up, roll > 0 = the head is turned clockwise as seen. Zero is the mean face of the training set.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vcam import topology
from vcam.training import augment, loop
from vcam.training.data import SETS, Faces, load_faces
from vcam.training.options import Options
from vcam.training.sheets import bands, with_points
from vcam.training.small_nets import LandmarkNet
from vcam.training.warm_start import warm_start

SIZE = 128
JITTER = augment.Jitter(roll_deg=12, scale=0.14, shift=0.07, steady=0.75)  # what a tracker is off by
FAULTLESS_SHARE = 0.25
NEGATIVE_SHARE = 0.2
EXPRESSIVE_SHARE = 0.4  # of the faces, drawn from those with wide mouths, closed eyes or turned heads
_LIDS = [[topology.LID_UPPER_LEFT, topology.LID_LOWER_LEFT], [topology.LID_UPPER_RIGHT, topology.LID_LOWER_RIGHT]]
_OPENINGS = torch.tensor([*_LIDS, [topology.LIP_UPPER, topology.LIP_LOWER]])
_RIGID = np.array([10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 33, 133, 362, 263, 127, 356, 234, 454, 93, 323, 50, 280])


@dataclass(frozen=True)
class LandmarkBatch:
    """One training batch; labels of crops without a usable face are not read."""

    crops: Tensor  # [B, 3, 128, 128] -1..1
    points: Tensor  # [B, 157, 2] px
    pose: Tensor  # [B, 3] degrees
    visible: Tensor  # [B, 1] 0 or 1


def head_poses(mesh: NDArray[np.float32], reference: NDArray[np.float64]) -> NDArray[np.float32]:
    """Yaw, pitch and roll by Kabsch's rotation of the rigid points onto the mean face.

    Args:
        mesh: float32 (N, 468, 3).
        reference: float64 (23, 3), the mean face's rigid points, centred.

    Returns:
        float32 (N, 3) degrees.
    """
    rigid = mesh[:, _RIGID].astype(np.float64)
    rigid -= rigid.mean(1, keepdims=True)
    u, _, vt = np.linalg.svd(np.einsum("nki,kj->nij", rigid, reference))
    turn = np.ones((len(mesh), 3))
    turn[:, 2] = np.sign(np.linalg.det(u @ vt))
    r = (u * turn[:, None]) @ vt  # rigid = r @ reference; r = Rz(roll) Ry(yaw) Rx(pitch)
    yaw = np.arcsin(np.clip(r[:, 2, 0], -1, 1))
    pitch = np.arctan2(-r[:, 2, 1], r[:, 2, 2])
    roll = np.arctan2(r[:, 1, 0], r[:, 0, 0])
    return np.degrees(np.stack([yaw, pitch, roll], 1)).astype(np.float32)


def mean_face(mesh: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean face's rigid points, float64 (23, 3), centred; symmetric, so that zero yaw means frontal."""
    face = mesh[:, _RIGID].astype(np.float64).mean(0)
    face -= face.mean(0)
    mirrored = face * [-1, 1, 1]
    nearest = np.linalg.norm(mirrored[:, None] - face[None], axis=2).argmin(1)
    face = (face + mirrored[np.argsort(nearest)]) / 2
    return np.asarray(face - face.mean(0), np.float64)


class LandmarkData:
    """Cached faces with their labels, and what a training crop is made of."""

    def __init__(self, faces: Faces, backgrounds: augment.Backgrounds, split: str):
        """Keep the faces of one split ("train" or "val")."""
        chosen = np.flatnonzero(faces.split == split)
        self.images = faces.images
        self.chosen = chosen
        self.points = faces.mesh[:, list(topology.MESH), :2]
        self.pose = head_poses(faces.mesh, mean_face(faces.mesh[faces.split == "train"]))
        self.expressive = chosen[_is_expressive(self.points[chosen], self.pose[chosen])]
        self.backgrounds = backgrounds
        self.mirror = topology.mirrored_order()

    def batch(self, rng: Generator, size: int, negative_share: float = NEGATIVE_SHARE) -> LandmarkBatch:
        """Random crops, every one drawn anew."""
        return pack([self._drawn(rng, negative_share) for _ in range(size)])

    def _drawn(self, rng: Generator, negative_share: float) -> Row:
        if rng.random() < negative_share:
            return self._negative(rng)
        return self.positive(rng, self._pick(rng), faults=rng.random() >= FAULTLESS_SHARE)

    def positive(self, rng: Generator, i: int, jitter: augment.Jitter = JITTER, faults: bool = True) -> Row:
        """A usable face: jittered, perhaps partly covered, as a webcam would show it."""
        image, points, pose = self._mirrored(rng, i)
        matrix = jitter.draw(rng, SIZE)
        crop = self._warp(rng, image, matrix)
        points = points @ matrix[:, :2].T + matrix[:, 2]
        pose = pose + np.array([0, 0, augment.roll_of(matrix)])
        if faults and rng.random() < 0.2:
            crop = self._covered(rng, crop, points, extent=rng.uniform(0.2, 0.6), most=0.35)[0]
        if faults:
            crop = augment.camera_faults(crop, rng)
        return Row(crop, points, pose, visible=True)

    def _negative(self, rng: Generator) -> Row:
        """No usable face: background, a crop far off, a face mostly covered."""
        kind = rng.choice(4, p=[0.25, 0.25, 0.35, 0.15])
        if kind == 0:
            crop = self.backgrounds.draw(rng, SIZE, SIZE)
        elif kind == 1:
            crop = self._far_off(rng)
        elif kind == 2:
            crop = self._warp(rng, self.images[self._pick(rng)], _wrong_similarity(rng))
        else:
            image, points, _ = self._mirrored(rng, self._pick(rng))
            matrix = JITTER.draw(rng, SIZE)
            points = points @ matrix[:, :2].T + matrix[:, 2]
            crop, share = self._covered(rng, self._warp(rng, image, matrix), points, rng.uniform(1.0, 1.8), most=1.0)
            if share < 0.6:
                crop = self.backgrounds.draw(rng, SIZE, SIZE)
        return Row(augment.camera_faults(crop, rng), np.zeros((topology.COUNT, 2)), np.zeros(3), visible=False)

    def _far_off(self, rng: Generator) -> augment.Picture:
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.9) * SIZE
        shift = distance * np.array([np.cos(angle), np.sin(angle)])
        matrix = augment.centred_similarity(SIZE, rng.normal(0, 12), np.exp(rng.normal(0, 0.25)), shift)
        return self._warp(rng, self.images[self._pick(rng)], matrix)

    def _pick(self, rng: Generator) -> int:
        pool = self.expressive if rng.random() < EXPRESSIVE_SHARE else self.chosen
        return int(pool[rng.integers(len(pool))])

    def _mirrored(self, rng: Generator, i: int) -> tuple[augment.Picture, NDArray[np.float64], NDArray[np.float64]]:
        image, points, pose = self.images[i], self.points[i].astype(np.float64), self.pose[i].astype(np.float64)
        if rng.random() < 0.5:
            image = np.ascontiguousarray(image[:, ::-1])
            points = [SIZE - 1, 0] + points[self.mirror] * [-1, 1]
            pose = pose * [-1, 1, -1]
        return image, points, pose

    def _warp(self, rng: Generator, image: augment.Picture, matrix: augment.Matrix) -> augment.Picture:
        """Warp a crop; beyond it lies the repeated border or some background."""
        if rng.random() < 0.5:
            return augment.put_face(image, matrix, self.backgrounds.draw(rng, SIZE, SIZE))
        return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def _covered(self, rng: Generator, crop: augment.Picture, points: NDArray[np.floating], extent: float,
                 most: float) -> tuple[augment.Picture, float]:  # fmt: skip
        """Something in front of the face; untouched when it would hide more than ``most`` of it."""
        low, high = points[topology.OVAL].min(0), points[topology.OVAL].max(0)
        middle = (low + high) / 2
        centre = middle + rng.normal(0, 0.28 if most < 1 else 0.08, 2) * (high - low)
        mask = augment.draw_occluder(rng, SIZE, centre, extent * float((high - low).mean()))
        face = cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [points[topology.OVAL].astype(np.int32)], 1) > 0
        hidden = float((mask[face] > 127).mean()) if face.any() else 1.0
        if hidden > most:
            return crop, 0.0
        x, y = np.clip(points[topology.CHEEKS[0]], 0, SIZE - 1).astype(int)
        return augment.paint_occluder(rng, crop, mask, crop[y, x].astype(np.float64), self.backgrounds), hidden


def _is_expressive(points: NDArray[np.float32], pose: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,) the widest tenth of the mouths, the narrowest tenth of the eyes, the most turned tenth of the heads."""
    gaps = np.linalg.norm(points[:, _OPENINGS[:, 0]] - points[:, _OPENINGS[:, 1]], axis=2)  # (N, 3) px
    eyes, mouth, turn = gaps[:, :2].min(1), gaps[:, 2], np.abs(pose[:, :2]).max(1)
    wide, narrow, turned = np.quantile(mouth, 0.9), np.quantile(eyes, 0.1), np.quantile(turn, 0.9)
    return np.asarray((mouth >= wide) | (eyes <= narrow) | (turn >= turned))


@dataclass(frozen=True)
class Row:
    """One crop and its labels."""

    crop: augment.Picture
    points: NDArray[np.floating]
    pose: NDArray[np.floating]
    visible: bool


def _wrong_similarity(rng: Generator) -> augment.Matrix:
    """A crop that shows the face much too small, much too large or far too much turned."""
    kind = rng.integers(3)
    scale = (rng.uniform(0.12, 0.55), rng.uniform(1.65, 4.5), 1.0)[kind]
    roll = rng.uniform(60, 300) if kind == 2 else rng.normal(0, 15)
    return augment.centred_similarity(SIZE, roll, scale, rng.uniform(-0.2, 0.2, 2) * SIZE)


def pack(rows: list[Row]) -> LandmarkBatch:
    """Rows to tensors."""
    return LandmarkBatch(
        to_net(np.stack([r.crop for r in rows])),
        torch.from_numpy(np.stack([r.points for r in rows]).astype(np.float32)),
        torch.from_numpy(np.stack([r.pose for r in rows]).astype(np.float32)),
        torch.tensor([[float(r.visible)] for r in rows]),
    )


def to_net(crops: NDArray[np.uint8]) -> Tensor:
    """uint8 (B, H, W, 3) RGB to float32 [B, 3, H, W] in -1..1."""
    x = torch.from_numpy(crops).permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)
    return x.contiguous(memory_format=torch.channels_last)


def _weights() -> Tensor:
    weights = torch.ones(topology.COUNT)
    weights[topology.EYES] = 2.0
    weights[topology.LIPS] = 1.8
    return weights / weights.mean()


_WEIGHTS = _weights()
_OPENING_WEIGHTS = torch.tensor([2.0, 2.0, 1.0])  # both eyes, whose openings are the smallest; the mouth


def losses(net: nn.Module, batch: LandmarkBatch) -> dict[str, Tensor]:
    """Points and openings in px, pose in tens of degrees, visibility by cross-entropy."""
    points, pose, logit = net(batch.crops)
    seen = batch.visible  # [B, 1]
    count = seen.sum().clamp(min=1)
    distance = (points - batch.points).abs().sum(2) * _WEIGHTS.to(points.device)  # [B, 157]
    gap = points[:, _OPENINGS[:, 0]] - points[:, _OPENINGS[:, 1]]  # [B, 3, 2]
    true_gap = batch.points[:, _OPENINGS[:, 0]] - batch.points[:, _OPENINGS[:, 1]]
    return {
        "points": (distance.mean(1, keepdim=True) * seen).sum() / count,
        "openings": (((gap - true_gap).abs().mean(2) @ _OPENING_WEIGHTS.to(gap.device))[:, None] * seen).sum() / count,
        "pose": ((pose - batch.pose).abs().mean(1, keepdim=True) * seen).sum() / count * 0.1,
        "visibility": functional.binary_cross_entropy_with_logits(logit, batch.visible) * 2,
    }


def validator(data: LandmarkData, count: int = 512) -> loop.Validate:
    """Figures on fixed crops of the validation split: px errors at 128, pose, visibility."""
    rng = np.random.default_rng(7)
    picked = rng.choice(data.chosen, min(count, len(data.chosen)), replace=False)
    still = augment.Jitter(0, 0, 0)
    sets = {
        "aligned": pack([data.positive(rng, int(i), still, faults=False) for i in picked]),
        "jittered": pack([data.positive(rng, int(i)) for i in picked]),
    }
    negatives = data.batch(rng, 256, negative_share=1.0)

    def validate(net: nn.Module) -> dict[str, float]:
        figures: dict[str, float] = {}
        with torch.inference_mode():
            for name, batch in sets.items():
                points, pose, logit = net(batch.crops)
                error = (points - batch.points).norm(dim=2)
                figures |= {f"{name}_px": error.mean().item(), f"{name}_eyes_px": error[:, topology.EYES].mean().item()}
                figures |= {f"{name}_lips_px": error[:, topology.LIPS].mean().item()}
                figures |= {f"{name}_pose_deg": (pose - batch.pose).abs().mean().item()}
                figures |= {f"{name}_seen": (logit > 0).float().mean().item()}
            figures["negatives_seen"] = (net(negatives.crops)[2] > 0).float().mean().item()
        return figures

    return validate


def sheet_of(data: LandmarkData, count: int = 24) -> loop.Sheet:
    """The points found on unseen crops."""
    rng = np.random.default_rng(8)
    picked = rng.choice(data.chosen, min(count, len(data.chosen)), replace=False)
    images = np.stack([data.positive(rng, int(i)).crop for i in picked])

    def draw(net: nn.Module) -> NDArray[np.uint8]:
        with torch.inference_mode():
            return bands(with_points(images, net(to_net(images))[0].numpy()))

    return draw


def run(options: Options) -> None:
    """Train the landmark net."""
    backgrounds = augment.Backgrounds(options.backgrounds)
    faces = load_faces(options.cache, SETS, ("images", "mesh"))
    data = LandmarkData(faces, backgrounds, "train")
    unseen = LandmarkData(faces, backgrounds, "val")
    net = LandmarkNet().to(memory_format=torch.channels_last)
    with torch.no_grad():
        net.points.bias.copy_(torch.from_numpy((data.points[data.chosen].mean(0) - 64) / 8).flatten())

    def make_batch(step: int) -> LandmarkBatch:
        return data.batch(np.random.default_rng((options.seed, step)), options.batch)

    if options.pack:
        warm_start(net, options.pack / "landmarks.onnx", lambda model: model(make_batch(0).crops))
    plan = loop.Plan(options.steps, options.minutes, learning_rate=options.rate or 2e-3)
    loop.train_as_told(options, net, make_batch, losses, plan, validator(unseen), sheet_of(unseen))


def main() -> None:
    """Train from the command line."""
    run(loop.start("landmarks"))


if __name__ == "__main__":
    main()
