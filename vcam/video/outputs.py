"""Where the picture can go on this system: opening an output by its name, and saying what there is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from vcam.errors import BadSettings, OutputUnavailable
from vcam.types import Output, VideoMode
from vcam.video.install_hints import OBS_COMMANDS, UNITYCAPTURE_COMMANDS, pipewire_commands, v4l2loopback_commands
from vcam.video.null import NullOutput
from vcam.video.pipewire import PipeWireOutput, probe_pipewire
from vcam.video.pyvirtualcam_device import backends
from vcam.video.v4l2loopback import V4l2LoopbackOutput, find_device, prepare_device
from vcam.video.windows_macos import OBS, UNITYCAPTURE, open_driver

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutputReport:
    """What `facewarp outputs` says about one output.

    Attributes:
        name: as it is written after ``--output``.
        available: whether it could be opened now.
        chosen: whether "auto" takes it.
        detail: what programs will see; or why it is not available, and the commands that help.
    """

    name: str
    available: bool
    chosen: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of virtual camera.

    Attributes:
        name: as it is written after ``--output``.
        systems: values of ``sys.platform`` it exists on.
        open: opens it.
        probe: raises `OutputUnavailable` if it could not be opened, without showing a camera to anybody.
        install: the commands that install it here.
        seen_by: which programs will see it, and under which name.
    """

    name: str
    systems: tuple[str, ...]
    open: Callable[[VideoMode], Output]
    probe: Callable[[], None]
    install: Callable[[], str]
    seen_by: str


def _probe_v4l2loopback() -> None:
    prepare_device(find_device())


def _probe_backend(name: str) -> None:
    if name not in backends():
        raise OutputUnavailable(f"pyvirtualcam has no {name} on this system")


DEVICES = (  # the best first: what most programs see, under our own name
    Device(
        "v4l2loopback",
        ("linux",),
        V4l2LoopbackOutput,
        _probe_v4l2loopback,
        v4l2loopback_commands,
        'every program sees it as "FaceWarp Cam"',
    ),
    Device(
        "pipewire",
        ("linux",),
        PipeWireOutput,
        probe_pipewire,
        pipewire_commands,
        'Firefox, GNOME and Flatpak programs see it as "FaceWarp Cam"; Chromium and Chrome after switching on\n'
        "chrome://flags/#enable-webrtc-pipewire-camera; programs that know only /dev/video devices do not see it",
    ),
    Device(
        "unitycapture",
        ("win32",),
        lambda mode: open_driver(UNITYCAPTURE, mode),
        lambda: _probe_backend("unitycapture"),
        lambda: UNITYCAPTURE_COMMANDS,
        'programs see it as "FaceWarp Cam" once the driver is registered under that name',
    ),
    Device(
        "obs",
        ("win32", "darwin"),
        lambda mode: open_driver(OBS, mode),
        lambda: _probe_backend("obs"),
        lambda: OBS_COMMANDS,
        'programs see it as "OBS Virtual Camera": the driver has no other name',
    ),
)
_BY_NAME = {device.name: device for device in DEVICES}


def open_output(spec: str, mode: VideoMode, *, sound_from: Path | None = None) -> Output:
    """Open an output.

    Args:
        spec: "auto", "pipewire", "v4l2loopback", "unitycapture", "obs", "null" or "file:PATH".
        mode: size and rate.
        sound_from: for a file, the video whose sound is kept.

    Raises:
        BadSettings: no output of that name, or a mode it cannot have.
        OutputUnavailable: it cannot be opened; the message says why, and how to get it.
    """
    if spec == "null":
        return NullOutput(mode)
    if spec.startswith("file:"):
        from vcam.video.files_out import FileOutput  # PyAV is slow to import, and a camera needs none of it

        return FileOutput(Path(spec.removeprefix("file:")), mode, sound_from=sound_from)
    if spec == "auto":
        return open_best([device for device in DEVICES if sys.platform in device.systems], mode)
    if spec not in _BY_NAME:
        raise BadSettings(f"there is no output {spec!r}; choose auto, {', '.join(_BY_NAME)}, null or file:PATH")
    device = _BY_NAME[spec]
    _check_system(device)
    try:
        return device.open(mode)
    except OutputUnavailable as error:
        raise OutputUnavailable(_with_install(device, str(error))) from error


def open_best(devices: list[Device], mode: VideoMode) -> Output:
    """Open the first device that can be opened, and log why those before it could not.

    Raises:
        BadSettings: a mode that no camera can have.
        OutputUnavailable: none can; the message has the reason and the commands for each.
    """
    reasons: list[str] = []
    for device in devices:
        try:
            output = device.open(mode)
        except OutputUnavailable as error:
            reasons.append(_with_install(device, f"{device.name}: {error}"))
            log.info("output %s is not taken: %s", device.name, error)
        else:
            log.info("output %s is taken", device.name)
            return output
    raise OutputUnavailable("\n".join(["there is no virtual camera on this system; install one of these", *reasons]))


def list_outputs() -> tuple[OutputReport, ...]:
    """Look at every output without showing a camera to anybody."""
    reports = report_devices(DEVICES, sys.platform)
    always = (
        OutputReport("file:PATH", True, False, "writes an H.264 video: .mp4, .m4v, .mov or .mkv"),
        OutputReport("null", True, False, "goes nowhere: for measuring"),
    )
    return (*reports, *always)


def report_devices(devices: tuple[Device, ...], system: str) -> tuple[OutputReport, ...]:
    """A report for each device; the first available one is the choice of "auto"."""
    reports: list[OutputReport] = []
    for device in devices:
        try:
            _check_system(device, system)
            device.probe()
        except OutputUnavailable as error:
            detail = str(error) if system not in device.systems else _with_install(device, str(error))
            reports.append(OutputReport(device.name, False, False, detail))
        else:
            reports.append(OutputReport(device.name, True, False, device.seen_by))
    best = next((report for report in reports if report.available), None)
    return tuple(replace(report, chosen=report is best) for report in reports)


def _check_system(device: Device, system: str = sys.platform) -> None:
    if system not in device.systems:
        names = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}
        where = " and ".join(names[name] for name in device.systems)
        raise OutputUnavailable(f"{device.name} exists on {where} only")


def _with_install(device: Device, reason: str) -> str:
    """The reason with the commands that help, unless it already ends with commands of its own."""
    return reason if "\n" in reason else f"{reason}; get it with:\n{device.install()}"
