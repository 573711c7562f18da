"""``facewarp evaluate``: how good the networks are, as figures beside what is asked of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcam.catalogue import find_models_folder, has_net, net_file
from vcam.cli.arguments import Subparsers, add_consent, consent_from, notice
from vcam.cli.train import fill_cache
from vcam.config import Engine, PipelineSettings

if TYPE_CHECKING:
    from vcam.training.bars import Bar


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its own commands."""
    from vcam.training.options import CACHE, SMALL_NETS, positive

    parser = subparsers.add_parser(
        "evaluate",
        help="measure how good the networks are",
        description="Measure the networks on people they were never trained on, or the steadiness of a swapped video. "
        "Speed is measured by: facewarp bench.",
    )
    deeds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    pack = deeds.add_parser("pack", help="the detector, landmarks, embedder and regions",
                            description="The tables of the small networks. Needs the extra 'train'.")  # fmt: skip
    pack.add_argument("nets", nargs="*", metavar="NET", help=f"some of {', '.join(SMALL_NETS)} (default: all)")
    pack.add_argument("--backgrounds", type=Path, metavar="DIR", help="folder of pictures without faces")
    pack.add_argument(
        "--pictures", type=positive(int), default=500, metavar="N", help="of each kind (default: %(default)s)"
    )
    pack.set_defaults(run=evaluate_pack)
    pairs = deeds.add_parser("pairs", help="the generator, on the fixed pairs of people",
                             description="The generator's table, by judges that took no part in the training. Needs "
                             "the extra 'train', and dlib as the judge: pip install dlib-bin "
                             "face_recognition_models. What further recognisers say is told beside it.")  # fmt: skip
    pairs.add_argument("--checkpoint", type=Path, metavar="FILE", help="a trained generator, in place of the pack's")
    pairs.add_argument("--dlib", type=Path, metavar="DIR", help="folder of dlib's .dat files, if not the package's")
    pairs.add_argument("--judges", type=Path, metavar="DIR",
                       help="folder of further recognisers, face_recognition_sface_2021dec.onnx and fr_feature.onnx; "
                       "default: the cache")  # fmt: skip
    pairs.add_argument("--sheet", type=Path, metavar="PNG", help="contact sheet to write: source, target, swap")
    pairs.set_defaults(run=evaluate_pairs)
    for deed in (pack, pairs):
        deed.add_argument("--data", type=Path, required=True, metavar="DIR", help="data folder")
        deed.add_argument("--cache", type=Path, default=CACHE, metavar="DIR",
                          help="cache of faces, as facewarp train makes it (default: %(default)s)")  # fmt: skip
    video = deeds.add_parser("video", help="flicker and sharpness of a swapped clip, against the clip's own",
                             description="Swap a clip of a face; measure its flicker and sharpness.")  # fmt: skip
    video.add_argument("clip", type=Path, metavar="CLIP", help="a video of one person who talks")
    video.add_argument("--face", metavar="NAME|PHOTO", help="who is worn; default: the first built-in face")
    add_consent(video)
    video.add_argument(
        "--engine", choices=[e.value for e in Engine], default=Engine.AEI.value, help="see: facewarp run"
    )
    video.add_argument("--frames", type=positive(int), default=300, metavar="N", help="at most (default: %(default)s)")
    video.set_defaults(run=evaluate_video)
    for deed in (pack, pairs, video):
        deed.add_argument("--models", type=Path, metavar="DIR", help="another folder of networks")
        deed.add_argument("--json", action="store_true", help="print one JSON object")


def evaluate_pack(arguments: argparse.Namespace) -> int:
    """Print the tables of the small networks; 1 if a figure falls short.

    Raises:
        VcamError: torch, the data, the cache or a network is missing.
    """
    from vcam.errors import BadInput
    from vcam.training import require_torch
    from vcam.training.bars import SMALL_NET_BARS
    from vcam.training.options import SMALL_NETS

    unknown = set(arguments.nets) - set(SMALL_NETS)
    if unknown:
        raise BadInput(f"there is no small network {', '.join(sorted(unknown))}; there are {', '.join(SMALL_NETS)}")
    require_torch()
    from vcam.training.measure_small import MEASURED_SETS, MEASURES, Material

    models = arguments.models or find_models_folder()
    for name in arguments.nets or SMALL_NETS:
        fill_cache(arguments.data, arguments.cache, MEASURED_SETS[name])
    material = Material(models, arguments.cache, arguments.data, arguments.backgrounds, arguments.pictures)
    tables: dict[str, dict[str, float] | str] = {}
    for name in arguments.nets or SMALL_NETS:
        if not has_net(name, models):
            tables[name] = "not in the pack"
        else:
            net_file(name, models)
            tables[name] = {key: round(float(value), 4) for key, value in MEASURES[name](material).items()}
        if not arguments.json:
            _print_section(name, tables[name], SMALL_NET_BARS[name])
    if arguments.json:
        print(json.dumps(tables, indent=1))
    return int(not all(_all_hold(table, SMALL_NET_BARS[name]) for name, table in tables.items()))


