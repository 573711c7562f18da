"""Cameras by name: list them, find one, open a webcam, a video file or the drawn scene."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from vcam.errors import UnknownCamera
from vcam.types import Camera, VideoMode
from vcam.video.camera_info import CameraInfo
from vcam.video.file_camera import FileCamera
from vcam.video.synthetic import SyntheticCamera

__all__ = ["SYNTHETIC", "CameraInfo", "find_camera", "list_cameras", "open_camera"]

SYNTHETIC = "synthetic"


def list_cameras() -> tuple[CameraInfo, ...]:
    """List the cameras of this computer without disturbing them; our own device is left out."""
    if platform.system() == "Linux":
        from vcam.video.v4l2_nodes import list_nodes  # needs fcntl, which only Unix has

        return list_nodes()
    from vcam.video.webcam_opencv import list_devices  # needs a library that only these systems install

    return list_devices()


def find_camera(wanted: str, cameras: Sequence[CameraInfo] | None = None) -> CameraInfo:
    """Find a camera by its exact name, its stable id, its path, or a part of its name that only it has.

    Args:
        wanted: as the user wrote it; capitals do not matter in a part of a name, and one character
            is no part (a number is no index).
        cameras: among which to look; those of this computer unless given.

    Raises:
        UnknownCamera: none, or several, fit; the message lists the cameras there are.
    """
    cameras = list_cameras() if cameras is None else cameras
    ways = (
        [camera for camera in cameras if wanted in (camera.id, camera.path)],
        [camera for camera in cameras if wanted == camera.name],
        [camera for camera in cameras if len(wanted) > 1 and wanted.casefold() in camera.name.casefold()],
    )
    fitting = next((found for found in ways if found), [])
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UnknownCamera(f"Several cameras are called {wanted!r}; choose one by its id: {_describe(fitting)}")
    if not cameras:
        raise UnknownCamera(
            f"There is no camera {wanted!r}: this computer has no camera; plug one in, "
            f"or give the path of a video file or {SYNTHETIC!r}"
        )
    raise UnknownCamera(f"There is no camera and no video file {wanted!r}; the cameras are: {_describe(cameras)}")


def _describe(cameras: Sequence[CameraInfo]) -> str:
    return "; ".join(f"{camera.name!r} (id {camera.id}, {camera.path})" for camera in cameras)


def open_camera(spec: str, mode: VideoMode | None = None, loop: bool = True, paced: bool = True) -> Camera:
    """Open a camera of any kind.

    A lost webcam is opened again by calling this once more: it is found by its name or id, wherever it is now.
    Until it is back, that costs a look at a few small files.

    Args:
        spec: the path of a video file, "synthetic", or a webcam as ``find_camera`` takes it, in this order.
        mode: size and rate to ask for; a file gives what is in it.
        loop: a file begins again after its end.
        paced: a file or the drawn scene keeps to its rate; otherwise it gives pictures as fast as they are read.

    Raises:
        BadVideo: the file cannot be read as a video.
        UnknownCamera: there is no such camera now.
        CameraBusy: another program has it.
        CameraDenied: this user may not open it.
        CameraLost: it went away while it was opened.
    """
    if Path(spec).is_file():
        return FileCamera(spec, mode, loop=loop, paced=paced)
    if spec == SYNTHETIC:
        return SyntheticCamera(mode, paced=paced)
    info = find_camera(spec)
    if platform.system() == "Linux":
        from vcam.video.webcam_v4l2 import V4l2Camera

        return V4l2Camera(info, mode)
    from vcam.video.webcam_opencv import open_device

    return open_device(info, mode)
