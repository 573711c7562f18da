"""The self-check: what works on this computer, what does not, and the exact repair for this system."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vcam import settings_file
from vcam.catalogue import find_models_folder, read_pack, verify
from vcam.config import DEVICE_NAME
from vcam.daemon.channel import ask
from vcam.daemon.instance import runtime_folder
from vcam.daemon.library import Library
from vcam.daemon.log_file import log_path
from vcam.daemon.protocol import Request
from vcam.errors import VcamError
from vcam.inference import open_session
from vcam.safeguards.guard import guard_state
from vcam.video.cameras import list_cameras
from vcam.video.outputs import list_outputs

LEAST_FREE_MB = 300
EXCLUSIVE_CAPS = Path("/sys/module/v4l2loopback/parameters/exclusive_caps")


class Health(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"  # works, could be better
    FAULT = "fault"  # something will not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: of the thing.
        health: see there.
        text: what was found.
        repair: the exact way to mend it here; empty when there is nothing to mend.
        fix: mends it without root; None where only the user can.
    """

    name: str
    health: Health
    text: str
    repair: str = ""
    fix: Callable[[], None] | None = None


def examine() -> Iterator[Finding]:
    """Look at everything but the desktop; each finding as it comes."""
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        check_program, check_settings, check_cameras, check_outputs, check_exclusive_caps, check_models,
        check_accelerator, check_faces, check_guard, check_disk,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check()
        except VcamError as error:
            yield Finding(check.__name__.removeprefix("check_"), Health.FAULT, str(error))
        except Exception as error:  # noqa: BLE001 - the doctor must survive whatever is broken, and say so
            yield Finding(check.__name__.removeprefix("check_"), Health.FAULT, f"cannot be looked at: {error!r}")


def check_program() -> Iterator[Finding]:
    """Whether the program runs, and what it says."""
    try:
        state = ask(runtime_folder(), Request("status"))
    except VcamError as error:
        yield Finding("program", Health.FAULT, str(error))
        return
    if state is None:
        yield Finding("program", Health.NOTE, "not running", "facewarp")
    elif state["problem"]:
        yield Finding("program", Health.FAULT, f"running: {state['problem']}")
    else:
        yield Finding("program", Health.OK, f"running, sends to {state['output'] or 'nothing yet'}")
    yield Finding("log", Health.OK, str(log_path()))


def check_settings(path: Path | None = None) -> Iterator[Finding]:
    """Whether the settings file can be read."""
    path = path or settings_file.default_path()
    try:
        settings_file.load(path)
    except VcamError as error:
        aside = path.with_suffix(".toml.broken")
        repair = f"correct that line, or put the file aside: mv {path} {aside}"
        yield Finding("settings", Health.FAULT, str(error), repair, lambda: _put_aside(path, aside))
        return
    yield Finding("settings", Health.OK, str(path) if path.exists() else f"defaults; there is no {path} yet")


def _put_aside(path: Path, aside: Path) -> None:
    path.replace(aside)


def check_cameras() -> Iterator[Finding]:
    """Which cameras there are, and whether this user may open them."""
    cameras = list_cameras()
    if not cameras:
        repair = "plug a camera in; to look around without one: facewarp --camera synthetic"
        yield Finding("camera", Health.FAULT, "this computer has no camera", repair)
    for camera in cameras:
        if sys.platform == "linux" and not os.access(camera.path, os.R_OK | os.W_OK):
            repair = "sudo usermod -aG video $USER, then log out and in again"
            yield Finding("camera", Health.FAULT, f"{camera.name} ({camera.path}): no permission", repair)
        else:
            yield Finding("camera", Health.OK, f"{camera.name} ({camera.path})")


