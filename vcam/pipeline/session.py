"""A run of the camera put together from its settings: source, camera, pipeline, output."""

from __future__ import annotations

from dataclasses import dataclass

from vcam.catalogue import find_clip, find_models_folder
from vcam.config import RunSettings
from vcam.errors import UnknownCamera
from vcam.imaging import draw_card, privacy_blur
from vcam.pipeline.build import Engines, check_models
from vcam.pipeline.runner import Runner
from vcam.types import Camera, Control, Output, Source
from vcam.video.cameras import SYNTHETIC, list_cameras, open_camera
from vcam.video.outputs import open_output


@dataclass(frozen=True, slots=True)
class Session:
    """A runner that has not been started, and the networks it will use."""

    runner: Runner
    engines: Engines

    def report(self) -> dict[str, object]:
        """The runner's statistics, in the form of ``--stats-json``."""
        return self.runner.report(self.engines.settings.engine.value, self.engines.provider)


def first_camera() -> str:
    """The stable id of the first camera.

    Raises:
        UnknownCamera: this computer has none.
    """
    cameras = list_cameras()
    if not cameras:
        raise UnknownCamera(
            "this computer has no camera; plug one in, or use a video: --camera FILE (or --camera synthetic)"
        )
    return cameras[0].id


def open_session(settings: RunSettings, enabled: bool, source: Source) -> Session:
    """Check everything a user can get wrong, and make the runner.

    Args:
        settings: what was asked for.
        enabled: whether the swap is on at the start.
        source: the worn face.

    Raises:
        VcamError: camera, output or models cannot be used.
    """
    models = settings.pipeline.models or find_models_folder()
    check_models(settings.pipeline)
    engines = Engines(settings.pipeline)

    camera_spec = settings.camera or first_camera()
    if camera_spec == SYNTHETIC:
        camera_spec = str(find_clip(models))

    def camera() -> Camera:
        return open_camera(camera_spec, settings.mode, loop=settings.loop)

    def output() -> Output:
        return open_output(settings.output, settings.mode)

    runner = Runner(
        camera,
        engines.build,
        output,
        settings.mode,
        Control(enabled, source, settings.safe, settings.badge, settings.cross_fade),
        blur=privacy_blur,
        card=draw_card,
    )
    return Session(runner, engines)
