"""The table of a generator: the fixed pairs as they ship, groups of people, agreement of forms, speed.

Everything runs the files of a pack through ONNX Runtime, as the program does; a checkpoint is exported to a folder
for the time of the measurement.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vcam import topology as topo
from vcam.inference import open_session
from vcam.training.data import labels_of, points_to_large, to_large
from vcam.training.details import embed_with
from vcam.training.export import export_generator, load_generator
from vcam.training.identity_judge import Images, Vectors
from vcam.training.judge import Bench, Embed, Swap, halved, swap_with
from vcam.training.measure_small import time_against_product
from vcam.training.pairs import pseudo_input
from vcam.training.sheets import bands

Report = dict[str, Any]  # sections of figures; a section that could not be measured is a sentence

SHOWN = np.r_[0:12, 80:104]  # pairs on the contact sheet
LEAST_PEOPLE = 8  # a smaller group says nothing
WEARINGS = 3  # of each labelled person
PASTED_FIGURES = (
    "judge_source",
    "judge_target",
    "judge_verified",
    "judge_top1",
    "landmarks_percent",
    "expression_kept",
)
_PASTE_SEED = 3


@dataclass(frozen=True)
class PairsJob:
    """What to measure.

    Attributes:
        models: folder of the pack.
        data: data folder.
        cache: cache of faces.
        dlib: folder of the judge's nets.
        further: folder of further recognisers, which are told beside it.
        wear: how the program wears a generator, from its folder and that of the pack.
        checkpoint: of a generator, in place of the pack's.
        sheet: contact sheet to write.
    """

    models: Path
    data: Path
    cache: Path
    dlib: Path
    further: Path
    wear: Callable[[Path, Path], Swap]
    checkpoint: Path | None = None
    sheet: Path | None = None


def measure_pairs(job: PairsJob, say: Callable[[str], object] = lambda _: None) -> Report:
    """Every section.

    Args:
        job: what to measure.
        say: takes a word about what is done now.

    Raises:
        BadInput: something is not there.
    """
    say("opening the judges")
    with _graphs(job) as folder:
        worn, bare, embed = job.wear(folder, job.models), swap_with_files(folder), embed_with(job.models)
        bench = Bench(job.data, job.cache, job.dlib, job.further)
        say("swapping the pairs, with the embedder that ships")
        shipped, swaps = bench.measure(worn, embed)
        say("the same without a look at what comes of it")
        unaided = bench.measure(bare, embed)
        say("wearing everybody's own face")
        own = measure_own_face(bench, bare, embed)
        say("pasting the sources' photos")
        pasted = measure_pasted(bench, embed)
        say("groups of people")
        report: Report = {
            "references": bench.references(),
            "as_shipped": shipped,
            "without_feedback": unaided[0],
            "own_face": own,
            "pasted_photo": pasted,
            "groups": measure_groups(bench, worn, embed),
            "agreement": _agreement(job, bench, *unaided, embed),
            "speed": measure_speed(folder, job.models),
        }
    if job.sheet is not None:
        sheet = bands(bench.large_rows(bench.pairs.source[SHOWN]), bench.targets[SHOWN], swaps[SHOWN])
        job.sheet.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(job.sheet), sheet[:, :, ::-1])
    return report


@contextmanager
def _graphs(job: PairsJob) -> Iterator[Path]:
    """The folder of the generator's two files."""
    if job.checkpoint is None:
        yield job.models
        return
    with tempfile.TemporaryDirectory() as folder:
        export_generator(load_generator(job.checkpoint), Path(folder))
        yield Path(folder)


def swap_with_files(folder: Path) -> Swap:
    """The generator of a pack as a function of pictures, without a look at what comes of it."""
    identity, generator = (open_session(folder / f"{name}.onnx", 1, ()) for name in ("identity", "generator"))

    def swap(targets: Images, identities: Vectors, wearers: Vectors) -> Images:
        results = []
        for target, embedding, wearer in zip(targets, identities, wearers, strict=True):
            x = target.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
            style = identity.run(embedding=embedding[None])["style"] - identity.run(embedding=wearer[None])["away"]
            found = generator.run(target=x, style=style)
            y = x + found["mask"] * (found["swap"] - x)
            results.append(((y[0].clip(-1, 1) + 1) * 127.5).round().astype(np.uint8).transpose(1, 2, 0))
        return np.stack(results)

    return swap


def measure_own_face(bench: Bench, swap: Swap, embed: Embed) -> Report:
    """The targets wearing themselves, beside the real pictures: what the generator loses, whoever is worn.

    For comparison the same distance of the real pictures to themselves blurred, as 128 px would show them.
    """
    own = embed(bench.faces.crops112[bench.pairs.target])
    worn = swap(bench.targets, own, own)
    coarse = np.stack([to_large(image) for image in halved(bench.targets)])
    return {
        "feature_distance": bench.feature_distance(worn, bench.targets),
        "feature_distance_of_128_px": bench.feature_distance(coarse, bench.targets),
    }


