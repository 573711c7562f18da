"""Every frame of a video, in order and without a clock, under the same promise as the live camera."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

from vcam.pipeline.gate import Chosen, Gate
from vcam.pipeline.process import attempt
from vcam.pipeline.stats import Stats
from vcam.types import Control, Frame, Pipeline, Work

T = TypeVar("T")


def swap_frames(
    frames: Iterable[Frame], pipeline: Pipeline, control: Control, gate: Gate, stats: Stats
) -> Iterator[Chosen]:
    """Swap each frame; yields one picture for it: the swap, the last good one, the blur or the card.

    Args:
        frames: in order; ``captured_at`` is the video's own time in seconds, by which pictures are held.
        pipeline: the stages.
        control: who is worn.
        gate: a fresh one.
        stats: counts what happened.
    """
    for frame in frames:
        stats.count("captured")
        gate.see(frame)
        attempt(pipeline, Work(frame, control, frame.image), gate, stats, frame.captured_at, time.perf_counter)
        chosen = gate.choose(control, frame.captured_at)
        stats.sent(chosen.shown, None)
        yield chosen


def at_constant_rate(timed: Iterable[tuple[T, float]], fps: Fraction) -> Iterator[T]:
    """Items at their times (s) -> one item for each tick of ``fps``, repeated or left out as needed.

    A video of varying rate keeps its length, and so its sound stays with it.
    """
    last: T | None = None
    sent = 0
    for item, time_s in timed:
        due = round(time_s * fps)
        while last is not None and sent < due:
            yield last
            sent += 1
        if sent <= due or last is None:
            yield item
            sent = max(sent, due) + 1
        last = item
