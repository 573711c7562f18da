"""Choosing an output, and saying why."""

import pytest

from vcam.errors import BadSettings, OutputUnavailable
from vcam.types import VideoMode
from vcam.video.null import NullOutput
from vcam.video.outputs import Device, list_outputs, open_best, open_output, report_devices

MODE = VideoMode(64, 48, 25)


def device(name, fault=None, systems=("linux",)):
    """A kind of camera that opens, or fails with a sentence."""

    def probe():
        if fault:
            raise OutputUnavailable(fault)

    def open_it(mode):
        probe()
        output = NullOutput(mode)
        output.name = name
        return output

    return Device(name, systems, open_it, probe, lambda: f"install {name}", f"{name} is seen")


@pytest.mark.parametrize(
    ("devices", "chosen"),
    [
        ([device("a"), device("b")], "a"),
        ([device("a", "not there"), device("b")], "b"),
    ],
)
def test_the_best_that_opens_is_taken(devices, chosen, caplog):
    caplog.set_level("INFO")
    assert open_best(devices, MODE).name == chosen
    assert f"output {chosen} is taken" in caplog.text
    assert ("output a is not taken: not there" in caplog.text) == (chosen == "b")


def test_none_at_all_names_each_reason_and_each_command():
    with pytest.raises(OutputUnavailable) as caught:
        open_best([device("a", "no module"), device("b", "no daemon; run:\nstart b")], MODE)
    assert str(caught.value).splitlines() == [
        "there is no virtual camera on this system; install one of these",
        "a: no module; get it with:",
        "install a",
        "b: no daemon; run:",
        "start b",
    ]


def test_reports_say_what_auto_takes_and_why_not_the_others():
    devices = (device("a", "no module"), device("b"), device("c"), device("d", systems=("win32", "darwin")))
    reports = report_devices(devices, "linux")
    assert [(r.name, r.available, r.chosen) for r in reports] == [
        ("a", False, False),
        ("b", True, True),
        ("c", True, False),
        ("d", False, False),
    ]
    assert [r.detail for r in reports] == [
        "no module; get it with:\ninstall a",
        "b is seen",
        "c is seen",
        "d exists on Windows and macOS only",
    ]


def test_listing_on_this_system():
    reports = {report.name: report for report in list_outputs()}
    assert list(reports) == ["v4l2loopback", "pipewire", "unitycapture", "obs", "file:PATH", "null"]
    assert reports["null"].available
    assert sum(report.chosen for report in reports.values()) <= 1


def test_opening_by_name(tmp_path):
    assert open_output("null", MODE).name == "null"
    file = open_output(f"file:{tmp_path}/clip.mp4", MODE)
    assert file.name == f"{tmp_path}/clip.mp4"
    file.close()
    with pytest.raises(BadSettings, match="there is no output 'hologram'; choose auto, v4l2loopback, pipewire"):
        open_output("hologram", MODE)


def test_outputs_of_other_systems_say_so():
    with pytest.raises(OutputUnavailable, match="exists on Windows only"):
        open_output("unitycapture", MODE)
