"""The proof of the networks: ``make proof-networks``. Takes about half an hour, most of it the judges' time.

Needs the extra 'train' (pip install torch onnx matplotlib), the judge (pip install dlib-bin face_recognition_models)
and the data: FACEWARP_DATA names its folder, FACEWARP_CACHE the cache of faces (made if missing), FACEWARP_BACKGROUNDS
pictures without faces, FACEWARP_CHECKPOINT the generator's checkpoint that was shipped. A row that cannot be measured
for want of one of these falls short and says so. What further recognisers say is told beside the judge, if their files
are in FACEWARP_JUDGES (by default the cache).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from proof.pytest_rows import ROOT, rows_of_tests
from vcam.catalogue import built_in_faces, find_clip, find_models_folder, has_net, read_pack, verify
from vcam.config import PipelineSettings
from vcam.errors import VcamError
from vcam.evaluate import FRAMES, measure_clip
from vcam.pipeline.still import wear_crops
from vcam.proof import Row
from vcam.training import bars

DATA = Path(os.environ.get("FACEWARP_DATA", ROOT.parent / "shared/data"))
CACHE = Path(os.environ.get("FACEWARP_CACHE", ROOT / "cache"))
CHECKPOINT = Path(os.environ.get("FACEWARP_CHECKPOINT", ROOT / "runs/generator/checkpoint.pt"))
TOLD = "told, not judged"
ALSO_TOLD = (
    *(f"{judge}_{figure}" for judge in ("judge", "sface", "mobile") for figure in (
        "source", "source2", "target", "verified", "verified_other_photo", "top1", "top1_other_photo", "same_person",
        "same_person_verified",
    )),
    "teacher_source", "teacher_target", "outside_levels", "sharpness", "sharpness_at_128", "lattice",
    "feature_distance", "feature_distance_of_128_px",
)  # fmt: skip


def rows() -> Iterator[Row]:
    """Every row, the quick ones first."""
    yield from pack_rows()
    yield from clip_rows()
    yield from rows_of_tests("tests/training", "tests/cli/test_training_commands.py")
    lacking = lacks()
    for net, asked in bars.SMALL_NET_BARS.items():
        yield from judged(net, lacking or measure_small_net(net), asked)
    yield from generator_rows(lacking)


def lacks() -> str:
    """What is missing for measuring networks on people; empty if nothing is."""
    for library in ("torch", "onnx"):
        if find_spec(library) is None:
            return f"not measured: {library} is not installed (pip install 'facewarp-cam[train]')"
    if not (DATA / "faces" / "index.csv").is_file():
        return f"not measured: there is no data folder at {DATA} (name it in FACEWARP_DATA)"
    return ""


def pack_rows() -> Iterator[Row]:
    """Size, digests, cards, and what the generator costs."""
    folder = find_models_folder()
    pack = read_pack(folder)
    of_nets = sum(net.path.stat().st_size for net in pack.values()) / 1e6
    in_all = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    size = f"{in_all:.1f} MB, {of_nets:.1f} MB of it in {len(pack)} networks"
    yield Row("the pack, with faces, clip and cards", size, f"<= {bars.PACK_MOST_MB} MB", in_all <= bars.PACK_MOST_MB)
    for name in (*bars.SMALL_NET_BARS, "identity", "generator"):
        if name not in pack:
            yield Row(f"{name}: shipped", "not in the pack", "listed, SHA-256 right, with a card", False)
            continue
        card = folder / f"CARD-{'generator' if name == 'identity' else name}.md"
        try:
            verify(pack[name])
            figure, whole = f"listed, SHA-256 right, {card.name} {'there' if card.is_file() else 'missing'}", True
        except VcamError as error:
            figure, whole = str(error), False
        yield Row(f"{name}: shipped", figure, "listed, SHA-256 right, with a card", whole and card.is_file())
    faces = built_in_faces()
    yield Row("faces of nobody", f"{len(faces)}", TOLD, True)
    if find_spec("onnx") is None:
        yield Row(
            "generator: cost", "not measured: onnx is not installed", f"<= {bars.GENERATOR_MOST_GMAC} GMAC", False
        )
        return
    gmac, channels = cost_of(pack["generator"].path)
    figure = f"{gmac:.2f} GMAC"
    yield Row("generator: cost", figure, f"<= {bars.GENERATOR_MOST_GMAC} GMAC", gmac <= bars.GENERATOR_MOST_GMAC)
    features = sorted(c for c in channels if c > 4)  # fewer are colours and masks
    yield Row("generator: channels", f"{features}", "multiples of 16", not any(c % 16 for c in features))


def cost_of(path: Path) -> tuple[float, set[int]]:
    """Thousand million multiply-adds of a graph's convolutions, and the channel counts of the learnt ones' outputs.

    The fixed ones work on each channel alone: they enlarge.
    """
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(str(path))).graph
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output, *graph.input)
    }
    shapes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    macs = sum(np.prod(shapes[n.output[0]]) * np.prod(shapes[n.input[1]][1:]) for n in convolutions)
    learnt = [n for n in convolutions if not any(a.name == "group" and a.i > 1 for a in n.attribute)]
    return float(macs) / 1e9, {shapes[n.input[1]][0] for n in learnt}


def clip_rows() -> Iterator[Row]:
    """The steadiness and the sharpness of talking clips, as the program shows them."""
    clips = [find_clip(), *sorted((DATA / "clips").glob("talk_*.mp4"))]
    bar = f"<= {bars.FLICKER_MOST} x the clip's own"
    least, most = bars.CLIP_SHARPNESS
    for clip in clips:
        try:
            found = measure_clip(clip, None, PipelineSettings(mark=False), FRAMES)
        except VcamError as error:
            yield Row(f"flicker of {clip.stem}", str(error), bar, False)
            continue
        figure = f"{found.flicker:.2f} x ({found.swapped} of {found.frames} frames)"
        yield Row(f"flicker of {clip.stem}", figure, bar, found.flicker <= bars.FLICKER_MOST)
        figure = f"{found.sharpness:.2f} x, face {found.face_px:.0f} px"
        yield Row(f"sharpness of {clip.stem}", figure, f"{least} to {most} x", least <= found.sharpness <= most)
    if len(clips) == 1:
        yield Row("flicker of real people's clips", f"not measured: no clips in {DATA / 'clips'}", bar, False)


def measure_small_net(net: str) -> Mapping[str, Any] | str:
    """The figures of a small net, or why there are none."""
    from vcam.cli.train import fill_cache
    from vcam.training.measure_small import MEASURED_SETS, MEASURES, Material

    models = find_models_folder()
    if not has_net(net, models):
        return "not in the pack"
    backgrounds = os.environ.get("FACEWARP_BACKGROUNDS")
    try:
        fill_cache(DATA, CACHE, MEASURED_SETS[net])
        return MEASURES[net](Material(models, CACHE, DATA, Path(backgrounds) if backgrounds else None))
    except VcamError as error:
        return f"not measured: {error}"


def generator_rows(lacking: str) -> Iterator[Row]:
    """The fixed pairs, groups of people, agreement and speed."""
    report = lacking or measure_generator()
    if isinstance(report, str):
        report = dict.fromkeys(("as_shipped", "agreement", "speed", "groups"), report)
    yield from judged("generator as it ships", report["as_shipped"], bars.GENERATOR_BARS)
    for name in ("as_shipped", "without_feedback", "own_face", "pasted_photo", "references"):
        for key in ALSO_TOLD:
            if isinstance(report.get(name), Mapping) and key in report[name]:
                yield Row(f"generator, {name.replace('_', ' ')}: {key}", f"{report[name][key]:.3f}", TOLD, True)
    groups = report["groups"]
    if isinstance(groups, str):
        yield Row("generator: groups of people", groups, TOLD, False)
    else:
        for name, share in groups["by_group"].items():
            figure = f"identity {share['identity']:.2f}, pose error {share['pose']:.2f} of the mean"
            fair = share["identity"] >= bars.GROUP_LEAST and share["pose"] <= 1 / bars.GROUP_LEAST
            asked = f">= {bars.GROUP_LEAST:g}, <= {1 / bars.GROUP_LEAST:.2f}"
            yield Row(f"generator: {name} ({share['people']} people)", figure, asked, fair)
    yield from judged("generator", report["agreement"], bars.AGREEMENT_BARS)
    yield from judged("speed", report["speed"], bars.SPEED_BARS)
    if isinstance(report["speed"], Mapping):
        median, least = (report["speed"][f"generator_{kind}"] for kind in ("ratio", "least_ratio"))
        ratio = f"{median:.2f} x a 512x512x512 fp32 product on one, fastest {least:.2f}"
        yield Row("speed: generator on two cores", ratio, TOLD, True)


def measure_generator() -> Mapping[str, Any] | str:
    """The generator's report, or why there is none."""
    from vcam.cli.train import fill_cache
    from vcam.training.identity_judge import find_dlib_nets
    from vcam.training.judge import PAIR_SETS
    from vcam.training.pairs_report import PairsJob, measure_pairs

    try:
        fill_cache(DATA, CACHE, PAIR_SETS)
        dlib = Path(os.environ["FACEWARP_DLIB"]) if "FACEWARP_DLIB" in os.environ else find_dlib_nets()
        further = Path(os.environ.get("FACEWARP_JUDGES", CACHE))
        checkpoint = CHECKPOINT if CHECKPOINT.is_file() else None
        sheet = ROOT / "proof" / "pairs.png"
        job = PairsJob(find_models_folder(), DATA, CACHE, dlib, further, wear_crops, checkpoint, sheet)
        return measure_pairs(job)
    except VcamError as error:
        return f"not measured: {error}"


def judged(what: str, figures: Mapping[str, Any] | str, asked: Iterable[bars.Bar]) -> Iterator[Row]:
    """A row for each bar; a sentence in place of figures falls short everywhere."""
    for bar in asked:
        if isinstance(figures, str):
            yield Row(f"{what}: {bar.text}", figures, bar.asked, False)
            continue
        figure = f"{figures[bar.figure]:.4g}"
        if bar.figure == "ms":
            figure += f", {figures['ratio']:.2f} x a 512x512x512 fp32 product"
        yield Row(f"{what}: {bar.text}", figure, bar.asked, bar.holds(figures[bar.figure]))
