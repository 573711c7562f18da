"""Training of ``detector.onnx``: faces with five landmarks, from collages.

``python -m vcam.training.detector --cache DIR --backgrounds DIR --data DIR --out DIR --minutes 60``
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vcam.training import augment, loop
from vcam.training.collages import Collage, CollageMaker, Scene
from vcam.training.data import Faces, load_faces
from vcam.training.landmarks import to_net
from vcam.training.options import Options
from vcam.training.sheets import bands, with_boxes
from vcam.training.small_nets import STRIDES, DetectorNet
from vcam.training.warm_start import warm_start

SETS = ("generated", "celebamask", "celeba_wild", "celeba_test", "lfw", "utk")
TRAIN_SIDE = 192  # square pictures as high as a 16:9 frame: more faces for each pixel computed
LEVEL_SIZES = ((0.0, 34.0), (24.0, 88.0), (64.0, 1e9))  # sqrt(area) of the faces that a level learns, px
CENTRE_SHARE = 0.2  # cells within this share of the box's size from its centre are positive
NMS_IOU = 0.4
MIN_SCORE = 0.6  # as the program asks for (vcam.faces.detect)


@dataclass(frozen=True)
class DetectorBatch:
    """Pictures and dense labels: one row per cell."""

    images: Tensor  # [B, 3, H, W] -1..1
    positive: Tensor  # [B, N] bool
    boxes: Tensor  # [B, N, 4] px, where positive
    landmarks: Tensor  # [B, N, 10] px, where positive


@dataclass(frozen=True)
class Detections:
    """What the net finds in one picture, best first, after suppression of doubles."""

    scores: NDArray[np.float32]  # (K,)
    boxes: NDArray[np.float32]  # (K, 4)
    landmarks: NDArray[np.float32]  # (K, 5, 2)


def assign_cells(collage: Collage) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    """Which cells are to see which face: (N,) positive, (N, 4) boxes, (N, 10) landmarks.

    The cells near the box's centre, on the levels that suit its size; of two faces the nearer centre wins.
    """
    height, width = collage.image.shape[:2]
    positive, boxes, landmarks = [], [], []
    for stride, (low, high) in zip(STRIDES, LEVEL_SIZES, strict=True):
        y, x = np.mgrid[: height // stride, : width // stride]
        cells = (np.stack([x, y], 2).reshape(-1, 2) + 0.5) * stride
        owner = np.full(len(cells), -1)
        nearest = np.full(len(cells), np.inf)
        for k, box in enumerate(collage.boxes):
            wh = box[2:] - box[:2]
            if not low <= np.sqrt(wh[0] * wh[1]) < high:
                continue
            away = np.abs(cells - (box[:2] + box[2:]) / 2)
            reach = np.maximum(CENTRE_SHARE * wh, 0.75 * stride)
            distance = (away**2).sum(1)
            taken = (away <= reach).all(1) & (distance < nearest)
            owner[taken], nearest[taken] = k, distance[taken]
        positive.append(owner >= 0)
        padded = np.vstack([collage.boxes, np.zeros((1, 4), np.float32)])
        boxes.append(padded[owner])
        landmarks.append(np.vstack([collage.landmarks.reshape(-1, 10), np.zeros((1, 10), np.float32)])[owner])
    return np.concatenate(positive), np.concatenate(boxes), np.concatenate(landmarks)


def pack(collages: list[Collage]) -> DetectorBatch:
    """Collages of one size to tensors."""
    labels = [assign_cells(c) for c in collages]
    positive, boxes, landmarks = (torch.from_numpy(np.stack(part)) for part in zip(*labels, strict=True))
    return DetectorBatch(to_net(np.stack([c.image for c in collages])), positive, boxes, landmarks)


def losses(net: nn.Module, batch: DetectorBatch) -> dict[str, Tensor]:
    """Quality focal loss (Li et al., 2020), distance-IoU loss (Zheng et al., 2020), landmarks by smooth L1."""
    cells = net(batch.images)  # [B, N, 15]
    found = cells[batch.positive]  # [P, 15]
    boxes, landmarks = batch.boxes[batch.positive], batch.landmarks[batch.positive]
    iou, distance = box_likeness(found[:, 1:5], boxes)
    quality = torch.zeros_like(cells[:, :, 0])
    quality[batch.positive] = iou.detach().clamp(min=0.1).sqrt()  # a face is a face while the box is still poor
    count = batch.positive.sum().clamp(min=1)
    logits = cells[:, :, 0]
    weight = (torch.sigmoid(logits.detach()) - quality).abs().square()
    score = functional.binary_cross_entropy_with_logits(logits, quality, weight, reduction="sum") / count
    size = (boxes[:, 2:] - boxes[:, :2]).prod(1).clamp(min=1).sqrt()[:, None]
    points = functional.smooth_l1_loss(found[:, 5:] / size, landmarks / size, beta=0.05, reduction="sum") / 10 / count
    return {"score": score, "box": 2 * (1 - iou + distance).sum() / count, "landmarks": 4 * points}


def box_likeness(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU of paired boxes [P, 4], and the squared distance of their centres in units of the hull's diagonal."""
    wh = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    inter = wh.prod(1)
    area_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(1)
    area_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(1)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    apart = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2).square().sum(1)
    iou = inter / (area_a + area_b - inter).clamp(min=1e-6)
    return iou, apart / hull.square().sum(1).clamp(min=1e-6)