def check_outputs() -> Iterator[Finding]:
    """Which virtual cameras can be had, and whether a reader sees the one that is taken."""
    reports = [report for report in list_outputs() if report.name not in ("null", "file:PATH")]
    best = next((report for report in reports if report.chosen), None)
    if best is None:
        repair = next((report.detail for report in reports if "\n" in report.detail), "see: facewarp outputs")
        yield Finding("virtual camera", Health.FAULT, "there is none on this system", repair)
        return
    yield Finding("virtual camera", Health.OK, f"{best.name}: {best.detail.splitlines()[0]}")
    others = [report.name for report in reports if report.available and report is not best]
    if others:
        yield Finding("virtual camera", Health.OK, f"also available: {', '.join(others)}")
    if best.name == "pipewire":
        yield from _check_seen_in_pipewire()


def _check_seen_in_pipewire() -> Iterator[Finding]:
    if shutil.which("pw-dump") is None:
        yield Finding("seen by readers", Health.NOTE, "not tried: pw-dump is not installed", "apt install pipewire-bin")
        return
    if ask(runtime_folder(), Request("status")) is None:
        yield Finding("seen by readers", Health.NOTE, "not tried: the program is not running", "facewarp")
        return
    dumped = subprocess.run(["pw-dump"], capture_output=True, timeout=10, check=False).stdout
    nodes = [node.get("info", {}).get("props", {}) for node in json.loads(dumped or b"[]")]
    seen = any(p.get("media.class") == "Video/Source" and p.get("node.description") == DEVICE_NAME for p in nodes)
    if seen:
        yield Finding("seen by readers", Health.OK, f"PipeWire lists {DEVICE_NAME}")
    else:
        yield Finding(
            "seen by readers", Health.FAULT, f"PipeWire does not list {DEVICE_NAME}", "facewarp quit; facewarp"
        )


def check_exclusive_caps(parameters: Path = EXCLUSIVE_CAPS) -> Iterator[Finding]:
    """Chrome sees a v4l2loopback device only with exclusive_caps."""
    if parameters.exists() and "Y" not in parameters.read_text(encoding="ascii"):
        repair = (
            "sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback video_nr=42 "
            f'card_label="{DEVICE_NAME}" exclusive_caps=1 max_buffers=2'
        )
        text = "v4l2loopback runs without exclusive_caps: Chrome and Teams will not list the camera"
        yield Finding("exclusive_caps", Health.FAULT, text, repair)


def check_models() -> Iterator[Finding]:
    """Whether each network is the one it should be."""
    folder = find_models_folder()
    nets = read_pack(folder).values()
    for net in nets:
        try:
            verify(net)
        except VcamError as error:
            yield Finding("models", Health.FAULT, str(error), "pip install --force-reinstall facewarp-cam")
    yield Finding("models", Health.OK, f"{len(nets)} listed in {folder}")


def check_accelerator() -> Iterator[Finding]:
    """Time the largest network for real, on whatever runs it fastest."""
    nets = read_pack(find_models_folder())
    net = nets.get("generator") or next(iter(nets.values()))
    session = open_session(net.path)
    milliseconds = session.time_run() * 1e3
    health = Health.OK if milliseconds < 40 else Health.NOTE
    repair = (
        "" if health is Health.OK else "choose the preset light in the panel, or close what keeps the processor busy"
    )
    yield Finding("accelerator", health, f"{net.name}: {milliseconds:.1f} ms on {session.provider}", repair)


def check_faces() -> Iterator[Finding]:
    """Whether every face can be worn."""
    library = Library()
    for fault in library.faults:
        yield Finding("faces", Health.FAULT, fault)
    yield Finding("faces", Health.OK, f"{len(library.list())} can be worn")


def check_guard() -> Iterator[Finding]:
    """The content guard: none is shipped, and that is said."""
    yield Finding("content guard", Health.NOTE, guard_state(None))


def check_disk() -> Iterator[Finding]:
    """Whether there is room for settings, log and temporary files."""
    for folder in {Path(tempfile.gettempdir()), Path.home()}:
        free_mb = shutil.disk_usage(folder).free / 2**20
        if free_mb < LEAST_FREE_MB:
            yield Finding("disk", Health.FAULT, f"only {free_mb:.0f} MB are free in {folder}", "free some space")
        else:
            yield Finding("disk", Health.OK, f"{free_mb / 1024:.1f} GB free in {folder}")
