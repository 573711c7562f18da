"""The measured tables of the four small nets, on the files that ship and people they never saw.

``python -m vcam.training.measure_small --models models --cache DIR --data DIR --backgrounds DIR [NAME ...]``
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from vcam import topology
from vcam.errors import BadInput
from vcam.inference import Net, open_session
from vcam.training import augment, collages, detector, landmarks, regions
from vcam.training.data import SETS, load_faces, unit_embeddings
from vcam.training.details import embedding_by
from vcam.training.identity_space import DIMENSIONS, teachers_part
from vcam.training.mesher import MESH_SIZE, Mesher, to_side

Figures = dict[str, float]
_FRAME_HW = (192, 320)
_PRODUCT_SIDE = 512  # the yardstick of speed: a matrix product of this side


@dataclass(frozen=True)
class Material:
    """Where everything is, and how much of it to look at."""

    models: Path
    cache: Path
    data: Path
    backgrounds: Path | None
    pictures: int = 500
    threads: int = 1

    def open(self, name: str) -> Net:
        """One net of the pack."""
        return open_session(self.models / f"{name}.onnx", threads=self.threads, accelerators=())


def time_against_product(net: Net, runs: int = 60) -> Figures:
    """Median milliseconds of one run, and of a 512^3 float32 matrix product timed in turn with it.

    A dimension that the net leaves open is that of a whole frame.
    """
    rng = np.random.default_rng(0)
    frame = dict(enumerate((1, 3, *_FRAME_HW)))
    values = {
        name: rng.uniform(-1, 1, [size or frame[axis] for axis, size in enumerate(shape)]).astype(np.float32)
        for name, shape in net.inputs.items()
    }
    a = torch.from_numpy(rng.standard_normal((_PRODUCT_SIDE, _PRODUCT_SIDE), np.float32))
    times: list[tuple[float, float]] = []
    for _ in range(runs):
        began = time.perf_counter()
        net.run(**values)
        between = time.perf_counter()
        torch.mm(a, a)
        times.append((between - began, time.perf_counter() - between))
    run_ms, product_ms = 1e3 * np.median(np.array(times), 0)
    least_ms, least_product_ms = 1e3 * np.min(np.array(times), 0)
    return {
        "ms": run_ms, "product_ms": product_ms, "ratio": run_ms / product_ms,
        "least_ms": least_ms, "least_ratio": least_ms / least_product_ms,
    }  # fmt: skip


def measure_detector(material: Material) -> Figures:
    """Recall on single faces and collages of 32 px to 90 % of the picture, and below; false boxes; landmarks; time."""
    net = material.open("detector")
    faces = load_faces(material.cache, SETS, ("images", "mesh", "points5"))
    backgrounds = augment.Backgrounds(material.backgrounds)
    maker = collages.CollageMaker(faces, backgrounds, "val", material.data)
    rng = np.random.default_rng(23)
    usual, crowd = (32.0, 0.9 * _FRAME_HW[0]), (0.0, 0.2, 0.2, 0.2, 0.2, 0.2)
    scenes = {
        "single": collages.Scene(usual, 0.9, 30, (0.0, 1.0)),
        "collage": collages.Scene(usual, 0.9, 30, crowd),
        "small": collages.Scene((10.0, 32.0), 0.9, 30, (0.0, 1.0)),
    }
    figures: Figures = {}
    for name, scene in scenes.items():
        figures |= {f"{name}_{k}": v for k, v in _detect_all(net, maker, rng, scene, material.pictures).items()}
    for name, distracted in (("empty", False), ("distracted", True)):
        scene = collages.Scene(counts=(1.0,), distracted=distracted)
        found = [_detect(net, maker.draw(rng, *_FRAME_HW, scene).image) for _ in range(material.pictures)]
        figures[f"false_boxes_per_500_{name}"] = 500 * sum(len(f.scores) for f in found) / material.pictures
    return figures | time_against_product(net)


def _detect(net: Net, image: augment.Picture) -> detector.Detections:
    found = net.run(image=landmarks.to_net(image[None]).contiguous().numpy())
    return detector.select(found["scores"][0], found["boxes"][0], found["landmarks"][0])


def _detect_all(net: Net, maker: collages.CollageMaker, rng: Generator, scene: collages.Scene, count: int) -> Figures:
    """Recall overall and by height, false boxes a picture, landmark error in % of the inter-eye distance."""
    heights, hits, errors, false = [], [], [], 0
    for _ in range(count):
        collage = maker.draw(rng, *_FRAME_HW, scene)
        found = _detect(net, collage.image)
        false += detector.count_matches(found, collage)[1]
        for box, points in zip(collage.boxes, collage.landmarks, strict=True):
            ious = [
                float(detector.box_likeness(torch.tensor(b)[None], torch.tensor(box)[None])[0]) for b in found.boxes
            ]
            hit = bool(ious) and max(ious) >= 0.5
            heights.append(float(box[3] - box[1]))
            hits.append(hit)
            if hit:
                eyes = float(np.linalg.norm(points[0] - points[1]))
                away = np.linalg.norm(found.landmarks[int(np.argmax(ious))] - points, axis=1).mean()
                errors.append(100 * float(away) / max(eyes, 1.0))
    tall, hit_rows = np.array(heights), np.array(hits)
    bands = {"below_20px": (0, 20), "20_60px": (20, 60), "60px_up": (60, 1e9)}
    within = {name: hit_rows[(tall >= low) & (tall < high)] for name, (low, high) in bands.items()}
    by_band = {f"recall_{name}": float(rows.mean()) for name, rows in within.items() if len(rows)}
    return {
        "recall": float(hit_rows.mean()), "false_boxes_per_picture": false / count,
        "landmark_error_percent": float(np.mean(errors)),
    } | by_band  # fmt: skip


def measure_landmarks(material: Material) -> Figures:
    """Errors in % of the inter-eye distance, openings, pose and visibility, on aligned and jittered crops."""
    net = material.open("landmarks")
    faces = load_faces(material.cache, SETS, ("images", "mesh"))
    data = landmarks.LandmarkData(faces, augment.Backgrounds(material.backgrounds), "val")
    rng = np.random.default_rng(29)
    picked = rng.choice(data.chosen, min(material.pictures, len(data.chosen)), replace=False)
    still = augment.Jitter(0, 0, 0)
    tracked = augment.Jitter(20, 0.2, 0.1)
    rows = {
        "aligned": [data.positive(rng, int(i), still, faults=False) for i in picked],
        "jittered": [data.positive(rng, int(i), tracked, faults=False) for i in picked],
        "webcam": [data.positive(rng, int(i), tracked) for i in picked],
    }
    figures: Figures = {}
    for name, group in rows.items():
        figures |= {f"{name}_{k}": v for k, v in _landmark_figures(net, landmarks.pack(group)).items()}
    figures |= _one_look_figures(net, Mesher(material.data / "teachers"), landmarks.pack(rows["aligned"]))
    negatives = data.batch(rng, material.pictures, negative_share=1.0)
    seen = [net.run(crop=crop[None].contiguous().numpy())["visibility"][0, 0] for crop in negatives.crops]
    figures["negatives_called_visible"] = float((np.array(seen) > 0.5).mean())
    return figures | time_against_product(net)


def _one_look_figures(net: Net, mesher: Mesher, batch: landmarks.LandmarkBatch) -> Figures:
    """How far a single look of the teacher is from its mean, and the net from a single look."""
    looks = []
    for crop in batch.crops:
        picture = ((crop.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
        enlarged = np.asarray(cv2.resize(picture, (MESH_SIZE, MESH_SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)
        looks.append(mesher.one_look(enlarged)[list(topology.MESH), :2])
    mesh = to_side(np.dstack([np.stack(looks), np.zeros((len(looks), topology.COUNT))]), landmarks.SIZE)[..., :2]
    points = np.concatenate([net.run(crop=crop[None].contiguous().numpy())["landmarks"] for crop in batch.crops])
    unit = _between_eyes(batch.points.numpy())
    truth = batch.points.numpy()
    return {
        "one_look_error_percent": float((100 * np.linalg.norm(points - mesh, axis=2) / unit).mean()),
        "one_look_eye_opening_correlation": _correlation(_eye_opening(points), _eye_opening(mesh)),
        "one_look_mouth_opening_correlation": _correlation(_mouth_opening(points), _mouth_opening(mesh)),
        "teachers_one_look_error_percent": float((100 * np.linalg.norm(mesh - truth, axis=2) / unit).mean()),
        "teachers_one_look_eye_opening_correlation": _correlation(_eye_opening(mesh), _eye_opening(truth)),
    }


def _between_eyes(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inter-eye distance of each face, (N, 1) px."""
    apart = points[:, topology.EYE_LEFT].mean(1) - points[:, topology.EYE_RIGHT].mean(1)
    return np.asarray(np.linalg.norm(apart, axis=1)[:, None], np.float32)


