"""What is known of a camera before it is opened."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vcam.types import VideoMode

OWN_DEVICE_NAME = "FaceWarp Cam"  # the device we send to; never offered as a camera
DEFAULT_MODE = VideoMode(1280, 720, 30)


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """One camera of this computer.

    Attributes:
        name: as the system shows it; two cameras of one make share it.
        id: stays the same when the camera is plugged into the same computer again.
        path: where it is now, for example ``/dev/video0``; changes from one plugging in to the next.
    """

    name: str
    id: str
    path: str


def fill_in(asked: VideoMode | None) -> VideoMode:
    """Give the mode to ask a device for when the user left it, or its rate, open."""
    if asked is None:
        return DEFAULT_MODE
    return asked if asked.fps > 0 else replace(asked, fps=DEFAULT_MODE.fps)
