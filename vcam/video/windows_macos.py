"""The virtual cameras of Windows and macOS: UnityCapture under our own name, OBS under its own."""

from __future__ import annotations

from dataclasses import dataclass

from vcam.types import Output, VideoMode
from vcam.video.colour import I420, RGBA, Layout
from vcam.video.pyvirtualcam_device import PyVirtualCamOutput


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver that pyvirtualcam can feed.

    Attributes:
        backend: pyvirtualcam's name for it.
        device: the camera's name, as programs list it.
        label: the driver's name for users.
        layout: the layout it takes with the least work.
    """

    backend: str
    device: str
    label: str
    layout: Layout


UNITYCAPTURE = Driver("unitycapture", "FaceWarp Cam", "UnityCapture", RGBA)
OBS = Driver("obs", "OBS Virtual Camera", "OBS", I420)  # OBS's driver has one camera, whose name cannot be changed


def open_driver(driver: Driver, mode: VideoMode) -> Output:
    """Open the driver's camera.

    Raises:
        BadSettings: the mode is not one a camera can have.
        OutputUnavailable: the driver is not installed, or another program feeds it.
    """
    name = f"{driver.device} ({driver.label})"
    return PyVirtualCamOutput(driver.backend, driver.device, driver.layout, mode, name)
