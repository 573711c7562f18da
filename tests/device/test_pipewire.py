"""Our PipeWire publisher against a real daemon, read by GStreamer."""

import sys
import tempfile
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rigs.camera_session import CameraSession
from rigs.gstreamer_reader import PROGRAM, open_reader
from rigs.numbered_pattern import draw_pattern, read_number
from rigs.processes import wait_until
from rigs.requirements import need_programs
from vcam.errors import OutputLost, OutputUnavailable
from vcam.types import VideoMode
from vcam.video.outputs import list_outputs, open_output
from vcam.video.pipewire import PipeWireOutput
from vcam.video.sender import Sender

pytestmark = [pytest.mark.device, pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's")]
MODE = VideoMode(1280, 720, 30)


@pytest.fixture
def session(monkeypatch):
    """A private PipeWire session that this process belongs to."""
    need_programs(PROGRAM)
    folder = tempfile.TemporaryDirectory(prefix="fw", ignore_cleanup_errors=True)
    with folder, CameraSession(Path(folder.name, "s")) as desktop:
        monkeypatch.setenv("XDG_RUNTIME_DIR", desktop.environment["XDG_RUNTIME_DIR"])
        monkeypatch.delenv("PIPEWIRE_REMOTE", raising=False)
        yield desktop


class Numbers:
    """Gives the pattern's pictures one after the other."""

    def __init__(self, mode):
        self._mode, self._next, self._cache = mode, 0, {}

    def __call__(self):
        self._next += 1
        return self.picture(self._next % 60)

    def picture(self, number):
        if number not in self._cache:
            self._cache[number] = draw_pattern(number, self._mode.width, self._mode.height)
        return self._cache[number]


def test_gstreamer_gets_the_very_pixels_in_order(session):
    numbers = Numbers(MODE)
    for number in range(60):
        numbers.picture(number)
    with Sender(lambda: PipeWireOutput(MODE), MODE.fps, numbers, pytest.fail):
        session.wait_for_camera()
        with open_reader(session.environment, 1280, 720) as reader:
            pictures = reader.read(30)
    found = [read_number(picture) for picture in pictures]
    assert len(set(found)) == 30
    assert all((later - earlier) % 60 < 10 for earlier, later in pairwise(found))
    assert all(
        np.array_equal(picture, numbers.picture(number)) for number, picture in zip(found, pictures, strict=True)
    )


def test_watched_follows_the_readers(session):
    output = PipeWireOutput(MODE)
    with Sender(lambda: output, MODE.fps, Numbers(MODE), pytest.fail):
        session.wait_for_camera()
        assert output.watched() is False
        with open_reader(session.environment, 1280, 720) as reader:
            reader.read(1)
            assert output.watched() is True
        wait_until(lambda: output.watched() is False, "the reader's end")


def test_two_readers_at_once(session):
    with Sender(lambda: PipeWireOutput(MODE), MODE.fps, Numbers(MODE), pytest.fail):
        session.wait_for_camera()
        with (
            open_reader(session.environment, 1280, 720) as first,
            open_reader(session.environment, 1280, 720) as second,
        ):
            for reader in (first, second):
                assert len({read_number(picture) for picture in reader.read(5)}) == 5


def test_opening_and_closing_leaves_nothing_behind(session):
    def open_things():
        return (
            len(list(Path("/proc/self/fd").iterdir())),
            threading.active_count(),
            len(list(Path("/proc/self/task").iterdir())),
        )

    for round_number in range(12):
        output = open_output("pipewire", MODE)
        output.send(draw_pattern(round_number, 1280, 720))
        output.close()
        output.close()
        if round_number == 1:
            before = open_things()
    assert open_things() == before
    with pytest.raises(OutputLost, match="is closed"):
        output.send(draw_pattern(0, 1280, 720))
    wait_until(lambda: "FaceWarp Cam" not in session.status(), "the camera's end")


def test_a_session_that_ends_and_comes_back(session):
    errors = []
    told = threading.Event()

    def on_error(error):
        errors.append(error)
        told.set()

    with Sender(lambda: open_output("pipewire", MODE), MODE.fps, Numbers(MODE), on_error) as sender:
        session.wait_for_camera()
        with open_reader(session.environment, 1280, 720) as reader:
            reader.read(3)
        session.stop_pipewire()
        assert told.wait(5)
        assert isinstance(errors[0], OutputLost)
        assert "PipeWire took FaceWarp Cam away" in str(errors[0])
        session.start_pipewire()
        session.wait_for_camera()
        with open_reader(session.environment, 1280, 720) as reader:
            assert len({read_number(picture) for picture in reader.read(3)}) == 3
    assert sender.stats.lost == 1


def test_without_a_daemon(session):
    session.stop_pipewire()
    with pytest.raises(OutputUnavailable, match=r"PipeWire is not running .*pipewire-0"):
        open_output("pipewire", MODE)
    report = next(report for report in list_outputs() if report.name == "pipewire")
    assert not report.available
    assert "systemctl --user enable --now" in report.detail
    session.start_pipewire()
    report = next(report for report in list_outputs() if report.name == "pipewire")
    assert (report.available, report.chosen) == (True, True)
    assert "FaceWarp Cam" not in session.status()  # asking shows no camera to anybody
    open_output("auto", MODE).close()
