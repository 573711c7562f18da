"""Sends the numbered pattern to an output at a constant rate until it is told to stop: a stand-in for the program.

usage: PYTHONPATH=.:tests python tests/rigs/publish_pattern.py OUTPUT [WIDTHxHEIGHT [FPS]]
"""

from __future__ import annotations

import itertools
import signal
import sys
import threading

from rigs.numbered_pattern import draw_pattern
from vcam.types import VideoMode
from vcam.video.outputs import open_output
from vcam.video.sender import Sender


def main(spec: str, size: str = "640x360", fps: str = "30") -> None:
    """Publish until SIGTERM or SIGINT."""
    width, height = map(int, size.split("x"))
    mode = VideoMode(width, height, float(fps))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    numbers = itertools.count()

    def next_image():
        return draw_pattern(next(numbers), width, height)

    with Sender(
        lambda: open_output(spec, mode), mode.fps, next_image, lambda error: print(error, flush=True)
    ) as sender:
        print("publishing", flush=True)
        stop.wait()
    print(sender.stats, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
