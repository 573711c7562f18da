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
import pickle
import queue
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vcam.errors import BadInput, VcamError
from vcam.training.crew import Crew
from vcam.training.options import NETS, Options, add_options, read_options
from vcam.training.sheets import write_curves, write_sheet

Batch = Any
MakeBatch = Callable[[int], Batch]
Losses = Callable[[nn.Module, Batch], dict[str, Tensor]]
Validate = Callable[[nn.Module], dict[str, float]]
Sheet = Callable[[nn.Module], NDArray[np.uint8]]


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
    sheet: Sheet | None = None,
    resume: bool = False,
    device: str = "cpu",
    precision: str = "float32",
) -> nn.Module:
    """Train a net and return the running mean of its weights, in evaluation mode.

    Args:
        net: updated in place.
        make_batch: batch of a given step; runs in a thread of its own, a few steps ahead.
        losses: named parts, already weighted; their sum is minimised.
        plan: length and rates.
        out: folder of ``checkpoint.pt``, ``log.csv``, ``validation.jsonl``, ``curves.png`` and ``sheet_STEP.jpg``.
        validate: figures of the running mean, written now and then and at the end.
        sheet: a contact sheet (H, W, 3) RGB of what the running mean does, drawn as often.
        resume: go on from ``out/checkpoint.pt`` if there is one.
        device: auto, cpu or cuda; batches are made on the CPU and validated there.
        precision: auto, float32 or bfloat16, which is what convolutions then round their inputs to.

    Raises:
        VcamError: the checkpoint belongs to another architecture or cannot be written, or the loss is not finite.
    """
    device = pick_device(device)
    rounded = rounds(precision, device)
    _make_folder(out)
    net.to(device)
    optimiser = torch.optim.AdamW(net.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
    mean = copy.deepcopy(net).eval().requires_grad_(False)
    step, seconds = 0, 0.0
    if resume and (out / "checkpoint.pt").exists():
        step, seconds = load_checkpoint(out / "checkpoint.pt", net, mean, optimiser)
    net.train()
    crew = Crew()
    last = time.monotonic()
    next_save, next_check = seconds + plan.checkpoint_every_s, seconds + plan.validate_every_s
    for batch in prefetched(lambda at: make_batch(crew.batch_of(at)), step):
        progress = plan.progress(step, seconds)
        if progress >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = plan.rate(step, progress)
        with torch.autocast(device, torch.bfloat16, enabled=rounded):
            parts = losses(net, to_device(batch, device))
        total = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(total):
            raise VcamError(f"training stopped at step {step}: the loss is {total.item()}; try a lower learning rate")
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        crew.average(net)
        nn.utils.clip_grad_norm_(net.parameters(), plan.clip)
        optimiser.step()
        follow(mean, net, min(plan.ema, (1 + step) / (10 + step)))
        step += 1
        now = time.monotonic()
        seconds, last = crew.agreed(seconds + now - last), now
        if crew.rank > 0:
            continue
        if step % 20 == 0:
            _log(
                out / "log.csv", {"step": step, "seconds": round(seconds, 1), "rate": plan.rate(step, progress)}, parts
            )
        if seconds >= next_save:
            save_checkpoint(out / "checkpoint.pt", net, mean, optimiser, plan, step, seconds)
            next_save = seconds + plan.checkpoint_every_s
        if seconds >= next_check:
            _show(out, step, seconds, on_cpu(mean), validate, sheet)
            next_check = seconds + plan.validate_every_s
            last = time.monotonic()
    crew.close()
    if crew.rank == 0:
        save_checkpoint(out / "checkpoint.pt", net, mean, optimiser, plan, step, seconds)
        _show(out, step, seconds, on_cpu(mean), validate, sheet)
    return on_cpu(mean)


def train_as_told(
    options: Options,
    net: nn.Module,
    make_batch: MakeBatch,
    losses: Losses,
    plan: Plan,
    validate: Validate | None = None,
    sheet: Sheet | None = None,
) -> nn.Module:
    """`train` where, from what and how exactly the options of the command line say."""
    return train(
        net,
        make_batch,
        losses,
        plan,
        options.out,
        validate=validate,
        sheet=sheet,
        resume=options.resume,
        device=options.device,
        precision=options.precision,
    )


def _show(
    out: Path, step: int, seconds: float, mean: nn.Module, validate: Validate | None, sheet: Sheet | None
) -> None:
    """Figures, curves and contact sheet of this step."""
    if validate is not None:
        _note(out / "validation.jsonl", step, seconds, validate(mean))
    if sheet is not None:
        write_sheet(out / f"sheet_{step:06d}.jpg", sheet(mean))
    write_curves(out)


def on_cpu(net: nn.Module) -> nn.Module:
    """The net itself if it is on the CPU, a copy there otherwise."""
    return net if all(p.device.type == "cpu" for p in net.parameters()) else copy.deepcopy(net).cpu()


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
    try:
        torch.save(state, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own writer tells a full disk as a RuntimeError
        temporary.unlink(missing_ok=True)
        raise VcamError(f"the checkpoint {path} cannot be written ({error}); is the disk full?") from error


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"the folder {out} cannot be made ({error.strerror}); name another with --out") from error


def load_checkpoint(path: Path, net: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    """Restore a run; returns its step and the seconds it had trained.

    Raises:
        VcamError: the weights do not fit the net.
    """
    state = read_checkpoint(path)
    try:
        net.load_state_dict(state["net"])
        mean.load_state_dict(state["mean"])
    except RuntimeError as error:
        raise BadInput(f"{path} holds the weights of another architecture; train without --resume") from error
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return state["step"], state["seconds"]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What ``save_checkpoint`` has written.

    Raises:
        BadInput: the file holds something else.
    """
    if not zipfile.is_zipfile(path):
        raise BadInput(f"{path} is not a checkpoint of a training run, or is damaged")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise BadInput(f"{path} is not a checkpoint of a training run, or is damaged") from error
    if not isinstance(state, dict) or not {"net", "mean", "optimiser", "step", "seconds"} <= state.keys():
        raise BadInput(f"{path} is not a checkpoint of a training run")
    return state


def load_mean(path: Path, net: nn.Module) -> nn.Module:
    """The running mean of a checkpoint in ``net``, ready for measuring or export.

    Raises:
        BadInput: there is no such checkpoint, or its weights do not fit the net.
    """
    if not path.is_file():
        raise BadInput(f"there is no checkpoint at {path}; train the net first")
    try:
        net.load_state_dict(read_checkpoint(path)["mean"])
    except RuntimeError as error:
        raise BadInput(f"{path} holds the weights of another architecture") from error
    return net.eval().requires_grad_(False)


def _log(path: Path, row: dict[str, float], parts: dict[str, Tensor]) -> None:
    """Append a row; a run that was resumed with another loss gets a column more, empty above."""
    row = row | {name: round(float(value.detach()), 5) for name, value in parts.items()}
    before: list[dict[str, str]] = []
    names: list[str] = []
    if path.exists():
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            before, names = list(reader), list(reader.fieldnames or ())
    more = [name for name in row if name not in names]
    with path.open("w" if more else "a", newline="") as file:
        writer = csv.DictWriter(file, [*names, *more])
        if more:
            writer.writeheader()
            writer.writerows(before)
        writer.writerow(row)


def _note(path: Path, step: int, seconds: float, figures: dict[str, float]) -> None:
    row = {"step": step, "seconds": round(seconds)} | {k: round(float(v), 4) for k, v in figures.items()}
    print(json.dumps(row), flush=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def start(net: str, argv: Sequence[str] | None = None) -> Options:
    """The options of ``python -m vcam.training.NET``, with everything set for the run."""
    parser = argparse.ArgumentParser(prog=f"python -m vcam.training.{net}", description=f"Train the {net}.")
    add_options(parser, data_required=NETS[net].needs_data)
    options = read_options(net, parser.parse_args(argv))
    prepare(options)
    return options


def prepare(options: Options) -> None:
    """Set threads and seed.

    Raises:
        BadInput: the device that was asked for is not there.
    """
    pick_device(options.device)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)


def check_start(options: Options) -> None:
    """Find out before anything long begins whether the run can start from what it is to go on from.

    Raises:
        BadInput: the pack has no such net, or the checkpoint cannot be read.
    """
    begin = options.pack / f"{options.net}.onnx" if options.pack else None
    if begin is not None and not begin.is_file():
        raise BadInput(f"there is no {begin} to begin with; leave out --pack to train from the beginning")
    checkpoint = options.out / "checkpoint.pt"
    if options.resume and checkpoint.exists():
        read_checkpoint(checkpoint)


def pick_device(asked: str) -> str:
    """The device of a run: "cpu" or "cuda".

    Raises:
        BadInput: it is not there.
    """
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise BadInput("torch finds no GPU that it can use here: take --device cpu")
    return "cuda" if there and asked != "cpu" else "cpu"


def rounds(precision: str, device: str) -> bool:
    """Whether convolutions are to be rounded to bfloat16: if asked for, or if that is the fast way here.

    With matrix units (AMX of Xeons since 2023, tensor cores) a step takes half the time or less; without them bfloat16
    is slower than float32. Losses and layers whose output is a place in the picture stay float32.
    """
    if precision == "auto":
        return (
            torch.cuda.is_bf16_supported() if device == "cuda" else bool(torch.cpu.get_capabilities().get("amx_bf16"))
        )
    return precision == "bfloat16"


def to_device(batch: Any, device: str) -> Any:
    """A batch with its tensors on a device: a tensor, or a dataclass, list or tuple of such; the rest stays."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{f.name: to_device(getattr(batch, f.name), device) for f in fields(batch)})
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(item, device) for item in batch)
    return batch
