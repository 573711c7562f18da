"""The training loop: exact resume, running mean, limits, and errors that say what happened."""

from __future__ import annotations

import csv
import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from torch import nn  # noqa: E402

from vcam.errors import VcamError  # noqa: E402
from vcam.training import loop  # noqa: E402

pytestmark = pytest.mark.train


def make_net(width: int = 8) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 1))


def make_batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
    return x, x.sum(1, keepdim=True)


def losses(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"square": (net(batch[0]) - batch[1]).square().mean()}


def test_resumed_run_continues_bit_for_bit(tmp_path: Path) -> None:
    plan = loop.Plan(steps=40, warm_up=5)
    whole = loop.train(make_net(), make_batch, losses, plan, tmp_path / "whole")
    calls = itertools.count(1)

    def losses_until_20(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        if next(calls) > 20:
            raise KeyboardInterrupt
        return losses(net, batch)

    every_step = loop.Plan(steps=40, warm_up=5, checkpoint_every_s=0)
    with pytest.raises(KeyboardInterrupt):
        loop.train(make_net(), make_batch, losses_until_20, every_step, tmp_path / "parts")
    resumed = loop.train(make_net(), make_batch, losses, every_step, tmp_path / "parts", resume=True)
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_training_learns_and_writes_its_figures(tmp_path: Path) -> None:
    def validate(net: nn.Module) -> dict[str, float]:
        return {"error": losses(net, make_batch(999))["square"].item()}

    before = validate(make_net().eval())["error"]
    plan, sheet = loop.Plan(steps=300, warm_up=5), np.full((8, 8, 3), 90, np.uint8)
    loop.train(make_net(), make_batch, losses, plan, tmp_path, validate=validate, sheet=lambda _: sheet)
    rows = [json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 300
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert (tmp_path / "sheet_000300.jpg").is_file()
    assert rows[-1]["error"] < 0.5 * before
    assert (tmp_path / "log.csv").read_text().startswith("step,seconds,rate,square")


def test_a_run_resumed_with_another_loss_logs_it_in_a_column_of_its_own(tmp_path: Path) -> None:
    def more_losses(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"more": torch.tensor(7.0), **losses(net, batch)}

    loop.train(make_net(), make_batch, losses, loop.Plan(steps=40), tmp_path)
    loop.train(make_net(), make_batch, more_losses, loop.Plan(steps=80), tmp_path, resume=True)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["20", "40", "60", "80"]
    assert [row["more"] for row in rows] == ["", "", "7.0", "7.0"]
    assert all(0 < float(row["square"]) < 7 for row in rows)
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    loop.train(make_net(8), make_batch, losses, loop.Plan(steps=2), tmp_path)
    with pytest.raises(VcamError, match="another architecture"):
        loop.train(make_net(9), make_batch, losses, loop.Plan(steps=4), tmp_path, resume=True)
    with pytest.raises(VcamError, match="another architecture"):
        loop.load_mean(tmp_path / "checkpoint.pt", make_net(9))


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(VcamError, match="no checkpoint"):
        loop.load_mean(tmp_path / "checkpoint.pt", make_net())


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    def broken(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"square": net(batch[0]).mean() * float("nan")}

    with pytest.raises(VcamError, match="step 0"):
        loop.train(make_net(), make_batch, broken, loop.Plan(steps=3), tmp_path)


def test_an_error_while_making_a_batch_reaches_the_caller(tmp_path: Path) -> None:
    def fails(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        if step == 2:
            raise OSError("disk gone")
        return make_batch(step)

    with pytest.raises(OSError, match="disk gone"):
        loop.train(make_net(), fails, losses, loop.Plan(steps=9), tmp_path)


@pytest.mark.parametrize(
    ("step", "seconds", "expected"),
    [(0, 0.0, 0.0), (50, 0.0, 0.5), (10, 45.0, 0.75), (200, 0.0, 1.0), (0, 999.0, 1.0)],
)
def test_progress_is_that_of_the_nearer_limit(step: int, seconds: float, expected: float) -> None:
    assert loop.Plan(steps=100, minutes=1.0).progress(step, seconds) == pytest.approx(expected)


def test_a_plan_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="steps or of minutes"):
        loop.Plan()


CREW = """
import sys, torch
from pathlib import Path
from vcam.training import loop
torch.set_num_threads(1)
torch.manual_seed(0)
net, pairs = torch.nn.Linear(4, 1), int(sys.argv[2])

def make_batch(step):
    parts = [torch.randn(8, 4, generator=torch.Generator().manual_seed(step * pairs + i)) for i in range(pairs)]
    x = torch.cat(parts)
    return x, x.sum(1, keepdim=True)

def losses(net, batch):
    return {"square": (net(batch[0]) - batch[1]).square().mean()}

loop.train(net, make_batch, losses, loop.Plan(steps=12, warm_up=2), Path(sys.argv[1]))
"""


def test_two_processes_train_as_one_with_batches_twice_as_large(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    crew = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", CREW, str(tmp_path / folder), pairs], env=os.environ | where, stderr=subprocess.PIPE
        )
        for folder, pairs, where in (
            ("crew", "1", crew | {"RANK": "0"}),
            ("crew", "1", crew | {"RANK": "1"}),
            ("alone", "2", {}),
        )
    ]
    for process in runs:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    together, alone = (loop.load_mean(tmp_path / name / "checkpoint.pt", nn.Linear(4, 1)) for name in ("crew", "alone"))
    torch.testing.assert_close(together.state_dict(), alone.state_dict())
