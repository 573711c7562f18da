"""The whole program as a user starts it: a clip of a face in, a swapped face out, in a real browser."""

import json
import sys
import tempfile
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rigs.browsers import look_with
from rigs.camera_session import CameraSession
from rigs.numbered_pattern import BITS, BLOCK_PX
from rigs.requirements import need_programs
from vcam.catalogue import find_clip
from vcam.types import VideoMode
from vcam.video.files import read_video
from vcam.video.outputs import open_output

pytestmark = [pytest.mark.device, pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's")]
WIDTH, HEIGHT, FPS = 1280, 720, 30
LENGTH = 300
TOLERANCE = 3  # levels, for 95 of 100 points: YUV, and the invisible mark
FACE_BOX = (400, 40, 880, 700)  # left, top, right, bottom: the actor's head stays inside in all frames


def number_frame(image, number):
    """The picture with its number along the top edge, as the page reads it."""
    marked = image.copy()
    bits = (number >> np.arange(BITS)) & 1
    marked[: 2 * BLOCK_PX] = 0
    marked[:BLOCK_PX, : BLOCK_PX * BITS] = np.repeat(bits * 255, BLOCK_PX)[None, :, None]
    return marked


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The actor, with a number in every frame."""
    path = tmp_path_factory.mktemp("clip") / "numbered.mp4"
    frames = [frame.image for frame, _ in read_video(find_clip())]
    output = open_output(f"file:{path}", VideoMode(WIDTH, HEIGHT, float(Fraction(FPS))))
    for number in range(LENGTH):
        output.send(number_frame(frames[number % len(frames)], number))
    output.close()
    return path


@pytest.fixture(scope="module")
def expected(clip):
    """The clip's frames as the program reads them, by number."""
    frames = {index: frame.image for index, (frame, _) in enumerate(read_video(clip))}
    return cache(lambda number: frames[number % LENGTH])


def outside_face(seen):
    """The points that no swap can have touched, of every frame that has a number: a safe picture has none."""
    left, top, right, bottom = FACE_BOX
    kept = []
    for number, points in seen.frames:
        if not 0 < number < LENGTH:
            continue
        x, y = points[:, 0], points[:, 1]
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        kept.append((number, points[~inside]))
    return kept


@pytest.mark.parametrize("browser", ["chromium", "firefox-esr"])
def test_a_browser_draws_the_swapped_clip(clip, expected, browser):
    need_programs(browser)
    with tempfile.TemporaryDirectory(prefix="fw", ignore_cleanup_errors=True) as folder:
        stats = Path(folder, "stats.json")
        with CameraSession(Path(folder, "s")) as session:
            command = (sys.executable, "-m", "vcam", "run", "--camera", str(clip), "--output", "pipewire")
            program = session.processes.start("facewarp", *command, "--stats-json", str(stats))
            session.wait_for_camera()
            session.start_portal()
            seen = look_with(browser, session.environment, count=60)
            program.terminate()
            program.wait(20)
        report = json.loads(stats.read_text())
    assert seen.error == ""
    assert seen.cameras == ("FaceWarp Cam",)
    assert seen.size == (WIDTH, HEIGHT)
    numbers = [number for number in seen.numbers if 0 < number < LENGTH]
    assert len(set(numbers)) >= 55
    backwards = [(before, after) for before, after in pairwise(numbers) if after < before]
    assert all(before > LENGTH - 60 and after < 60 for before, after in backwards)  # only where the clip begins again
    errors = np.concatenate(
        [np.abs(expected(n)[p[:, 1], p[:, 0], ::-1].astype(int) - p[:, 2:]).max(1) for n, p in outside_face(seen)]
    )
    print(f"{browser}: {seen.failed_starts} failed starts, {seen.fps:.1f} fps,", end=" ")
    print(f"points off by {np.median(errors):g} levels, 95 % within", end=" ")
    print(f"{np.percentile(errors, 95):g}; program: {report['frames_swapped']} swapped, {report['frames_raw']} raw")
    assert np.percentile(errors, 95) <= TOLERANCE
    assert report["frames_raw"] == 0
    assert report["frames_swapped"] > 60
