"""One frame through the pipeline, and its outcome told to the gate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from vcam.errors import SwapError, VcamError
from vcam.pipeline.gate import Gate
from vcam.pipeline.stats import Stats
from vcam.types import Image, Pipeline, Work

log = logging.getLogger(__name__)


def process(pipeline: Pipeline, work: Work, clock: Callable[[], float] = time.perf_counter) -> Image:
    """Take one frame through every stage and note the milliseconds of each in ``work.ms``.

    Raises:
        SwapError: no stage put a swap into the picture.
        Exception: whatever a stage raises.
    """
    run_stages(pipeline, work, clock)
    if not work.swapped:
        raise SwapError("no stage of the pipeline swapped the face")
    return work.image


def run_stages(stages: Pipeline, work: Work, clock: Callable[[], float] = time.perf_counter) -> None:
    """Take one frame through some stages, one after another, and note the milliseconds of each in ``work.ms``.

    Raises:
        Exception: whatever a stage raises.
    """
    for name, stage in stages:
        began = clock()
        stage(work)
        work.ms[name] = (clock() - began) * 1e3


def attempt(
    pipeline: Pipeline, work: Work, gate: Gate, stats: Stats, made_at: float | None, clock: Callable[[], float]
) -> None:
    """Try to swap one frame; whatever happens, the gate learns it and nothing is raised.

    Args:
        pipeline: the stages.
        work: the frame.
        gate: is told the outcome.
        stats: is told the times.
        made_at: seconds in the gate's time at which the picture counts as made (a video's own time when
            offline); None is the clock's time when it is ready.
        clock: seconds, for the stages' times.
    """
    try:
        image = process(pipeline, work, clock)
        gate.swapped(image, work.frame, clock() if made_at is None else made_at)
    except VcamError as error:
        gate.failed(str(error))
        stats.count("failed")
    except Exception as error:
        reason = f"Internal error ({type(error).__name__})"
        if gate.reason != reason:  # told once, not at every frame
            log.exception("a stage failed")
        gate.failed(reason)
        stats.count("failed")
    stats.count("processed")
    stats.stages(work.ms)
