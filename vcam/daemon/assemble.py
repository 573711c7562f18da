"""The daemon with the real cameras, outputs and networks.

ONNX Runtime and PyAV take longer to import than the device to open, so they are imported by the threads that need them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from vcam import settings_file
from vcam.config import PipelineSettings, Settings
from vcam.daemon.daemon import Daemon
from vcam.daemon.devices import Devices
from vcam.daemon.library import Library
from vcam.imaging import draw_card, privacy_blur
from vcam.types import Camera, Pipeline, Source, VideoMode
from vcam.video.outputs import open_output

if TYPE_CHECKING:
    from vcam.pipeline.build import Engines


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


class _Networks:
    """Those of the pipeline that was built last."""

    def __init__(self) -> None:
        self._engines: Engines | None = None

    def build(self, settings: PipelineSettings) -> Pipeline:
        from vcam.pipeline.build import Engines

        engines = Engines(settings)
        pipeline = engines.build()
        self._engines = engines
        return pipeline

    def prepare(self, source: Source) -> None:
        if self._engines is not None:
            self._engines.prepare(source)


def real_devices() -> Devices:
    """Those of this computer."""
    networks = _Networks()
    return Devices(camera_names, _open_camera, open_output, networks.build, privacy_blur, draw_card, networks.prepare)


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
