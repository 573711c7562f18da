"""``facewarp bench``: how fast this machine is, as ratios."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, cast

from vcam.cli.arguments import Subparsers, positive_seconds, told


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure the speed of this machine",
        description="Time the networks, the CPU side of a swap and the whole way from clip to output. Needs no camera.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--clip", type=Path, metavar="VIDEO", help="a clip of a face, in place of ours")
    parser.add_argument(
        "--seconds",
        type=told(positive_seconds),
        default=15.0,
        metavar="N",
        help="of the last part (default: %(default)g)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        VcamError: the clip or the models cannot be used.
    """
    from vcam.bench import time_nets, time_whole_way
    from vcam.bench_swap import measure_swap_costs

    def say(text: str) -> None:
        if not arguments.json:
            print(text, flush=True)

    say("Networks, one thread             ms   x a 512x512x512 fp32 product")
    nets = []
    for speed in time_nets():
        nets.append({"name": speed.name, "ms": round(speed.ms, 2), "ratio": round(speed.ratio, 2)})
        say(f"  {speed.name:24} {speed.ms:8.2f}   {speed.ratio:6.2f}")
    say("CPU side of one swapped frame    ms   x the floor re-made here")
    cpu_side = []
    for cost in measure_swap_costs():
        name = f"{cost.frame_wh[0]}x{cost.frame_wh[1]}, face {cost.face_px} px"
        cpu_side.append({"name": name, "ms": round(cost.ours_ms[0], 2), "ratio": round(cost.ratio, 2)})
        say(f"  {name:24} {cost.ours_ms[0]:8.2f}   {cost.ratio:6.2f}")
    report = time_whole_way(arguments.seconds, arguments.clip)
    latency, stages = (
        cast(dict[str, float], report["latency_ms"]),
        cast(dict[str, dict[str, float]], report["stage_ms"]),
    )
    say(f"Whole way, 720p clip to null output, {arguments.seconds:g} s")
    say(f"  processed {report['fps_processed']} fps, sent {report['fps_sent']} fps, CPU {report['cpu_percent']} %")
    say(f"  capture to sent: p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms")
    for name, ms in stages.items():
        say(f"  {name:24} {ms['p50']:8.2f}   p95 {ms['p95']:.2f}")
    if arguments.json:
        result: dict[str, Any] = {"nets": nets, "cpu_side": cpu_side, "whole_way": report}
        print(json.dumps(result, indent=2))
    return 0
