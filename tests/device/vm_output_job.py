"""Runs as root in the virtual machine: our v4l2loopback output, read by v4l2-ctl, ffmpeg and OpenCV.

Prints one line for each check; the first that fails ends the job with its reason.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from rigs.numbered_pattern import draw_pattern, in_order, read_number
from rigs.processes import wait_until
from vcam.errors import OutputUnavailable
from vcam.types import VideoMode
from vcam.video.colour import bgr_to_i420
from vcam.video.placeholder import draw_placeholder
from vcam.video.sender import Sender
from vcam.video.v4l2loopback import V4l2LoopbackOutput, find_device, own_descriptors, prepare_device

MODE = VideoMode(512, 288, 10)
PICTURES = [draw_pattern(number, MODE.width, MODE.height) for number in range(256)]
PLANES = [bgr_to_i420(picture) for picture in PICTURES]
DEVICE = "/dev/video10"
NOBODY = 65534
FORK = multiprocessing.get_context("fork")  # a fresh interpreter takes the emulated machine ten seconds to start


def publish(first_number: int, ready, stop, watched) -> None:
    """Send the pattern from a number on, and tell whether somebody reads."""
    for descriptor in own_descriptors(Path(DEVICE)):
        os.close(descriptor)  # the reader's, inherited by the fork: it must not be taken for the writer's own
    output = V4l2LoopbackOutput(MODE)
    number = first_number

    def next_image():
        nonlocal number
        number += 1
        watched.value = {True: 1, False: 0, None: -1}[output.watched()]
        ready.set()
        return PICTURES[number % 256]

    with Sender(lambda: output, MODE.fps, next_image, lambda error: print(error, flush=True)):
        stop.wait()


@contextmanager
def publisher(first_number: int = 0) -> Iterator[tuple]:
    """A process that feeds the camera; ended kindly, unless it was killed."""
    ready, stop, watched = FORK.Event(), FORK.Event(), FORK.Value("i", -2)
    process = FORK.Process(target=publish, args=(first_number, ready, stop, watched))
    process.start()
    assert ready.wait(60), "the publisher did not start"
    try:
        yield process, stop, watched
    finally:
        if process.is_alive():  # setting an event waits for ever for a waiter that was killed
            stop.set()
        process.join(30)


def kill(process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)


def refusal(attempt) -> str:
    """The sentence with which something is refused."""
    try:
        attempt()
    except OutputUnavailable as error:
        return str(error)
    raise AssertionError("it was not refused")


def passed(what: str) -> None:
    print(f"ok: {what}", flush=True)


def check_rounds() -> None:
    for _ in range(3):
        output = V4l2LoopbackOutput(MODE)
        for picture in PICTURES[:3]:
            output.send(picture)
        output.close()
        output.close()
    prepare_device(find_device())
    passed("three rounds of opening and closing leave a usable device")


def check_raw(path: Path, what: str, count: int) -> None:
    """All pictures of a raw file are, byte for byte, those that were sent."""
    size = MODE.width * MODE.height * 3 // 2
    raw = np.fromfile(path, np.uint8)
    planes = raw[: raw.size // size * size].reshape(-1, MODE.height * 3 // 2, MODE.width)
    numbers = [read_number(picture[: MODE.height]) for picture in planes]
    assert len(planes) == count, f"{what}: {len(planes)} pictures, not {count}"
    assert len(set(numbers)) > 1, f"{what}: always number {numbers[0]}"
    assert in_order(numbers), f"{what}: {numbers}"
    wrong = [n for n, picture in zip(numbers, planes, strict=True) if not np.array_equal(picture, PLANES[n])]
    assert not wrong, f"{what}: pictures {wrong} differ from what was sent"
    passed(f"{what} reads {count} pictures without a wrong byte, numbers {numbers[0]} to {numbers[-1]}")


def check_programs() -> None:
    raw = Path("/run/read.raw")
    stream = ["--stream-mmap=3", "--stream-count=6", f"--stream-to={raw}"]
    subprocess.run(["v4l2-ctl", "-d", DEVICE, *stream], check=True, timeout=200, capture_output=True)
    check_raw(raw, "v4l2-ctl", 6)
    taken = ["-frames:v", "5", "-f", "rawvideo", "-c:v", "rawvideo", "-y", str(raw)]
    command = [
        "ffmpeg",
        "-hide_banner",
        "-loglevel",
        "error",
        "-f",
        "v4l2",
        "-i",
        DEVICE,
        "-fps_mode",
        "passthrough",
        *taken,
    ]
    subprocess.run(command, check=True, timeout=200)
    check_raw(raw, "ffmpeg", 5)


def read_with_opencv(capture: cv2.VideoCapture, count: int) -> list[int]:
    """Numbers of the next pictures, most of which are those that were sent.

    The device has two buffers and does not lock them: a reader as slow as an emulated one finds some half overwritten.
    """
    numbers, right = [], 0
    for _ in range(count):
        good, picture = capture.read()
        assert good, "OpenCV read nothing"
        numbers.append(read_number(picture))
        errors = np.abs(picture.astype(int) - PICTURES[numbers[-1] % 256])
        right += bool(np.percentile(errors, 99) <= 3)
    assert right > count / 2, f"OpenCV: only {right} of the pictures {numbers} are right"
    return numbers


def check_reader_survives() -> None:
    """One reader that stays open sees every publisher: two that are killed, and one that ends well."""
    with publisher() as (process, _, watched):
        check_programs()
        wait_until(lambda: watched.value == 0, "nobody reading", 30)
        capture = cv2.VideoCapture(DEVICE, cv2.CAP_V4L2)
        numbers = read_with_opencv(capture, 5)
        assert in_order(numbers), numbers
        passed(f"OpenCV reads the right pictures, numbers {numbers[0]} to {numbers[-1]}")
        wait_until(lambda: watched.value == 1, "being watched", 30)
        passed("the output knows when it is watched")
        assert "another program already sends pictures" in refusal(lambda: V4l2LoopbackOutput(MODE))
        passed("a second program is refused")
        kill(process)
    for first_number in (100, 150):
        with publisher(first_number) as (process, stop, _):
            for _ in range(3):  # what the former writer left in the device's buffers, partly written over
                assert capture.read()[0], "OpenCV read nothing"
            numbers = read_with_opencv(capture, 8)
            assert first_number <= numbers[-1] < first_number + 50, numbers
            if first_number == 100:
                kill(process)
            else:
                stop.set()
                process.join(30)
    passed("after two kill -9 a reader that stayed open gets pictures again")
    good, picture = capture.read()
    capture.release()
    assert good, "no placeholder"
    assert np.percentile(np.abs(picture.astype(int) - draw_placeholder(MODE)), 99) <= 6, "not the placeholder"
    passed("a placeholder is left in the device")
    prepare_device(find_device())


def as_nobody() -> None:
    os.setgroups([])
    os.setuid(NOBODY)
    sentence = refusal(lambda: prepare_device(Path(DEVICE)))
    assert "no permission to use /dev/video10" in sentence, sentence


def check_refusals() -> None:
    Path(DEVICE).chmod(0o600)
    process = FORK.Process(target=as_nobody)
    process.start()
    process.join(30)
    assert process.exitcode == 0, "without permission"
    assert "/dev/video11 is 'Physical Webcam'" in refusal(lambda: find_device("Another Cam"))
    reload_module = "rmmod v4l2loopback && insmod /modules/v4l2loopback.ko video_nr=10 exclusive_caps=0"
    subprocess.run([*("sh", "-c"), f"{reload_module} 'card_label=\"FaceWarp Cam\"'"], check=True)
    assert "was made with exclusive_caps=0" in refusal(lambda: V4l2LoopbackOutput(MODE))
    subprocess.run(["rmmod", "v4l2loopback"], check=True)
    assert "v4l2loopback is not loaded" in refusal(lambda: V4l2LoopbackOutput(MODE))
    passed("no permission, no label, exclusive_caps=0 and no module are different sentences")


if __name__ == "__main__":
    check_rounds()
    check_reader_survives()
    check_refusals()
