"""The cameras of a Linux computer, found without disturbing them.

Names and ids come from sysfs and from udev's links. Whether a node gives pictures (a webcam has a second
node for metadata) is in udev's database. Only where udev has nothing to say, and for virtual devices,
whose answer changes while they live, the node itself is asked; that starts nothing and lights nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vcam.video import v4l2_abi as v4l2
from vcam.video.camera_info import OWN_DEVICE_NAME, CameraInfo


def ask_for_capture(path: Path) -> bool | None:
    """Ask a device node whether it gives pictures; None when it cannot be opened to be asked."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return can_capture(fd)
    finally:
        os.close(fd)


def can_capture(fd: int) -> bool:
    """Whether an open device node streams pictures to its reader."""
    capability = v4l2.Capability()
    try:
        v4l2.call(fd, v4l2.VIDIOC_QUERYCAP, capability)
    except OSError:
        return False
    of_node = capability.capabilities & v4l2.CAP_DEVICE_CAPS
    flags: int = capability.device_caps if of_node else capability.capabilities
    wanted = v4l2.CAP_VIDEO_CAPTURE | v4l2.CAP_STREAMING
    return flags & wanted == wanted


@dataclass(frozen=True)
class System:
    """Where Linux keeps what it knows about cameras; a test draws its own tree.

    Attributes:
        sys: root of sysfs.
        dev: folder of the device nodes.
        udev: folder of udev's database.
        ask: asks a device node whether it gives pictures.
    """

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    udev: Path = Path("/run/udev/data")
    ask: Callable[[Path], bool | None] = ask_for_capture


THIS_SYSTEM = System()


def list_nodes(system: System = THIS_SYSTEM) -> tuple[CameraInfo, ...]:
    """List the cameras in the order of their numbers, our own device left out."""
    return tuple(_find_cameras(system))


def _find_cameras(system: System) -> Iterator[CameraInfo]:
    links = _read_links(system.dev)
    for node in sorted((system.sys / "class/video4linux").glob("video*"), key=_number):
        name = _read_text(node / "name")
        if name and name != OWN_DEVICE_NAME and _gives_pictures(node, system):
            yield CameraInfo(name, links.get(node.name) or _place_id(node), str(system.dev / node.name))


def _number(node: Path) -> int:
    digits = node.name.removeprefix("video")
    return int(digits) if digits.isdecimal() else -1


def _read_text(path: Path) -> str:
    """Read a small file of sysfs; empty when it is not there (a camera can go while it is looked at)."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _read_links(dev: Path) -> dict[str, str]:
    """Map node names to udev's stable names; the one by maker and serial wins over the one by socket."""
    links: dict[str, str] = {}
    for folder in ("by-path", "by-id"):
        for link in sorted((dev / "v4l" / folder).glob("*")):
            links[link.resolve().name] = link.name
    return links


def _place_id(node: Path) -> str:
    """Where the device hangs, for example ``vivid.0-video-index0``; a virtual device is its own place."""
    device = node / "device"
    if not device.exists():
        return node.name
    return f"{device.resolve().name}-video-index{_read_text(node / 'index') or 0}"


def _gives_pictures(node: Path, system: System) -> bool:
    is_virtual = not (node / "device").exists()
    known = None if is_virtual else _ask_udev(node, system.udev)
    answer = known if known is not None else system.ask(system.dev / node.name)
    # A node that may not be opened counts as a camera when it is its device's first: opening it says why not.
    return answer if answer is not None else _read_text(node / "index") in ("", "0")


def _ask_udev(node: Path, udev: Path) -> bool | None:
    """Read from udev's database whether a node gives pictures; None when it does not know the node."""
    prefix = "E:ID_V4L_CAPABILITIES="
    for line in _read_text(udev / f"c{_read_text(node / 'dev')}").splitlines():
        if line.startswith(prefix):
            return ":capture:" in line
    return None