def evaluate_pairs(arguments: argparse.Namespace) -> int:
    """Print the generator's table; 1 if a figure falls short.

    Raises:
        VcamError: torch, the judge, the data, the cache or a network is missing.
    """
    from vcam.pipeline.still import wear_crops
    from vcam.training import require_torch

    require_torch()
    from vcam.training.bars import AGREEMENT_BARS, GENERATOR_BARS, SPEED_BARS
    from vcam.training.identity_judge import find_dlib_nets, require_further_judges
    from vcam.training.judge import PAIR_SETS
    from vcam.training.pairs_report import PairsJob, measure_pairs

    models = arguments.models or find_models_folder()
    for name in ("embedder",) if arguments.checkpoint else ("embedder", "identity", "generator"):
        net_file(name, models)
    further = require_further_judges(arguments.judges) if arguments.judges else arguments.cache
    dlib = arguments.dlib or find_dlib_nets()
    fill_cache(arguments.data, arguments.cache, PAIR_SETS)
    job = PairsJob(
        models, arguments.data, arguments.cache, dlib, further, wear_crops, arguments.checkpoint, arguments.sheet
    )
    report = measure_pairs(job, notice)
    bars = {"as_shipped": GENERATOR_BARS, "agreement": AGREEMENT_BARS, "speed": SPEED_BARS}
    if arguments.json:
        print(json.dumps(report, indent=1))
    else:
        for name, section in report.items():
            _print_section(name, section, bars.get(name, ()))
    judged = {name: section for name, section in report.items() if isinstance(section, dict)}
    return int(not all(_all_hold(section, bars.get(name, ())) for name, section in judged.items()))


def evaluate_video(arguments: argparse.Namespace) -> int:
    """Print how a swapped clip flickers and how sharp it is; 1 if a figure falls short.

    Raises:
        VcamError: the clip, the face or the models cannot be used.
    """
    from tqdm import tqdm

    from vcam.evaluate import measure_clip
    from vcam.training.bars import CLIP_SHARPNESS, FLICKER_MOST

    settings = PipelineSettings(Engine(arguments.engine), arguments.models, mark=False)
    with tqdm(unit=" frames", disable=None, file=sys.stderr, desc=arguments.clip.name) as bar:
        found = measure_clip(
            arguments.clip, arguments.face, settings, arguments.frames, notice, bar.update, consent_from(arguments)
        )
    least, most = CLIP_SHARPNESS
    asked = {"flicker": f"<= {FLICKER_MOST}", "sharpness": f"{least} to {most}"}
    good = {"flicker": found.flicker <= FLICKER_MOST, "sharpness": least <= found.sharpness <= most}
    if arguments.json:
        print(json.dumps(asdict(found) | {"asked": asked, "ok": all(good.values())}, indent=1))
    else:
        print(f"{found.swapped} of {found.frames} frames swapped, the face {found.face_px:.0f} px high")
        print(f"flicker: {found.swap_levels:.2f} grey levels a frame, the clip's own {found.input_levels:.2f}")
        for name, holds in good.items():
            verdict = "ok" if holds else "falls short"
            print(f"{name}: {getattr(found, name):.2f} of the clip's own, asked {asked[name]} ({verdict})")
    return int(not all(good.values()))


def _print_section(name: str, section: Mapping[str, Any] | str, bars: Iterable[Bar]) -> None:
    """One table, each figure beside what is asked."""
    if isinstance(section, str):
        print(f"{name}: {section}")
        return
    print(name)
    for key, value in section.items():
        if isinstance(value, Mapping):
            for label, figures in value.items():
                print(f"  {label:34} " + "  ".join(f"{k} {v:.3g}" for k, v in figures.items()))
            continue
        asked = [bar for bar in bars if bar.figure == key]
        verdict = "ok" if all(bar.holds(value) for bar in asked) else "falls short"
        told = f"   asked {' and '.join(bar.asked for bar in asked)}: {verdict}" if asked else ""
        print(f"  {key:34} {value:10.4g}{told}")


def _all_hold(section: Mapping[str, Any] | str, bars: Iterable[Bar]) -> bool:
    return all(not isinstance(section, str) and bar.holds(section.get(bar.figure, float("nan"))) for bar in bars)