def _landmark_figures(net: Net, batch: landmarks.LandmarkBatch) -> Figures:
    found = [net.run(crop=crop[None].contiguous().numpy()) for crop in batch.crops]
    points = np.concatenate([f["landmarks"] for f in found])  # (N, 157, 2)
    truth = batch.points.numpy()
    error = 100 * np.linalg.norm(points - truth, axis=2) / _between_eyes(truth)
    pose = np.concatenate([f["pose"] for f in found])
    visible = np.concatenate([f["visibility"] for f in found])
    return {
        "error_percent": float(error.mean()),
        "eyes_error_percent": float(error[:, topology.EYES].mean()),
        "lips_error_percent": float(error[:, topology.LIPS].mean()),
        "eye_opening_correlation": _correlation(_eye_opening(points), _eye_opening(truth)),
        "mouth_opening_correlation": _correlation(_mouth_opening(points), _mouth_opening(truth)),
        "pose_error_degrees": float(np.abs(pose - batch.pose.numpy()).mean()),
        "called_visible": float((visible > 0.5).mean()),
    }


def _correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def _eye_opening(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean height of the lids' gap in units of the eyes' width, (N,)."""
    gaps = [(topology.LID_UPPER_LEFT, topology.LID_LOWER_LEFT), (topology.LID_UPPER_RIGHT, topology.LID_LOWER_RIGHT)]
    height = np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in gaps], 0)
    width = np.linalg.norm(points[:, topology.EYE_OUTER_LEFT] - points[:, topology.EYE_INNER_LEFT], axis=1)
    return np.asarray(height / width)


def _mouth_opening(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Gap of the inner lips in units of the mouth's width, (N,)."""
    gap = np.linalg.norm(points[:, topology.LIP_UPPER] - points[:, topology.LIP_LOWER], axis=1)
    return np.asarray(gap / np.linalg.norm(points[:, topology.MOUTH_LEFT] - points[:, topology.MOUTH_RIGHT], axis=1))


def measure_embedder(material: Material) -> Figures:
    """LFW by ten folds, ours and the teacher's; cosine to the teacher on the pictures of LFW; time."""
    net = material.open("embedder")
    faces = load_faces(material.cache, ("lfw",), ("crops112", "embeddings"))
    with (material.data / "faces" / "lfw_pairs.csv").open(newline="", encoding="utf-8") as lines:
        listed = [(row["a"], row["b"], row["same"] == "1") for row in csv.DictReader(lines)]
    row_of = {str(file): row for row, file in enumerate(faces.file)}
    try:
        pairs = np.array([(row_of[a], row_of[b]) for a, b, _ in listed])  # (6000, 2) rows
    except KeyError as error:
        raise BadInput(f"the cached set lfw lacks the picture {error}; cache it whole") from error
    same = np.array([s for _, _, s in listed])
    used = np.unique(pairs)
    ours = np.zeros((len(faces), DIMENSIONS), np.float32)
    ours[used] = embedding_by(net)(faces.crops112[used])
    teachers = unit_embeddings(faces.embeddings)
    figures = {"lfw_cosine_to_teacher": float((teachers_part(ours[used]) * teachers[used]).sum(1).mean())}
    for name, vectors in (("ours", ours), ("teacher", teachers)):
        scores = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(1)
        figures |= {f"{name}_{k}": v for k, v in verification(scores, same).items()}
    return figures | time_against_product(net)


def verification(scores: NDArray[np.floating], same: NDArray[np.bool_], folds: int = 10) -> Figures:
    """Accuracy with the threshold chosen on the other folds, true accepts at one false accept in a thousand.

    Args:
        scores: (N,) cosine of each pair.
        same: (N,) whether the pair shows one person.
        folds: contiguous parts of the list.
    """
    thresholds = np.arange(-0.2, 0.9, 0.005)
    right = (scores[:, None] >= thresholds) == same[:, None]  # (N, thresholds)
    part = np.arange(len(scores)) * folds // len(scores)
    accuracies = []
    for fold in range(folds):
        best = thresholds[right[part != fold].mean(0).argmax()]
        accuracies.append(float(((scores >= best) == same)[part == fold].mean()))
    at_far = float(np.quantile(scores[~same], 0.999))
    return {
        "accuracy": float(np.mean(accuracies)), "accuracy_std": float(np.std(accuracies)),
        "tar_at_far_1e3": float((scores[same] > at_far).mean()),
        "cosine_same": float(scores[same].mean()), "cosine_different": float(scores[~same].mean()),
    }  # fmt: skip


def measure_regions(material: Material) -> Figures:
    """Mean IoU, face against the rest, drawn occluders; time."""
    net = material.open("regions")
    faces = load_faces(material.cache, ("celebamask",), ("images", "mesh"))
    data = regions.RegionsData(faces, augment.Backgrounds(material.backgrounds), "val", material.data)

    def run(crops: torch.Tensor) -> torch.Tensor:
        found = [net.run(crop=crop[None].contiguous().numpy())["regions"] for crop in crops]
        return torch.from_numpy(np.concatenate(found))

    return regions.region_figures(run, data) | time_against_product(net)


MEASURES: dict[str, Callable[[Material], Figures]] = {
    "detector": measure_detector,
    "landmarks": measure_landmarks,
    "embedder": measure_embedder,
    "regions": measure_regions,
}
MEASURED_SETS = {"detector": SETS, "landmarks": SETS, "embedder": ("lfw",), "regions": ("celebamask",)}


def main() -> None:
    """Print the figures of the nets as JSON."""
    parser = argparse.ArgumentParser(description="Measure the small nets of the pack.")
    parser.add_argument("names", nargs="*", help=f"default: {' '.join(MEASURES)}")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--pictures", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    material = Material(options.models, options.cache, options.data, options.backgrounds, options.pictures)
    for name in options.names or MEASURES:
        figures = {key: round(float(value), 4) for key, value in MEASURES[name](material).items()}
        print(json.dumps({"net": name} | figures, indent=1), flush=True)


if __name__ == "__main__":
    main()
