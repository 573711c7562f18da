"""The threads: the device keeps its rate and the bare face stays in, whatever happens to the rest."""

import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fakes import BareFaceCamera
from promise import HEIGHT, WIDTH, good_pipeline, is_raw, make_source
from vcam.errors import CameraBusy, ModelMissing
from vcam.imaging import draw_card, privacy_blur
from vcam.pipeline.runner import Runner
from vcam.types import Control, Frame, Safe, VideoMode
from vcam.video.null import RecordingOutput

MODE = VideoMode(WIDTH, HEIGHT, 60)
ON = Control(True, make_source())


class Rig:
    """A runner on fakes. What leaves is kept as ``raw`` or not, by its pixels."""

    def __init__(self, pipeline=None, camera=BareFaceCamera, build=None, control=ON, **options):
        self.output = RecordingOutput(MODE, keep=self.judge, **options.pop("output", {}))
        self.counter = [0]
        self.cameras = []
        self.camera_options = options.pop("camera_options", {})
        self.camera_class = camera
        self.runner = Runner(
            self.open_camera,
            build or (lambda: pipeline or good_pipeline()),
            lambda: self.output,
            MODE,
            control,
            blur=privacy_blur,
            card=draw_card,
            **options,
        )

    def open_camera(self):
        self.cameras.append(self.camera_class(counter=self.counter, **self.camera_options))
        return self.cameras[-1]

    def judge(self, image):
        return is_raw(image, self.counter[0])

    def raw_sent(self):
        return sum(bool(sent.kept) for sent in self.output.sent)

    def kept_sending(self):
        """No gap of 0.2 s, but for two at most: now and then a busy machine stops every program for longer."""
        gaps_s = np.sort(np.diff([sent.at_s for sent in self.output.sent]))
        return gaps_s[-3] < 0.2 and gaps_s[-1] < 2


def wait_until(condition, timeout_s=5.0):
    deadline = time.perf_counter() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.perf_counter() < deadline, "it did not happen in time"
        pause.wait(0.005)


def count(rig, what):
    return rig.runner.report("toy", "none")[what]


def test_swapped_frames_leave_and_everything_is_counted():
    rig = Rig()
    with rig.runner:
        assert rig.output.wait_for(60)
        wait_until(lambda: count(rig, "frames_swapped") > 20)
    report = rig.runner.report("toy", "none")
    assert report["frames_raw"] == 0
    assert report["frames_sent"] == report["frames_swapped"] + report["frames_safe"]
    assert set(report["stage_ms"]) == {"track", "crop", "swap", "blend", "mark"}
    assert report["used"]["camera"] == "bare face"
    assert 0 < report["latency_ms"]["p50"] < 200
    assert rig.raw_sent() == 0
    assert rig.output.closed
    assert rig.cameras[0].closed.is_set()


def test_a_hung_stage_costs_nothing_but_fresh_pictures():
    released = threading.Event()
    hung = threading.Event()

    def hang(work):
        if work.frame.index > 20:
            hung.set()
            released.wait(10)

    rig = Rig(pipeline=(("hang", hang), *good_pipeline()))
    with rig.runner:
        assert hung.wait(5)
        assert rig.output.wait_for(len(rig.output.sent) + 90)
        assert count(rig, "safe_by_kind")["blurred"] > 20
        released.set()
    assert rig.raw_sent() == 0
    assert rig.kept_sending()


def test_models_that_load_slowly_do_not_hold_the_device_up():
    loaded = threading.Event()

    def build():
        loaded.wait(10)
        return good_pipeline()

    rig = Rig(build=build)
    with rig.runner:
        assert rig.output.wait_for(30)
        assert count(rig, "frames_swapped") == 0
        loaded.set()
        wait_until(lambda: count(rig, "frames_swapped") > 0)
    assert rig.raw_sent() == 0


@pytest.mark.parametrize("camera_fps", [5, 240])
def test_the_device_keeps_its_rate_whatever_the_cameras_is(camera_fps):
    rig = Rig(camera_options={"fps": camera_fps})
    with rig.runner:
        assert rig.output.wait_for(60)
        began = rig.output.sent[-1].at_s
        assert rig.output.wait_for(len(rig.output.sent) + 60)
    seconds = rig.output.sent[-1].at_s - began
    assert seconds == pytest.approx(1.0, abs=0.4)
    assert rig.raw_sent() == 0


