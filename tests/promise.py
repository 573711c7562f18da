"""The promise as a table: every fault, at every stage, at several moments, under every policy.

The camera's pictures carry a noise texture that stands for the bare face. A picture that leaves the program is
judged by its pixels, not by what the program says of it: if the texture is still in it, it is raw.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from vcam.errors import NoFace, SwapRejected
from vcam.imaging import draw_card, privacy_blur
from vcam.pipeline.gate import Gate
from vcam.pipeline.process import attempt
from vcam.pipeline.stats import Stats
from vcam.types import Basis, Consent, Control, Frame, Image, Pipeline, Safe, Source, Stage, Work

WIDTH, HEIGHT, FPS = 64, 36, 30
STAGES = ("track", "crop", "swap", "blend", "mark")
_rng = np.random.default_rng(7)
_FACE = _rng.integers(0, 256, (HEIGHT, WIDTH), np.uint8)  # the bare face
_WORN = _rng.integers(0, 256, (HEIGHT, WIDTH), np.uint8)  # the worn one
_BARE = np.stack([np.roll(_FACE, shift, axis=1).ravel() for shift in range(WIDTH)]).astype(np.float32)
_BARE -= _BARE.mean(1, keepdims=True)
_BARE /= np.linalg.norm(_BARE, axis=1, keepdims=True)


def make_source() -> Source:
    embedding = np.zeros(512, np.float32)
    embedding[0] = 1
    return Source("nobody", "Nobody", embedding, Consent(Basis.SYNTHETIC, "1", "2026-01-01T00:00:00Z"))


def bare_frame(index: int) -> Frame:
    image = np.repeat(np.roll(_FACE, index, axis=1)[:, :, None], 3, axis=2)
    image.flags.writeable = False
    return Frame(image, index, index / FPS)


def is_raw(image: Image, index: int) -> bool:
    """Whether the bare face of any of the last second's frames shows in the picture."""
    seen = image[:, :, 1].ravel().astype(np.float32)
    seen -= seen.mean()
    length = float(np.linalg.norm(seen)) or 1.0
    recent = [(index - back) % WIDTH for back in range(FPS + 1)]
    return bool((_BARE[recent] @ seen).max() / length > 0.25)


def _track(work: Work) -> None:
    pass


def _crop(work: Work) -> None:
    if work.control.source is None:
        raise NoFace("no source face is chosen")


def _swap(work: Work) -> None:
    work.image = np.repeat(np.roll(_WORN, work.frame.index, axis=1)[:, :, None], 3, axis=2)


def _blend(work: Work) -> None:
    work.swapped = True


def _mark(work: Work) -> None:
    pass


def good_pipeline() -> Pipeline:
    return (("track", _track), ("crop", _crop), ("swap", _swap), ("blend", _blend), ("mark", _mark))


# --- faults: each makes a stage misbehave ----------------------------------------------------------------------------


def _raise_bug(work: Work) -> None:
    raise ZeroDivisionError("a bug in a stage")


def _raise_memory(work: Work) -> None:
    raise MemoryError


def _no_face(work: Work) -> None:
    raise NoFace("nobody in the picture")


def _rejected(work: Work) -> None:
    raise SwapRejected("the generator gave NaN")


def _forget_to_swap(work: Work) -> None:
    work.swapped, work.image = False, work.frame.image


def _claim_a_swap(work: Work) -> None:
    work.swapped, work.image = True, work.frame.image


def _claim_a_view(work: Work) -> None:
    work.swapped, work.image = True, work.frame.image[:]


STAGE_FAULTS: dict[str, Callable[[Work], None]] = {
    "raises": _raise_bug,
    "out of memory": _raise_memory,
    "no face": _no_face,
    "rejected picture": _rejected,
    "forgets to swap": _forget_to_swap,
    "claims a swap": _claim_a_swap,
    "claims a view": _claim_a_view,
}
# Faults that are no stage's: what happens to the frame instead of processing it.
OUTER_FAULTS = ("hangs", "models loading", "camera gone", "source missing")
MOMENTS: dict[str, range] = {
    "at the start": range(12),
    "one frame": range(20, 21),
    "a moment": range(20, 32),
    "for long": range(20, 50),
    "again and again": range(10, 50, 3),
    "from then on": range(25, 60),
}
LENGTH = 60


@dataclass(frozen=True)
class Case:
    fault: str
    stage: str
    moment: str
    safe: Safe


def cases() -> Iterator[Case]:
    for fault, stage, moment, safe in itertools.product(STAGE_FAULTS, STAGES, MOMENTS, Safe):
        yield Case(fault, stage, moment, safe)
    for fault, moment, safe in itertools.product(OUTER_FAULTS, MOMENTS, Safe):
        yield Case(fault, "", moment, safe)


def _after(stage: Stage, fault: Stage) -> Stage:
    """The stage, and then its fault: what it did before it failed stays done."""

    def both(work: Work) -> None:
        stage(work)
        fault(work)

    return both


def pipeline_with(case: Case, index: int) -> Pipeline:
    if case.fault not in STAGE_FAULTS or index not in MOMENTS[case.moment]:
        return good_pipeline()
    fault = STAGE_FAULTS[case.fault]
    last = case.stage == STAGES[-1]
    stages = good_pipeline()
    if case.fault.startswith(("forgets", "claims")) and not last:  # only the last word counts
        stages = tuple((name, stage) for name, stage in stages if name not in ("swap", "blend") or name == case.stage)
    return tuple((name, _after(stage, fault) if name == case.stage else stage) for name, stage in stages)


def play(case: Case) -> tuple[int, int, int]:
    """One run of two seconds, step by step: frames out, raw frames out, frames out that were really swapped."""
    gate, stats = Gate(privacy_blur, lambda reason: draw_card(WIDTH, HEIGHT, reason)), Stats()
    source, out, raw, worn = make_source(), 0, 0, 0
    for index in range(LENGTH):
        faulty = index in MOMENTS[case.moment]
        control = Control(True, None if case.fault == "source missing" and faulty else source, case.safe)
        frame = bare_frame(index)
        if case.fault == "camera gone" and faulty:
            gate.forget("the camera is gone")
        else:
            gate.see(frame)
            if not (faulty and case.fault in ("hangs", "models loading")):
                work = Work(frame, control, frame.image)
                attempt(pipeline_with(case, index), work, gate, stats, frame.captured_at, lambda: 0.0)
        for tick in (0.0, 0.5):
            image = gate.choose(control, (index + tick) / FPS).image
            out += 1
            raw += is_raw(image, index)
            worn += np.array_equal(image[:, :, 1], np.roll(_WORN, index, axis=1))
    return out, raw, worn
