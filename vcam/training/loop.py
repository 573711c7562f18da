"""The one training loop of all nets: batches in, checkpoints out, exact resume.

A net brings three functions: ``make_batch(step)`` (pure: the same step always gives the same batch, so
that a resumed run needs no saved data state), ``losses(net, batch)`` and ``validate(net)``. What the
loop keeps is what a killed run needs to go on bit for bit on one thread: weights, their running
mean (EMA), optimiser, step, random state.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn

from vcam.errors import VcamError

Batch = Any
MakeBatch = Callable[[int], Batch]
Losses = Callable[[nn.Module, Batch], dict[str, Tensor]]
Validate = Callable[[nn.Module], dict[str, float]]


@dataclass(frozen=True)
class Plan:
    """How long and how fast one training runs.

    Attributes:
        steps: optimiser steps; the learning rate follows the steps, so that a resumed run is exact.
        minutes: alternative limit by the clock; the rate then follows the time spent training.
        learning_rate: at its height, after ``warm_up`` steps.
        decay_from: share of the run after which the rate falls linearly to 1 % of its height.
        ema: factor of the running mean of the weights; the mean is what is exported.
    """

    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: int = 100
    decay_from: float = 0.4
    ema: float = 0.998
    clip: float = 5.0
    checkpoint_every_s: float = 120.0
    validate_every_s: float = 180.0

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise ValueError("a training plan needs a number of steps or of minutes")

    def progress(self, step: int, seconds: float) -> float:
        """Share of the run that is done, 0..1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_clock = seconds / (self.minutes * 60) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_clock))

    def rate(self, step: int, progress: float) -> float:
        """The learning rate of this step."""
        fall = 1.0 if progress < self.decay_from else max(0.01, (1 - progress) / (1 - self.decay_from))
        return self.learning_rate * min(1.0, (step + 1) / self.warm_up) * fall


def train(
    net: nn.Module,
    make_batch: MakeBatch,
    losses: Losses,
    plan: Plan,
    out: Path,
    *,
    validate: Validate | None = None,
    resume: bool = False,
) -> nn.Module:
    """Train a net and return the running mean of its weights, in evaluation mode.

    Args:
        net: updated in place.
        make_batch: batch of a given step; runs in a thread of its own, a few steps ahead.
        losses: named parts, already weighted; their sum is minimised.
        plan: length and rates.
        out: folder of ``checkpoint.pt``, ``log.csv`` and ``validation.jsonl``.
        validate: figures of the running mean, written now and then and at the end.
        resume: go on from ``out/checkpoint.pt`` if there is one.

    Raises:
        VcamError: the checkpoint belongs to another architecture, or the loss is not finite.
    """
    out.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(net.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
    mean = copy.deepcopy(net).eval().requires_grad_(False)
    step, seconds = 0, 0.0
    if resume and (out / "checkpoint.pt").exists():
        step, seconds = load_checkpoint(out / "checkpoint.pt", net, mean, optimiser)
    net.train()
    last = time.monotonic()
    next_save, next_check = seconds + plan.checkpoint_every_s, seconds + plan.validate_every_s
    for batch in prefetched(make_batch, step):
        progress = plan.progress(step, seconds)
        if progress >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = plan.rate(step, progress)
        parts = losses(net, batch)
        total = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(total):
            raise VcamError(f"training stopped at step {step}: the loss is {total.item()}; try a lower learning rate")
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(net.parameters(), plan.clip)
        optimiser.step()
        follow(mean, net, min(plan.ema, (1 + step) / (10 + step)))
        step += 1
        now = time.monotonic()
        seconds, last = seconds + now - last, now
        if step % 20 == 0:
            _log(
                out / "log.csv", {"step": step, "seconds": round(seconds, 1), "rate": plan.rate(step, progress)}, parts
            )
        if seconds >= next_save:
            save_checkpoint(out / "checkpoint.pt", net, mean, optimiser, plan, step, seconds)
            next_save = seconds + plan.checkpoint_every_s
        if validate is not None and seconds >= next_check:
            _note(out / "validation.jsonl", step, seconds, validate(mean))
            next_check = seconds + plan.validate_every_s
            last = time.monotonic()
    save_checkpoint(out / "checkpoint.pt", net, mean, optimiser, plan, step, seconds)
    if validate is not None:
        _note(out / "validation.jsonl", step, seconds, validate(mean))
    return mean


@torch.no_grad()
def follow(mean: nn.Module, net: nn.Module, keep: float) -> None:
    """Move the running mean towards the net: ``mean = keep * mean + (1 - keep) * net``."""
    for m, p in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if m.dtype.is_floating_point:
            m.lerp_(p, 1 - keep)
        else:
            m.copy_(p)


def prefetched(make_batch: MakeBatch, first_step: int, ahead: int = 4) -> Iterator[Batch]:
    """Batches of ``first_step``, ``first_step + 1``, ... made a few steps ahead by one thread."""
    ready: queue.Queue[Batch | BaseException] = queue.Queue(ahead)
    stop = threading.Event()

    def put(item: Batch | BaseException) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.2)
                break
            except queue.Full:
                continue

    def work() -> None:
        step = first_step
        while not stop.is_set():
            try:
                put(make_batch(step))
            except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
                put(error)
                return
            step += 1

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join(timeout=10)


