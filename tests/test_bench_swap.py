"""The bench of the swap's CPU side: that it measures, and that nothing of a frame's size is made on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vcam.bench_swap import FRAMES_WH, SwapCost, find_failures, measure_swap_costs

GOOD = [SwapCost(wh, 252, 256, (2.5, 2.6), (2.3, 2.4), 1.09, 1_000_000, 3 * wh[0] * wh[1]) for wh in FRAMES_WH]


@pytest.mark.slow
@pytest.mark.parametrize("engine_px", [128, 256])
def test_no_full_frame_copy_is_made(engine_px: int) -> None:
    rows = measure_swap_costs(rounds=3, engine_px=engine_px)
    assert [row.frame_wh for row in rows] == [*FRAMES_WH, *FRAMES_WH[1:]]
    fixed = rows[:3]
    assert max(row.fresh_bytes for row in fixed) < 1.1 * min(row.fresh_bytes for row in fixed)
    assert fixed[0].fresh_bytes < 0.5 * fixed[0].frame_bytes
    assert all(row.ours_ms[0] > 0 and row.floor_ms[0] > 0 for row in rows)


FAILURES = {
    "ratio": (0, {"ratio": 1.4}, "1.40x the floor"),
    "growth": (2, {"ours_ms": (3.2, 3.3)}, "grows by 1.28x"),
    "copy": (2, {"fresh_bytes": 30_000_000}, "allocates 30000000 bytes"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_found(name: str) -> None:
    row, change, says = FAILURES[name]
    rows = list(GOOD)
    rows[row] = replace(rows[row], **change)
    assert find_failures(GOOD) == []
    failures = find_failures(rows)
    assert len(failures) == 1
    assert says in failures[0]
