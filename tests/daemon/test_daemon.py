import itertools
import threading
import time
from dataclasses import replace

import pytest

from desktop_fakes import (
    BLUR_GREY,
    CARD_GREY,
    MODE,
    RAW_GREY,
    WAIT_S,
    Bench,
    FewFaces,
    colour_of,
    wait_for_state,
)
from vcam import settings_file
from vcam.config import Engine, RunSettings, Settings
from vcam.daemon.command_names import COMMAND_NAMES
from vcam.daemon.commands import DEEDS, execute
from vcam.daemon.protocol import Request
from vcam.daemon.state import Mood, describe
from vcam.errors import BadInput, ModelCorrupt, UnknownCamera, VcamError
from vcam.types import Safe

DARK = 70


def ask(bench, command, *arguments):
    return execute(bench.daemon, Request(command, arguments))


def test_swap_on_off_and_faces_are_seen_at_the_device():
    bench = Bench()
    with bench.daemon:
        bench.output.wait_for(colour_of("ana"))
        for command, arguments, grey in (
            ("off", (), RAW_GREY),
            ("on", (), colour_of("ana")),
            ("next", (), colour_of("ben")),
            ("face", ("Zoe",), colour_of("zoe")),
            ("next", (), colour_of("ana")),
            ("previous", (), colour_of("zoe")),
            ("toggle", (), RAW_GREY),
            ("toggle", (), colour_of("zoe")),
        ):
            ask(bench, command, *arguments)
            bench.output.wait_for(grey)
    assert bench.saved["swap.face"] == "zoe"
    assert bench.output.closed


def test_a_command_returns_within_100_ms():
    bench = Bench()
    with bench.daemon:
        bench.output.wait_for(colour_of("ana"))
        for command in ("off", "on", "toggle", "next", "previous", "status", "pause"):
            began = time.perf_counter()
            ask(bench, command)
            assert time.perf_counter() - began < 0.1, command
        began = time.perf_counter()
        ask(bench, "camera", "Desk camera")
        assert time.perf_counter() - began < 0.1


def test_switching_a_face_leaves_no_gap_and_nothing_in_between():
    bench = Bench()
    with bench.daemon:
        bench.output.wait_for(colour_of("ana"))
        bench.output.sent.clear()
        ask(bench, "next")
        bench.output.wait_for(colour_of("ben"))
        levels = [level for _, level in bench.output.sent]
        times = [at for at, _ in bench.output.sent]
    assert set(levels) <= {colour_of("ana"), colour_of("ben")}
    assert all(later - earlier < 0.2 for earlier, later in itertools.pairwise(times))


def test_another_camera_is_opened_while_it_runs():
    bench = Bench()
    with bench.daemon:
        wait_for_state(bench.daemon, lambda state: state.camera_in_use.startswith("Front"))
        ask(bench, "camera", "Desk camera")
        wait_for_state(bench.daemon, lambda state: state.camera_in_use.startswith("Desk"))
    assert bench.opened == ["Front camera", "Desk camera"]
    assert bench.saved["camera.camera"] == "Desk camera"


def test_a_missing_camera_is_waited_for():
    bench = Bench()
    bench.missing.add("Front camera")
    with bench.daemon:
        state = wait_for_state(bench.daemon, lambda state: state.mood is Mood.FAULT)
        assert "Front camera" in state.problem
        bench.output.wait_for(CARD_GREY)
        bench.missing.clear()
        wait_for_state(bench.daemon, lambda state: state.mood is Mood.ON)


def test_a_pause_releases_the_camera_and_hides_the_face():
    bench = Bench()
    with bench.daemon:
        bench.output.wait_for(colour_of("ana"))
        ask(bench, "pause")
        bench.output.wait_for(CARD_GREY)
        state = wait_for_state(bench.daemon, lambda state: state.paused and not state.camera_in_use)
        assert state.mood is Mood.SAFE
        ask(bench, "pause")
        bench.output.wait_for(colour_of("ana"))


def test_another_size_restarts_the_output_and_keeps_the_wish():
    bench = Bench()
    with bench.daemon:
        bench.output.wait_for(colour_of("ana"))
        ask(bench, "off")
        first = bench.output
        bench.daemon.choose("camera.size", (128, 72))
        wait_for_state(bench.daemon, lambda state: state.size == "128x72")
        deadline = time.monotonic() + 5
        while bench.output is first and time.monotonic() < deadline:
            wait_for_state(bench.daemon, lambda state: True)
        bench.output.wait_for(RAW_GREY)
        assert bench.output.mode.width == 128
        assert first.closed


def test_another_engine_loads_other_networks_without_a_restart():
    bench = Bench()
    with bench.daemon:
        bench.output.wait_for(colour_of("ana"))
        bench.daemon.choose_engine(Engine.MESH)
        bench.output.wait_for(colour_of("ana"))
        wait_for_state(bench.daemon, lambda state: state.mood is Mood.ON and len(bench.built) == 2)
    assert [settings.engine for settings in bench.built] == [Engine.AEI, Engine.MESH]
    assert len(bench.outputs) == 1


def test_presets_are_recognised():
    bench = Bench()
    with bench.daemon:
        bench.daemon.choose_preset("light")
        assert bench.daemon.state.preset == "light"
        bench.daemon.choose("swap.threads", 2)
        assert bench.daemon.state.preset == ""
        assert bench.daemon.state.size == "640x360"
    assert bench.saved["camera.size"] == "640x360"
    settings_file.changed_text("", "settings.toml", bench.saved)


