"""The daemon with the real cameras, outputs and networks.

ONNX Runtime and PyAV take longer to import than the device to open, so they are imported by the threads that need them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from vcam import settings_file
from vcam.config import PipelineSettings, Settings
from vcam.daemon.daemon import Daemon
from vcam.daemon.devices import Devices
from vcam.daemon.library import Library
from vcam.imaging import draw_card, privacy_blur
from vcam.types import Camera, Pipeline, VideoMode
from vcam.video.outputs import open_output


def camera_names() -> tuple[str, ...]:
    """The cameras as a user chooses them: by name, or by id where two share a name."""
    from vcam.video.cameras import list_cameras

    cameras = list_cameras()
    count = Counter(camera.name for camera in cameras)
    return tuple(camera.name if count[camera.name] == 1 else camera.id for camera in cameras)


def _open_camera(name: str, mode: VideoMode) -> Camera:
    from vcam.pipeline.session import first_camera
    from vcam.video.cameras import open_camera

    return open_camera(name or first_camera(), mode)


def _build_pipeline(settings: PipelineSettings) -> Pipeline:
    from vcam.pipeline.build import Engines

    return Engines(settings).build()


def real_devices() -> Devices:
    """Those of this computer."""
    return Devices(camera_names, _open_camera, open_output, _build_pipeline, privacy_blur, draw_card)


def assemble(settings: Settings, settings_path: Path) -> Daemon:
    """A daemon that has not been started; it finds out for itself whether networks and faces are whole.

    Raises:
        ModelMissing: there is no embedded pack.
    """
    return Daemon(
        settings,
        Library(settings.run.pipeline.models, read=False),
        real_devices(),
        lambda changes: settings_file.update(settings_path, changes),
    )
