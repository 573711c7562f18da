"""The main job once, to look at: a clip of nobody, worn faces of nobody, a picture and a video.

Everything in it was made by our own networks, so it shows no real person and needs no download.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from vcam.catalogue import built_in_faces, find_clip, find_models_folder
from vcam.config import PipelineSettings
from vcam.errors import OutputError
from vcam.imaging import draw_card, privacy_blur
from vcam.pipeline.build import Engines
from vcam.pipeline.enrol import built_in_source
from vcam.pipeline.gate import Gate
from vcam.pipeline.offline import swap_frames
from vcam.pipeline.stats import Stats
from vcam.types import Control, Frame, Image, Shown, Source, VideoMode
from vcam.video.files import VideoReader
from vcam.video.files_out import FileOutput

FACES_SHOWN = 4
MOMENTS = (0.06, 0.3, 0.55, 0.8)  # of the clip's length, in the picture
TILE_WH = (400, 400)  # of the picture
HALF_WH = (640, 720)  # of the video, before and after


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made.

    Attributes:
        picture: PNG: columns are moments, rows are the clip itself and each worn face.
        video: MP4: the clip on the left, the worn face on the right.
        frames: pictures swapped or tried.
        swapped: of those, really swapped.
        fps: frames processed a second, one after the other.
    """

    picture: Path
    video: Path
    frames: int
    swapped: int
    fps: float


def run_demo(out: Path, clip: Path | None, settings: PipelineSettings, advance: Callable[[int], None]) -> DemoResult:
    """Make the picture and the video.

    Args:
        out: folder for them; made if it is not there.
        clip: a video of a face; None is the clip that comes with the program.
        settings: of the pipeline.
        advance: called after each frame with the number of frames there will be.

    Raises:
        VcamError: the clip or the models cannot be used, or the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {out} cannot be made: {error.strerror}; name another with --out") from error
    models = settings.models or find_models_folder()
    sources = [built_in_source(face) for face in built_in_faces(models)[:FACES_SHOWN]]
    frames, fps = read_clip(clip or find_clip(models))
    pipeline, stats = Engines(settings).build(), Stats()
    began, swapped = time.perf_counter(), 0
    worn: dict[str, list[Image]] = {}
    for source in sources:
        gate = Gate(privacy_blur, lambda reason: draw_card(frames[0].image.shape[1], frames[0].image.shape[0], reason))
        worn[source.name] = []
        for chosen in swap_frames(shift(frames, len(worn)), pipeline, Control(True, source), gate, stats):
            worn[source.name].append(chosen.image)
            swapped += chosen.shown is Shown.SWAPPED
            advance(len(frames) * len(sources))
    seconds = time.perf_counter() - began
    total = len(frames) * len(sources)
    picture = write_picture(out / "demo.png", frames, sources, worn)
    video = write_video(out / "demo.mp4", frames, worn, fps)
    return DemoResult(picture, video, total, swapped, total / seconds)


def read_clip(path: Path) -> tuple[list[Frame], Fraction]:
    """All frames of a short clip, stamped with the video's own time, and its rate."""
    with VideoReader(path) as reader:
        return [replace(frame, captured_at=time_s) for frame, time_s in reader], reader.facts.fps


def shift(frames: list[Frame], times: int) -> list[Frame]:
    """The same frames later on the time line, so that a tracker sees time go on from one round to the next."""
    length_s = frames[-1].captured_at + 1.0
    return [replace(frame, captured_at=frame.captured_at + length_s * times) for frame in frames]


def write_picture(path: Path, frames: list[Frame], sources: list[Source], worn: dict[str, list[Image]]) -> Path:
    """The contact sheet: a row for the clip and one for each face, with the face that is worn at the left.

    Raises:
        OutputError: it cannot be written.
    """
    moments = [int(len(frames) * moment) for moment in MOMENTS]
    blank = np.full((TILE_WH[1], TILE_WH[0], 3), 24, np.uint8)
    rows = [np.hstack([label(blank, "the clip"), *(tile(frames[i].image) for i in moments)])]
    for source in sources:
        face = blank if source.image is None else tile(source.image)
        rows.append(np.hstack([label(face, source.name), *(tile(worn[source.name][i]) for i in moments)]))
    if not cv2.imwrite(str(path), np.vstack(rows)):
        raise OutputError(f"{path} cannot be written; name another folder with --out")
    return path


def write_video(path: Path, frames: list[Frame], worn: dict[str, list[Image]], fps: Fraction) -> Path:
    """The clip on the left; on the right every face in turn for an equal share of the time.

    Raises:
        OutputError: it cannot be written.
    """
    mode = VideoMode(2 * HALF_WH[0], HALF_WH[1], float(fps))
    names = list(worn)
    with FileOutput(path, mode) as output:
        for index, frame in enumerate(frames):
            name = names[index * len(names) // len(frames)]
            after = label(tile(worn[name][index], HALF_WH), name)
            output.send(np.hstack([label(tile(frame.image, HALF_WH), "before"), after]))
    return path


def tile(image: Image, size_wh: tuple[int, int] = TILE_WH) -> Image:
    """The middle of a picture, cut to the shape of a tile and brought to its size."""
    height, width = image.shape[:2]
    wide = min(width, round(height * size_wh[0] / size_wh[1]))
    left = (width - wide) // 2
    cut = image[:, left : left + wide]
    how = cv2.INTER_AREA if cut.shape[0] > size_wh[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, size_wh, interpolation=how), np.uint8)


def label(image: Image, text: str) -> Image:
    """A copy with a few words in the lower left corner, on a dark plate."""
    result = image.copy()
    origin = (16, image.shape[0] - 18)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 1)
    corner, opposite = (origin[0] - 8, origin[1] - height - 8), (origin[0] + width + 8, origin[1] + 8)
    cv2.rectangle(result, corner, opposite, (24, 24, 24), cv2.FILLED)
    cv2.putText(result, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (235, 235, 235), 1, cv2.LINE_AA)
    return result
