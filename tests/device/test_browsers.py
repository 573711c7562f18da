"""Real browsers list "FaceWarp Cam" and draw its frames, in order and in the right colours."""

import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rigs.browsers import look_with
from rigs.camera_session import CameraSession
from rigs.gstreamer_reader import PROGRAM
from rigs.numbered_pattern import draw_pattern, in_order
from rigs.processes import wait_until
from rigs.requirements import need_programs

pytestmark = [
    pytest.mark.device,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's"),
]
WIDTH, HEIGHT = 1280, 720
TESTS = Path(__file__).resolve().parents[1]
PUBLISHER = (sys.executable, str(TESTS / "rigs/publish_pattern.py"), "pipewire", f"{WIDTH}x{HEIGHT}", "30")


@pytest.fixture(scope="module")
def desktop():
    """A desktop session in which the camera is published."""
    folder = tempfile.TemporaryDirectory(prefix="fw", ignore_cleanup_errors=True)
    with folder, CameraSession(Path(folder.name, "s")) as session:
        session.processes.start("publisher", *PUBLISHER, PYTHONPATH=f"{TESTS.parent}:{TESTS}")
        session.wait_for_camera()
        session.start_portal()
        yield session


@cache
def expected(number):
    return draw_pattern(number, WIDTH, HEIGHT)


def check_colours(seen, tolerance):
    """All the points that the browser drew are those of the pattern."""
    errors = seen.pixel_errors(expected)
    print(f"{seen.fps:.1f} fps, pixel errors: median {np.median(errors):g}, max {errors.max()} levels")
    assert np.percentile(errors, 95) <= 3
    assert errors.max() <= tolerance


@pytest.mark.parametrize(
    ("browser", "tolerance"),
    [
        ("chromium", 3),  # takes I420
        ("firefox-esr", 6),  # takes BGRA and goes through its own I420
    ],
)
def test_a_browser_sees_the_camera(desktop, browser, tolerance):
    need_programs(browser)
    seen = look_with(browser, desktop.environment, count=60)
    assert seen.error == ""
    assert seen.cameras == ("FaceWarp Cam",)
    assert seen.size == (WIDTH, HEIGHT)
    assert len(set(seen.numbers)) == 60
    assert in_order(list(seen.numbers))
    check_colours(seen, tolerance)


def test_a_browser_and_another_program_at_once(desktop):
    need_programs("chromium", PROGRAM)
    reader = ("pipewiresrc", "target-object=facewarp_cam", "!", "videoconvert", "!", "video/x-raw,format=RGB")
    desktop.processes.start("reader", PROGRAM, *reader, "!", "fakesink")  # comes first, so it chooses the layout: BGRA
    try:
        wait_until(lambda: PROGRAM in desktop.status(), "the first reader")
        seen = look_with("chromium", desktop.environment, count=20)
    finally:
        desktop.processes.stop("reader")
    assert (seen.error, len(set(seen.numbers))) == ("", 20)
    check_colours(seen, tolerance=6)
