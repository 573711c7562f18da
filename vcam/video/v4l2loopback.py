"""The camera "FaceWarp Cam" as a V4L2 device of the kernel module v4l2loopback, fed through pyvirtualcam.

The device is found by its label and never by a number. v4l2loopback 0.12 has a fault: a writer that only writes (as
pyvirtualcam does) leaves the device unwritable for the next one when it closes or dies. ``VIDIOC_STREAMON`` heals it:
before opening it mends what others left, after opening it makes the kernel mend the device when ours closes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vcam.errors import OutputUnavailable
from vcam.types import VideoMode
from vcam.video.colour import I420, check_device_mode
from vcam.video.install_hints import RELOAD_MODULE, v4l2loopback_commands
from vcam.video.pyvirtualcam_device import PyVirtualCamOutput
from vcam.video.v4l2loopback_readers import LINUX, LinuxFolders, ReaderWatch, count_module_openings, read_text

LABEL = "FaceWarp Cam"
_VIDIOC_QUERYCAP, _VIDIOC_STREAMON = 0x80685600, 0x40045612
_BUF_TYPE_VIDEO_OUTPUT = struct.pack("i", 2)
_CAN_CAPTURE, _CAN_OUTPUT = 1, 2
_MOST_BUFFERS = 32  # of a v4l2loopback device


def find_device(label: str = LABEL, folders: LinuxFolders = LINUX) -> Path:
    """The device file that carries the label.

    Raises:
        OutputUnavailable: the module is not installed, not loaded, or has no device of that label.
    """
    if not folders.module.is_dir():
        raise OutputUnavailable(
            "the kernel module v4l2loopback is not loaded; install and load it with:\n" + v4l2loopback_commands()
        )
    labels = {folder.name: read_text(folder / "name") for folder in sorted(folders.labels.glob("video*"))}
    for name, found in labels.items():
        if found == label:
            return folders.devices / name
    listed = ", ".join(f"/dev/{name} is {found!r}" for name, found in labels.items()) or "there is no video device"
    raise OutputUnavailable(
        f"v4l2loopback is loaded, but none of its devices is labelled {label!r} ({listed}); load it anew with:\n"
        + RELOAD_MODULE
    )


def prepare_device(device: Path, folders: LinuxFolders = LINUX) -> None:
    """Make sure that the device takes a writer, and heal it where a former writer left it unwritable.

    Raises:
        OutputUnavailable: no permission, no device, fed by another program, loaded with exclusive_caps=0, or past
            healing; each with its own sentence.
    """
    with _opened(device) as descriptor:
        alone = count_module_openings(folders) == 1
        capabilities = _capabilities(descriptor)
        if capabilities & _CAN_OUTPUT:
            if alone and capabilities & _CAN_CAPTURE:
                raise OutputUnavailable(
                    f"{device} was made with exclusive_caps=0, so browsers do not list it; load it anew with:\n"
                    + RELOAD_MODULE
                )
            return
        if not alone and _pictures_arrive(device):
            raise OutputUnavailable(f"another program already sends pictures to {device}; close that program first")
        start_output(descriptor)
    with _opened(device) as descriptor:
        if not _capabilities(descriptor) & _CAN_OUTPUT:
            raise OutputUnavailable(
                f"{device} takes no writer any more; close all programs that use it and load the module anew with:\n"
                + RELOAD_MODULE
            )


def start_output(descriptor: int) -> None:
    """Mark an opening as the device's writer; when it is closed the device becomes writable again."""
    # The mark is set even where the call then fails, as it does while no format is agreed; whether the device was
    # healed is read from its capabilities afterwards.
    with suppress(OSError):
        fcntl.ioctl(descriptor, _VIDIOC_STREAMON, _BUF_TYPE_VIDEO_OUTPUT)


@contextmanager
def _opened(device: Path) -> Iterator[int]:
    sentences = {
        errno.EACCES: f"no permission to use {device}; run 'sudo usermod -aG video $USER' and log in again",
        errno.EBUSY: f"{device} is in use by too many programs; close one of them",
        errno.ENOENT: f"{device} does not exist, though the kernel has the device (is this a container?)",
    }
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        sentence = sentences.get(error.errno or 0, f"{device} cannot be opened: {error.strerror}")
        raise OutputUnavailable(sentence) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _capabilities(descriptor: int) -> int:
    answer = fcntl.ioctl(descriptor, _VIDIOC_QUERYCAP, bytes(104))
    return int(struct.unpack_from("<I", answer, 88)[0])


def _pictures_arrive(device: Path, within_s: float = 1.0) -> bool:
    """Whether somebody feeds the device: a new picture comes after those that lay in its buffers are taken out."""
    with _opened(device) as descriptor:
        for _ in range(_MOST_BUFFERS):
            if not _read_picture(descriptor):
                break
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            time.sleep(0.02)  # this device cannot be waited on before a format is agreed
            if _read_picture(descriptor):
                return True
    return False


def _read_picture(descriptor: int) -> bool:
    try:
        return bool(os.read(descriptor, 1))  # the rest of the picture is passed over
    except OSError:  # there is none
        return False


class V4l2LoopbackOutput(PyVirtualCamOutput):
    """The labelled v4l2loopback device; an `Output`."""

    def __init__(self, mode: VideoMode, *, label: str = LABEL, folders: LinuxFolders = LINUX) -> None:
        """Find, heal and open the device.

        Raises:
            BadSettings: the mode is not one a camera can have.
            OutputUnavailable: see `find_device` and `prepare_device`.
        """
        check_device_mode(mode)
        self.device = find_device(label, folders)
        prepare_device(self.device, folders)
        self._watch = ReaderWatch(self.device, folders)
        super().__init__("v4l2loopback", str(self.device), I420, mode, f"{label} (v4l2loopback)")
        for descriptor in own_descriptors(self.device):
            start_output(descriptor)

    def watched(self) -> bool | None:
        """Whether another process has the device open. See `ReaderWatch`."""
        return self._watch.watched()


def own_descriptors(device: Path) -> list[int]:
    """This process's descriptors of a device: pyvirtualcam does not tell its own."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            if link.readlink() == device:
                found.append(int(link.name))
        except OSError:  # the listing's own descriptor, closed meanwhile
            continue
    return found