def select(scores: NDArray[np.float32], boxes: NDArray[np.float32], landmarks: NDArray[np.float32],
           threshold: float = MIN_SCORE) -> Detections:  # fmt: skip
    """The detections of one picture above a score, without doubles.

    Args:
        scores: (N,) 0..1.
        boxes: (N, 4) xyxy px.
        landmarks: (N, 10) px.
        threshold: least score.
    """
    xywh = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = np.array(cv2.dnn.NMSBoxes(xywh.tolist(), scores.tolist(), threshold, NMS_IOU), np.intp).reshape(-1)
    return Detections(scores[kept], boxes[kept], landmarks[kept].reshape(-1, 5, 2))


def count_matches(found: Detections, collage: Collage) -> tuple[int, int]:
    """(faces found at IoU .5, detections that match no face)."""
    free = list(range(len(collage.boxes)))
    false = 0
    for box in found.boxes:
        ious = [float(box_likeness(torch.tensor(box)[None], torch.tensor(collage.boxes[k])[None])[0]) for k in free]
        if ious and max(ious) >= 0.5:
            free.pop(int(np.argmax(ious)))
        else:
            false += 1
    return len(collage.boxes) - len(free), false


CROWD = Scene(roll_deg=30, counts=(0, 0.4, 0.25, 0.15, 0.1, 0.1))


@torch.inference_mode()
def find(net: nn.Module, collage: Collage) -> Detections:
    """The faces of a collage."""
    cells = net(to_net(collage.image[None]))[0]
    scores, rest = torch.sigmoid(cells[:, 0]).numpy(), cells[:, 1:].numpy()
    return select(scores, rest[:, :4], rest[:, 4:])


def sheet_of(maker: CollageMaker, count: int = 12) -> loop.Sheet:
    """The boxes found in unseen collages."""
    rng = np.random.default_rng(12)
    crowd = [maker.draw(rng, 192, 320, CROWD) for _ in range(count)]

    def draw(net: nn.Module) -> NDArray[np.uint8]:
        return bands(with_boxes([c.image for c in crowd], [find(net, c).boxes for c in crowd]), columns=4)

    return draw


def validator(maker: CollageMaker, count: int = 150) -> loop.Validate:
    """Recall and false boxes on fixed 320 x 192 collages, and false boxes on fixed faceless pictures."""
    rng = np.random.default_rng(11)
    crowd = [maker.draw(rng, 192, 320, CROWD) for _ in range(count)]
    empty = [maker.draw(rng, 192, 320, Scene(counts=(1.0,))) for _ in range(count)]

    def validate(net: nn.Module) -> dict[str, float]:
        matches = [count_matches(find(net, c), c) for c in crowd]
        false_empty = sum(len(find(net, c).scores) for c in empty)
        faces = sum(len(c.boxes) for c in crowd)
        return {
            "recall": sum(m[0] for m in matches) / faces,
            "false_per_picture": sum(m[1] for m in matches) / len(crowd),
            "false_per_500_empty": false_empty * 500 / len(empty),
        }

    return validate


def make_maker(faces: Faces, options: Options, split: str) -> CollageMaker:
    """Collages of one split, as the command line's options say."""
    return CollageMaker(faces, augment.Backgrounds(options.backgrounds), split, options.data)


def run(options: Options) -> None:
    """Train the detector."""
    faces = load_faces(options.cache, SETS, ("images", "mesh", "points5"))
    maker = make_maker(faces, options, "train")
    net = DetectorNet().to(memory_format=torch.channels_last)

    def make_batch(step: int) -> DetectorBatch:
        rng = np.random.default_rng((options.seed, step))
        return pack([maker.draw(rng, TRAIN_SIDE, TRAIN_SIDE) for _ in range(options.batch)])

    if options.pack:
        warm_start(net, options.pack / "detector.onnx", lambda model: model(make_batch(0).images))
    plan = loop.Plan(options.steps, options.minutes, learning_rate=options.rate or 2e-3)
    unseen = make_maker(faces, options, "val")
    loop.train_as_told(options, net, make_batch, losses, plan, validator(unseen), sheet_of(unseen))


def main() -> None:
    """Train from the command line."""
    run(loop.start("detector"))


if __name__ == "__main__":
    main()