def save_checkpoint(path: Path, net: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer, plan: Plan,
                    step: int, seconds: float) -> None:  # fmt: skip
    """Write everything a resumed run needs to a temporary file, then move it into place."""
    state = {
        "net": net.state_dict(),
        "mean": mean.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "plan": asdict(plan),
        "step": step,
        "seconds": seconds,
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path, net: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    """Restore a run; returns its step and the seconds it had trained.

    Raises:
        VcamError: the weights do not fit the net.
    """
    state = torch.load(path, weights_only=True)
    try:
        net.load_state_dict(state["net"])
        mean.load_state_dict(state["mean"])
    except RuntimeError as error:
        raise VcamError(f"{path} holds the weights of another architecture; train without --resume") from error
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return state["step"], state["seconds"]


def load_mean(path: Path, net: nn.Module) -> nn.Module:
    """The running mean of a checkpoint in ``net``, ready for measuring or export.

    Raises:
        VcamError: there is no such checkpoint, or its weights do not fit the net.
    """
    if not path.exists():
        raise VcamError(f"there is no checkpoint at {path}; train the net first")
    try:
        net.load_state_dict(torch.load(path, weights_only=True)["mean"])
    except RuntimeError as error:
        raise VcamError(f"{path} holds the weights of another architecture") from error
    return net.eval().requires_grad_(False)


def _log(path: Path, row: dict[str, float], parts: dict[str, Tensor]) -> None:
    row = row | {name: round(float(value.detach()), 5) for name, value in parts.items()}
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row.keys())
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def _note(path: Path, step: int, seconds: float, figures: dict[str, float]) -> None:
    row = {"step": step, "seconds": round(seconds)} | {k: round(float(v), 4) for k, v in figures.items()}
    print(json.dumps(row), flush=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


@dataclass(frozen=True)
class Options:
    """The command line of a small net's training."""

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


def start(description: str, batch: int = 32) -> Options:
    """Parse the options that all small nets share, and set threads and seeds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--cache", type=Path, required=True, help="cache of faces made by vcam.training.data")
    parser.add_argument("--backgrounds", type=Path, help="folder of pictures without faces")
    parser.add_argument("--data", type=Path, help="data folder: original pictures and teachers")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the logs")
    parser.add_argument("--minutes", type=float, help="time to train")
    parser.add_argument("--steps", type=int, help="steps to train; repeats bit for bit on one thread")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, help="learning rate, if not the net's own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--pack", type=Path, help="go on from the weights of the pack in this folder")
    parser.add_argument("--threads", type=int, default=1)
    given = vars(parser.parse_args())
    torch.set_num_threads(given.pop("threads"))
    cv2.setNumThreads(1)
    options = Options(**given)
    torch.manual_seed(options.seed)
    return options
