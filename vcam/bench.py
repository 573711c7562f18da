"""Speed, as ratios within one run: they hold on any machine, milliseconds do not.

Three parts: each network against a matrix product of known size; the CPU side of a swap against the floor that
``bench_swap`` re-makes; and the whole way from a 720p clip to the null output, at the rate and latency users get.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vcam.catalogue import find_clip, find_models_folder, net_file, read_pack
from vcam.config import DEFAULT_MODE, PipelineSettings, RunSettings
from vcam.inference import open_session
from vcam.pipeline.enrol import read_source
from vcam.pipeline.session import open_session as open_run

PRODUCT_SIDE = 512  # the reference: one fp32 matrix product of this size, one thread where BLAS can be told
ROUNDS = 40
OPEN_DIMENSION = {2: 192, 3: 320}  # the detector's input for a 16:9 frame


@dataclass(frozen=True, slots=True)
class NetSpeed:
    """One network on one thread.

    Attributes:
        name: in the pack.
        ms: median milliseconds for one input.
        ratio: to the matrix product timed in the same rounds.
    """

    name: str
    ms: float
    ratio: float


def time_nets(models: Path | None = None) -> Iterator[NetSpeed]:
    """Each network of the pack on one thread, in turn with the matrix product.

    Raises:
        ModelMissing, ModelCorrupt: the pack is not whole.
    """
    folder = models or find_models_folder()
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((PRODUCT_SIDE, PRODUCT_SIDE), np.float32) for _ in range(2))
    for name in read_pack(folder):
        net = open_session(net_file(name, folder), threads=1)
        inputs = {
            key: rng.uniform(-1, 1, [size or OPEN_DIMENSION.get(axis, 1) for axis, size in enumerate(shape)]).astype(
                np.float32
            )
            for key, shape in net.inputs.items()
        }
        net_ms, product_ms = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            net.run(**inputs)
            middle = time.perf_counter()
            np.dot(a, b)
            net_ms.append((middle - began) * 1e3)
            product_ms.append((time.perf_counter() - middle) * 1e3)
        yield NetSpeed(name, float(np.median(net_ms)), float(np.median(net_ms) / np.median(product_ms)))


def time_whole_way(seconds: float, clip: Path | None = None, models: Path | None = None) -> dict[str, object]:
    """The camera from a 720p clip into the null output, as fast as a 30 fps camera gives; the run's statistics.

    Args:
        seconds: how long, after the models are loaded.
        clip: a video of a face; None is the clip that comes with the program.
        models: folder of the networks; None is the embedded pack.

    Raises:
        VcamError: the clip or the models cannot be used.
    """
    settings = RunSettings(
        camera=str(clip or find_clip(models)),
        output="null",
        mode=DEFAULT_MODE,
        pipeline=PipelineSettings(models=models),
    )
    source = read_source(None, models or find_models_folder(), lambda _text: None)
    session = open_run(settings, enabled=True, source=source)
    with session.runner as runner:
        runner.ended.wait(seconds)
        report = session.report()
    if runner.error is not None:
        raise runner.error
    return report
