"""What the daemon needs from the floors below, gathered in one value so that tests can hand in small ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vcam.config import PipelineSettings
from vcam.safeguards.guard import Judge
from vcam.types import Camera, Image, Output, Pipeline, Source, VideoMode


def _nothing_to_prepare(_source: Source) -> None:
    """For pipelines without networks."""


@dataclass(frozen=True, slots=True)
class Devices:
    """How cameras, outputs and networks are opened.

    Attributes:
        camera_names: the cameras there are, without opening one.
        open_camera: (name, or empty for the first; mode) -> camera.
        open_output: (kind as in the settings, mode) -> output.
        build_pipeline: loads the networks.
        blur: see ``vcam.pipeline.gate.Gate``.
        card: (width, height, sentence) -> image.
        prepare: makes a source ready for the networks that were built last; quick, and raises SwapError for a
            source that their engine cannot wear.
        judge: of the content guard; None where none is installed, as in the program that is shipped.
    """

    camera_names: Callable[[], tuple[str, ...]]
    open_camera: Callable[[str, VideoMode], Camera]
    open_output: Callable[[str, VideoMode], Output]
    build_pipeline: Callable[[PipelineSettings], Pipeline]
    blur: Callable[[Image], Image]
    card: Callable[[int, int, str], Image]
    prepare: Callable[[Source], None] = _nothing_to_prepare
    judge: Judge | None = None


def is_camera(wanted: str, names: tuple[str, ...]) -> bool:
    """Whether a camera of that name may be opened: a listed one, a part of its name, a file, or the drawn scene."""
    known = any(wanted.casefold() in name.casefold() for name in names)
    return known or wanted == "synthetic" or Path(wanted).exists()