def test_a_broken_listener_harms_nobody(caplog):
    bench = Bench()
    with bench.daemon:

        def broken(_state):
            raise RuntimeError("window gone")

        bench.daemon.listen(broken)
        ask(bench, "off")
        bench.output.wait_for(RAW_GREY)
    assert "a listener failed" in caplog.text


def test_a_stage_that_fails_shows_the_safe_icon():
    def broken(work):
        raise RuntimeError("boom")

    bench = Bench(stages=(("broken", broken),))
    with bench.daemon:
        wait_for_state(bench.daemon, lambda state: state.mood is Mood.SAFE)


def test_a_removed_face_is_no_longer_worn():
    bench = Bench()
    with bench.daemon:
        bench.output.wait_for(colour_of("ana"))
        del bench.faces.sources["ana"]
        ask(bench, "reload")
        wait_for_state(bench.daemon, lambda state: state.face == "ben")
        bench.output.wait_for(colour_of("ben"))


def test_no_face_at_all_is_told():
    bench = Bench(faces=FewFaces(()))
    with bench.daemon:
        state = wait_for_state(bench.daemon, lambda state: "faces add" in state.problem)
        assert state.mood is Mood.FAULT
        with pytest.raises(BadInput, match="faces add"):
            bench.daemon.step_face(1)


class SlowFaces(FewFaces):
    """Stands for a gallery whose keyring asks for a password first."""

    def __init__(self):
        super().__init__(())
        self.unlocked = threading.Event()

    def reload(self):
        assert self.unlocked.wait(WAIT_S)
        self.sources = FewFaces().sources


def test_the_device_is_there_before_the_faces_are(monkeypatch):
    monkeypatch.setattr("vcam.daemon.daemon.FACES_S", 0.01)
    bench = Bench(Settings(run=RunSettings(mode=MODE, camera="Front camera", face="zoe")), faces=SlowFaces())
    with bench.daemon:
        bench.output.wait_for(BLUR_GREY)
        with pytest.raises(BadInput, match="still being read"):
            ask(bench, "face", "ana")
        assert ask(bench, "status")["problem"] == ""
        bench.faces.unlocked.set()
        bench.output.wait_for(colour_of("zoe"))
        levels = {level for _, level in bench.output.sent}
    assert RAW_GREY not in levels


def test_faces_that_cannot_be_read_are_told():
    class Broken(FewFaces):
        def reload(self):
            raise ModelCorrupt("the picture of a built-in face is damaged")

    bench = Bench(faces=Broken(()))
    with bench.daemon:
        wait_for_state(bench.daemon, lambda state: "is damaged" in state.problem)


def test_an_unknown_face_in_the_settings_is_told_and_the_first_is_worn():
    bench = Bench(Settings(run=RunSettings(mode=MODE, camera="Front camera", face="Nobody")))
    with bench.daemon:
        state = wait_for_state(bench.daemon, lambda state: state.face == "ana")
        assert "Nobody" in state.problem


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("dance", (), "there is no command 'dance'"),
        ("on", ("now",), "on takes no arguments"),
        ("face", (), "face takes one argument, NAME"),
        ("face", ("Nobody",), "there is no face called 'Nobody'"),
        ("camera", ("Nothing",), "there is no camera 'Nothing'; there are: Front camera, Desk camera"),
        ("panel", (), "there is no panel here"),
    ],
)
def test_wrong_commands_are_told(command, arguments, sentence):
    bench = Bench()
    with bench.daemon, pytest.raises(VcamError, match=sentence):
        ask(bench, command, *arguments)


def test_quit_is_a_request():
    bench = Bench()
    with bench.daemon:
        assert ask(bench, "quit")["quitting"] is True
        assert bench.daemon.quit_requested.is_set()


def test_unknown_camera_is_the_right_error():
    bench = Bench()
    with bench.daemon, pytest.raises(UnknownCamera):
        bench.daemon.use_camera("Nothing")


def test_the_state_can_be_read_by_a_person():
    bench = Bench()
    with bench.daemon:
        state = wait_for_state(bench.daemon, lambda state: state.face == "ana")
    text = describe(replace(state, output="FaceWarp Cam (PipeWire)", idle=True).as_plain())
    assert "on, wearing Ana (nobody is watching, the camera is off)" in text
    assert "FaceWarp Cam (PipeWire), 64x48 at 60 fps" in text
    assert str(Safe.HOLD_BLUR) in text


def test_without_a_content_guard_the_state_says_so():
    bench = Bench()
    with bench.daemon:
        assert "no content guard is installed" in describe(bench.daemon.state.as_plain())


def test_a_content_guard_that_is_sure_stops_the_camera_until_the_user_goes_on():
    unfit = threading.Event()
    unfit.set()
    bench = Bench(judge=lambda image: 1.0 if unfit.is_set() and image[0, 0, 0] == RAW_GREY else 0.0)
    with bench.daemon:
        state = wait_for_state(bench.daemon, lambda state: state.paused)
        assert "content guard" in state.problem
        bench.output.wait_for(CARD_GREY)
        unfit.clear()
        bench.daemon.toggle_pause()
        assert not bench.daemon.state.problem
        bench.output.wait_for(colour_of("ana"))


def test_every_command_has_a_help_line_and_a_deed():
    assert all(command.help for command in COMMAND_NAMES)
    assert [command.name for command in COMMAND_NAMES] == list(DEEDS)
