"""Runs as root in the virtual machine: our capture against the kernel's own camera drivers.

The machine has ``vivid`` (a webcam of the kernel's test driver) and two v4l2loopback devices, "FaceWarp Cam"
and "Physical Webcam". Prints one line for each check; the first that fails ends the job with its reason.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from multiprocessing.synchronize import Event as EventType
from pathlib import Path

import numpy as np
import pytest
import pyvirtualcam

from vcam.errors import CameraBusy, CameraDenied, CameraLost, UnknownCamera
from vcam.types import Camera, VideoMode
from vcam.video import v4l2_abi as v4l2
from vcam.video.cameras import find_camera, list_cameras, open_camera

SMALL = VideoMode(320, 180, 15)
VIVID = "vivid-000-vid-cap"
NOBODY = 65534
COLOUR = (40, 90, 200)  # BGR of the producer's pictures


def feed(path: str, ready: EventType) -> None:
    """Send one colour to a loopback device for ever."""
    heal(path)
    with pyvirtualcam.Camera(
        SMALL.width, SMALL.height, SMALL.fps, device=path, fmt=pyvirtualcam.PixelFormat.BGR
    ) as out:
        picture = np.full((SMALL.height, SMALL.width, 3), COLOUR, np.uint8)
        out.send(picture)
        ready.set()
        while True:
            out.sleep_until_next_frame()
            out.send(picture)


def heal(path: str) -> None:
    """Make a loopback device whose last writer was killed take a writer again, as v4l2loopback 0.12 does not."""
    fd = os.open(path, os.O_RDWR)
    with suppress(OSError):  # refused, and healed all the same
        v4l2.call(fd, v4l2.VIDIOC_STREAMON, v4l2.StreamType(2))
    os.close(fd)


def hold(name: str, ready: EventType) -> None:
    """Read from a camera for ever."""
    camera = open_camera(name, SMALL)
    while camera.read():
        ready.set()


@contextmanager
def running(program: Callable[[str, EventType], None], device: str) -> Iterator[int]:
    """Run another program from the moment it is ready to the end of the block; gives its process number."""
    system = multiprocessing.get_context("fork")  # what is imported need not be imported again: emulation is slow
    ready = system.Event()
    process = system.Process(target=program, args=(device, ready))
    process.start()
    try:
        assert ready.wait(30), "the other program did not start"
        assert process.pid is not None
        yield process.pid
    finally:
        process.kill()
        process.join()


def names() -> list[str]:
    return [camera.name for camera in list_cameras()]


def say(check: str, **facts: object) -> None:
    print("ok", check, *(f"{name}={value}" for name, value in facts.items()), flush=True)


def check_listing() -> None:
    assert names() == [VIVID], names()  # our own device and a loopback nobody feeds are no cameras
    with running(feed, "/dev/video11"):
        assert names() == [VIVID, "Physical Webcam"], names()
        say("listing", cameras=[(c.name, c.id, c.path) for c in list_cameras()])


def check_vivid() -> None:
    camera = open_camera("vivid", SMALL)
    frames = [camera.read() for _ in range(8)]
    camera.close()
    assert (camera.mode.width, camera.mode.height) == (320, 180), camera.mode
    assert all(frame.image.shape == (180, 320, 3) for frame in frames)
    assert all(a.index < b.index and a.captured_at < b.captured_at for a, b in pairwise(frames))
    assert frames[0].image.std() > 40, "the test picture's colour bars are not there"
    ages = [time.perf_counter() - frame.captured_at for frame in frames]
    assert all(0 <= age < 60 for age in ages), ages
    say("vivid", asked=camera.asked, got=camera.mode, fourcc=camera.fourcc, skipped=camera.skipped)


def check_nearest_mode() -> None:
    camera = open_camera("vivid", VideoMode(600, 350, 1000))
    camera.read()
    camera.close()
    assert (camera.mode.width, camera.mode.height) == (640, 360), camera.mode
    say("nearest mode", got=camera.mode)


def check_busy() -> None:
    with running(hold, "vivid") as holder, pytest.raises(CameraBusy, match=str(holder)) as error:
        open_camera("vivid", SMALL)
    say("busy", message=error.value)


def check_denied() -> None:
    Path(find_camera("vivid").path).chmod(0o600)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(CameraDenied) as error:
            open_camera("vivid", SMALL)
    finally:
        os.seteuid(0)
    say("denied", message=error.value)


def check_loopback() -> None:
    with running(feed, "/dev/video11") as producer:
        camera = open_camera("physical", SMALL)
        frame = camera.read()
        difference = np.abs(frame.image.astype(int) - COLOUR).max()
        assert difference <= 4, difference
        say("loopback", got=camera.mode, fourcc=camera.fourcc, difference=difference)
        check_silence(camera, producer)


def check_silence(camera: Camera, producer: int) -> None:
    """A producer that stops sending is a lost camera within a second; closing ends a read at once."""
    os.kill(producer, signal.SIGSTOP)
    took_s = seconds_until_lost(camera)
    assert took_s < 1.5, took_s
    ended = threading.Event()
    reader = threading.Thread(target=lambda: (seconds_until_lost(camera), ended.set()))
    reader.start()
    began = time.perf_counter()
    camera.close()
    assert ended.wait(0.5), "reading went on after close"
    say("silence", lost_after_s=round(took_s, 2), closed_after_s=round(time.perf_counter() - began, 3))


def seconds_until_lost(camera: Camera) -> float:
    for _ in range(100):  # what the driver still holds comes first
        began = time.perf_counter()
        try:
            camera.read()
        except CameraLost:
            return time.perf_counter() - began
    raise AssertionError("the camera still gives pictures")


def check_unplugging() -> None:
    """Unbind the driver while it streams, bind it again: the same name gives pictures again."""
    driver = Path("/sys/bus/platform/drivers/vivid")
    camera = open_camera("vivid", SMALL)
    camera.read()
    (driver / "unbind").write_text("vivid.0")
    took_s = seconds_until_lost(camera)
    assert took_s < 1.5, took_s
    with pytest.raises(UnknownCamera) as error:
        open_camera("vivid", SMALL)
    camera.close()
    (driver / "bind").write_text("vivid.0")
    began = time.perf_counter()
    again = open_camera("vivid", SMALL)
    again.read()
    again.close()
    say(
        "unplugging",
        lost_after_s=round(took_s, 2),
        back_after_s=round(time.perf_counter() - began, 2),
        message=error.value,
    )


if __name__ == "__main__":
    for check in (
        check_listing,
        check_vivid,
        check_nearest_mode,
        check_busy,
        check_denied,
        check_loopback,
        check_unplugging,
    ):
        check()
    print("all checks passed", flush=True)