def test_an_unplugged_camera_comes_back():
    rig = Rig(camera_options={"lost_at": {15, 40}})
    with rig.runner:
        wait_until(lambda: count(rig, "camera_reopened") == 2)
        swapped = count(rig, "frames_swapped")
        wait_until(lambda: count(rig, "frames_swapped") > swapped + 10)
    assert all(camera.closed.is_set() for camera in rig.cameras)
    assert rig.raw_sent() == 0
    assert rig.kept_sending()


def test_a_size_change_in_mid_stream_is_fitted():
    def resize(frame):
        if frame.index % 20 < 10:
            return frame
        return Frame(cv2.resize(frame.image, (128, 96)), frame.index, frame.captured_at)

    rig = Rig(camera_options={"resize": resize})
    with rig.runner:
        wait_until(lambda: count(rig, "frames_captured") > 60)
    assert rig.runner.error is None
    assert rig.raw_sent() == 0


def test_a_lost_output_is_opened_again():
    rig = Rig(output={"lost_at": {10}})
    with rig.runner:
        assert rig.output.wait_for(5)
        rig.output.closed = False
        wait_until(lambda: rig.runner.report("toy", "none")["frames_sent"] > 30)


def test_switching_off_shows_the_camera_and_on_hides_it_at_once():
    rig = Rig()
    with rig.runner as runner:
        wait_until(lambda: count(rig, "frames_swapped") > 5)
        assert rig.raw_sent() == 0
        runner.control = replace(runner.control, enabled=False)
        wait_until(lambda: rig.raw_sent() > 5)
        runner.control = ON
        sent = len(rig.output.sent) + 1  # the one that was chosen while we switched may still arrive
        assert rig.output.wait_for(sent + 30)
    assert not any(one.kept for one in rig.output.sent[sent:])


def test_no_source_shows_the_safe_picture():
    rig = Rig(control=Control(True, None))
    with rig.runner:
        wait_until(lambda: count(rig, "frames_failed") > 5)
    assert count(rig, "frames_swapped") == 0
    assert rig.raw_sent() == 0


def test_the_raw_policy_shows_raw():
    rig = Rig(control=Control(True, None, Safe.RAW))
    with rig.runner:
        wait_until(lambda: rig.raw_sent() > 5)


def test_nobody_watching_releases_the_camera_and_a_reader_wakes_it():
    rig = Rig(idle_after_s=0.1, output={"watched": False})
    with rig.runner as runner:
        wait_until(lambda: runner.idle and rig.cameras[-1].closed.is_set())
        processed = count(rig, "frames_processed")
        assert runner._sender.resting
        assert rig.output.wait_for(len(rig.output.sent) + 5)
        assert count(rig, "frames_processed") <= processed + 1
        rig.output.set_watched(True)
        wait_until(lambda: count(rig, "frames_processed") > processed + 5, 1.0)
        assert not runner._sender.resting
    assert len(rig.cameras) == 2
    assert rig.raw_sent() == 0


def test_a_pause_begun_at_rest_has_the_full_rate_once_somebody_reads():
    rig = Rig(idle_after_s=0.1, output={"watched": False})
    with rig.runner as runner:
        wait_until(lambda: runner._sender.resting)
        runner.paused = True
        rig.output.set_watched(True)
        wait_until(lambda: not runner._sender.resting)
        assert runner.idle
    assert rig.raw_sent() == 0


def test_a_video_played_once_ends_the_run():
    rig = Rig(camera_options={"length": 20})
    with rig.runner as runner:
        assert runner.ended.wait(5)
    assert rig.runner.error is None


@pytest.mark.parametrize("where", ["camera", "models"])
def test_what_cannot_start_is_told(where):
    def busy():
        raise CameraBusy("the camera is in use by another program")

    def missing():
        raise ModelMissing("the generator is missing")

    rig = Rig(build=missing if where == "models" else None)
    if where == "camera":
        rig.runner._open_camera = busy
    with rig.runner as runner:
        assert runner.ended.wait(5)
        assert rig.output.wait_for(len(rig.output.sent) + 5)  # the device lives until the program ends
    assert isinstance(runner.error, CameraBusy if where == "camera" else ModelMissing)
    assert rig.raw_sent() == 0


def test_a_stage_that_fails_now_and_then_holds_the_last_picture():
    def fail(work):
        if work.frame.index % 5 == 0:
            raise RuntimeError("now and then")

    rig = Rig(pipeline=(*good_pipeline(), ("fail", fail)))
    with rig.runner:
        wait_until(lambda: count(rig, "frames_failed") > 5)
    assert count(rig, "safe_by_kind")["held"] > 0
    assert rig.raw_sent() == 0
