"""The exact commands that install a virtual camera, for the system we run on."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

OS_RELEASE = Path("/etc/os-release")
LOAD_MODULE = "sudo modprobe v4l2loopback devices=1 video_nr=42 'card_label=\"FaceWarp Cam\"' exclusive_caps=1"
RELOAD_MODULE = f"sudo modprobe -r v4l2loopback\n{LOAD_MODULE}"
START_PIPEWIRE = "systemctl --user enable --now pipewire.socket pipewire wireplumber"
UNITYCAPTURE_COMMANDS = (
    "get UnityCaptureFilter32bit.dll and UnityCaptureFilter64bit.dll from github.com/schellingb/UnityCapture,\n"
    "then run as administrator:\n"
    'regsvr32 UnityCaptureFilter32bit.dll "/i:UnityCaptureName=FaceWarp Cam"\n'
    'regsvr32 UnityCaptureFilter64bit.dll "/i:UnityCaptureName=FaceWarp Cam"'
)
OBS_COMMANDS = "install OBS Studio 30 or newer from obsproject.com, start its virtual camera once, and stop it again"


@dataclass(frozen=True, slots=True)
class Packages:
    """How one family of distributions installs what a virtual camera needs."""

    pipewire: str
    v4l2loopback: str


_FAMILIES = {  # ID of /etc/os-release
    "debian": Packages(
        "sudo apt install pipewire wireplumber xdg-desktop-portal",
        "sudo apt install v4l2loopback-dkms linux-headers-$(dpkg --print-architecture)",
    ),
    "ubuntu": Packages(
        "sudo apt install pipewire wireplumber xdg-desktop-portal",
        "sudo apt install v4l2loopback-dkms linux-headers-generic",
    ),
    "fedora": Packages(
        "sudo dnf install pipewire wireplumber xdg-desktop-portal",
        "sudo dnf install https://mirrors.rpmfusion.org/free/fedora/rpmfusion-free-release-$(rpm -E %fedora)"
        ".noarch.rpm\nsudo dnf install akmod-v4l2loopback",
    ),
    "arch": Packages(
        "sudo pacman -S pipewire wireplumber xdg-desktop-portal",
        "sudo pacman -S v4l2loopback-dkms linux-headers",
    ),
    "suse": Packages(
        "sudo zypper install pipewire wireplumber xdg-desktop-portal",
        "sudo zypper install v4l2loopback-kmp-default",
    ),
}
_OTHER = Packages(
    "install the packages pipewire, wireplumber and xdg-desktop-portal of your distribution",
    "install the package v4l2loopback (or v4l2loopback-dkms) of your distribution",
)


def read_packages(os_release: Path = OS_RELEASE) -> Packages:
    """The row for the running distribution, or for the one it is derived from."""
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        return _OTHER
    values = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}
    for name in [values.get("ID", ""), *values.get("ID_LIKE", "").split()]:
        if name in _FAMILIES:
            return _FAMILIES[name]
    return _OTHER


def v4l2loopback_commands(os_release: Path = OS_RELEASE, modules: Path | None = None) -> str:
    """Commands, one a line, after which the device "FaceWarp Cam" exists; only to load it where it is installed."""
    known = (modules or Path("/lib/modules", platform.release())) / "modules.dep"
    try:
        installed = "/v4l2loopback.ko" in known.read_text()
    except OSError:
        installed = False
    return LOAD_MODULE if installed else f"{read_packages(os_release).v4l2loopback}\n{LOAD_MODULE}"


def pipewire_commands(os_release: Path = OS_RELEASE) -> str:
    """Commands, one a line, after which a PipeWire session runs; only to start it where it is installed."""
    installed = shutil.which("pipewire") and shutil.which("wireplumber")
    return START_PIPEWIRE if installed else f"{read_packages(os_release).pipewire}\n{START_PIPEWIRE}"