def measure_pasted(bench: Bench, embed: Embed) -> Report:
    """The targets wearing the source's very photo, drawn to their own landmarks, in place of a generator's picture.

    What no net has made shows how much a judge asks for that a swap of the face alone cannot give: hair, outline and
    the target's proportions stay. The photo is drawn as reverse pairs are (``pseudo_input``): most of it to where the
    target has its features, and in the target's colours.
    """
    rng = np.random.default_rng(_PASTE_SEED)
    rows = bench.pairs.source, bench.pairs.target
    points = (points_to_large(bench.faces.mesh[of][:, list(topo.MESH), :2]) for of in rows)
    each = zip(bench.large_rows(rows[0]), bench.targets, *points, strict=True)
    pictures = np.stack([pseudo_input(target, theirs, photo, own, rng) for photo, target, own, theirs in each])
    figures, _ = bench.measure(lambda *_: pictures, embed)
    return {name: value for name, value in figures.items() if name in PASTED_FIGURES}


def measure_groups(bench: Bench, swap: Swap, embed: Embed) -> Report | str:
    """Identity and pose of each group as a share of everybody's mean, on unseen people of UTKFace.

    Every person is worn three times and wears three others. Identity counts for the group of who is worn, pose for
    the group of who wears.
    """
    people = np.flatnonzero((bench.faces.set == "utk") & (bench.faces.split == "val"))
    if len(people) < LEAST_PEOPLE:
        return "not measured: the cache holds no labelled people (set utk)"
    rows = np.tile(people, WEARINGS)
    worn = np.concatenate([np.roll(people, 1 + k * len(people) // (WEARINGS + 1)) for k in range(1, WEARINGS + 1)])
    images, crops = bench.faces.images, bench.faces.crops112
    swaps = halved(swap(bench.large_rows(rows), embed(crops[worn]), np.tile(embed(crops[people]), (WEARINGS, 1))))
    seen, wanted = bench.swapped(rows, swaps), bench.portraits(worn)
    names = {"judge": "identity"}  # further ones' shares are told beside it
    likeness = {names.get(who, f"identity_{who}"): one.likeness(seen, wanted) for who, one in bench.lineups.items()}
    pose = np.abs(bench.attributes.pose(swaps) - bench.attributes.pose(images[rows])).mean(1)
    groups = {}
    labels = [labels_of(str(file)) for file in bench.faces.file]
    for name in dict.fromkeys(label for row in people for label in labels[row]):
        as_worn = np.array([name in labels[row] for row in worn])
        as_wearer = np.array([name in labels[row] for row in rows])
        if as_worn.sum() >= WEARINGS * LEAST_PEOPLE:
            groups[name] = {
                "people": int(as_worn.sum()) // WEARINGS,
                "pose": float(pose[as_wearer].mean() / pose.mean()),
                **{who: float(of[as_worn].mean() / of.mean()) for who, of in likeness.items()},
            }
    return {
        "identity_mean": float(likeness["identity"].mean()),
        "pose_mean_deg": float(pose.mean()),
        "identity_least": min(group["identity"] for group in groups.values()),
        "pose_most": max(group["pose"] for group in groups.values()),
        "by_group": groups,
    }


def _agreement(job: PairsJob, bench: Bench, figures: dict[str, float], pictures: Images, embed: Embed) -> Report | str:
    """The form that ships, its figures and pictures, against float32, on the fixed pairs."""
    if job.checkpoint is None:
        return "not measured: it needs the checkpoint, for the pack holds the shipped form alone"
    exact_figures, exact_pictures = bench.measure(swap_with(load_generator(job.checkpoint)), embed)
    return {
        "identity_difference": abs(figures["teacher_source"] - exact_figures["teacher_source"]),
        "pixel_levels": float(np.abs(pictures.astype(np.float32) - exact_pictures).mean()),
    }


def measure_speed(generator_folder: Path, models: Path) -> Report:
    """Milliseconds, and ratios to a 512^3 float32 product timed in turn; generator on two cores, the rest on one."""
    nets = {
        "generator": open_session(generator_folder / "generator.onnx", 2, ()),
        "identity": open_session(generator_folder / "identity.onnx", 1, ()),
        "embedder": open_session(models / "embedder.onnx", 1, ()),
    }
    times = {name: time_against_product(net) for name, net in nets.items()}
    figures = {f"{name}_{key}": time[key] for name, time in times.items() for key in ("ms", "ratio", "least_ratio")}
    return figures | {"choose_source_ms": times["identity"]["ms"] + times["embedder"]["ms"]}
