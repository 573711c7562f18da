"""Runs as root in the virtual machine: the command `facewarp run` between two kernel devices, webcam to camera.

Prints one line for each check; the first that fails ends the job with its reason.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pyvirtualcam

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from rigs.numbered_pattern import BITS, BLOCK_PX, draw_pattern, in_order, read_number  # noqa: E402 -- run as a script
from rigs.processes import wait_until  # noqa: E402

WIDTH, HEIGHT, FPS = 512, 288, 10
PICTURES = [draw_pattern(number, WIDTH, HEIGHT) for number in range(256)]
WEBCAM, CAMERA = "/dev/video11", "/dev/video10"
START_S = 240  # an emulated machine imports slowly
FORK = multiprocessing.get_context("fork")


def feed_webcam(ready) -> None:
    """Be the physical webcam."""
    with pyvirtualcam.Camera(
        WIDTH, HEIGHT, FPS, device=WEBCAM, fmt=pyvirtualcam.PixelFormat.BGR, print_fps=False
    ) as webcam:
        number = 0
        while True:
            webcam.send(PICTURES[number % 256])
            number += 1
            ready.set()
            webcam.sleep_until_next_frame()


@contextmanager
def facewarp(*options: str):
    """The program, as a user starts it."""
    command = [sys.executable, "-m", "vcam", "run", "--camera", "Physical Webcam", "--output", "v4l2loopback"]
    command += ["--size", f"{WIDTH}x{HEIGHT}", "--fps", str(FPS), *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: "capture" in capabilities() or process.poll() is not None, "the camera", START_S)
        assert process.poll() is None, "facewarp ended"
        yield process
    finally:
        process.terminate()
        process.wait(60)


def capabilities() -> str:
    """With exclusive_caps=1 the device is a capture device only while somebody writes to it."""
    done = subprocess.run(["v4l2-ctl", "-d", CAMERA, "--info"], capture_output=True, text=True, check=True)
    return "capture" if "Video Capture" in done.stdout.split("Device Caps")[-1] else "output"


def wait_for_number(capture: cv2.VideoCapture) -> None:
    """Read past the card of the start."""
    for _ in range(600):
        good, picture = capture.read()
        if good and is_pattern(picture):
            return
    raise AssertionError("the webcam's picture never came")


def is_pattern(picture: np.ndarray) -> bool:
    """Whether this is a picture of the webcam, as it was."""
    return float(np.percentile(np.abs(picture.astype(int) - PICTURES[read_number(picture) % 256]), 99)) <= 8


def read_numbers(capture: cv2.VideoCapture, count: int) -> list[int]:
    """Numbers of the webcam's pictures; when the emulated machine pauses for a second, a card comes in between."""
    numbers: list[int] = []
    for _ in range(4 * count):
        good, picture = capture.read()
        if good and is_pattern(picture):
            numbers.append(read_number(picture))
        if len(numbers) == count:
            return numbers
    raise AssertionError(f"only {len(numbers)} of {4 * count} pictures are the webcam's")


def passed(what: str) -> None:
    print(f"ok: {what}", flush=True)


LEFT_BEHIND = 8  # buffers of the device: what the killed program wrote last may come first


def check_off_and_restart() -> None:
    capture = None
    for round_ in range(2):
        with facewarp("--off") as process:
            capture = capture or cv2.VideoCapture(CAMERA, cv2.CAP_V4L2)
            wait_for_number(capture)
            if round_ == 1:
                read_numbers(capture, LEFT_BEHIND)
            numbers = read_numbers(capture, 12)
            assert len(set(numbers)) > 2, numbers
            assert in_order(numbers) or numbers[-1] < numbers[0], numbers  # 255 is followed by 0
            passed(f"round {round_ + 1}: the webcam's pictures arrive, numbers {numbers[0]} to {numbers[-1]}")
            if round_ == 0:
                os.kill(process.pid, signal.SIGKILL)
    passed("a reader that stayed open gets pictures again after kill -9 and a new start")
    capture.release()


def check_swap_on_hides() -> None:
    """There is no face in the pattern, so while the swap is on none of it may be seen."""
    with facewarp():
        capture = cv2.VideoCapture(CAMERA, cv2.CAP_V4L2)
        for _ in range(30):
            good, picture = capture.read()
            assert good, "OpenCV read nothing"
            blocks = picture[BLOCK_PX // 2, BLOCK_PX // 2 : BLOCK_PX * BITS : BLOCK_PX].astype(int).mean(axis=1)
            assert np.abs(np.diff(blocks)).max() < 100, "the bare picture got out"
        capture.release()
    passed("with the swap on and no face, 30 pictures show nothing of the webcam's detail")


if __name__ == "__main__":
    started = FORK.Event()
    source = FORK.Process(target=feed_webcam, args=(started,), daemon=True)
    source.start()
    assert started.wait(60), "the webcam did not start"
    check_off_and_restart()
    check_swap_on_hides()
    source.kill()
