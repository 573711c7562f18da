"""Photos and videos: read, swap, write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from vcam.config import PipelineSettings
from vcam.errors import BadPhoto, BadSettings, OutputError, VcamError
from vcam.imaging import draw_card, privacy_blur
from vcam.pipeline.build import Engines
from vcam.pipeline.gate import Gate
from vcam.pipeline.offline import at_constant_rate, swap_frames
from vcam.pipeline.process import process, run_stages
from vcam.pipeline.stats import Stats
from vcam.safeguards.watermark import can_carry, new_session
from vcam.safeguards.watermark_code import Kind
from vcam.swap.likeness import FIRST_LOOKS
from vcam.types import BadgeMode, Control, Frame, Image, Safe, Shown, Source, VideoMode, Work
from vcam.video.files import VideoReader
from vcam.video.files_out import FileOutput
from vcam.video.photos import read_photo

_FRAME_S = 1 / 30
PHOTO_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True, slots=True)
class SwapJob:
    """What to swap and where to put it.

    Attributes:
        input: a photo or a video.
        output: file to write, of the same kind.
        source: the face that is put on.
        safe: what stands in for a frame of a video that could not be swapped.
        settings: of the pipeline.
        badge: when swapped pictures carry the visible label.
        session: 24 bits that the mark carries.
    """

    input: Path
    output: Path
    source: Source
    safe: Safe
    settings: PipelineSettings
    badge: BadgeMode = BadgeMode.OFF
    session: int = field(default_factory=new_session)


@dataclass(frozen=True, slots=True)
class SwapCounts:
    """What became of a file's frames, and whether the swapped ones carry the mark."""

    frames: int
    swapped: int
    safe: int
    marked: bool


def is_photo(path: Path) -> bool:
    """Whether the file's name says that it is a photo."""
    return path.suffix.lower() in PHOTO_ENDINGS


def swap_photo(image: Image, job: SwapJob) -> Image:
    """Swap the largest face of a photo: uint8 (H, W, 3) BGR -> the same size.

    Raises:
        VcamError: no face, or the models cannot be used.
    """
    pipeline = Engines(job.settings, Kind.PHOTO, job.session).build()
    control = Control(True, job.source, job.safe, job.badge)
    *first, last = (Work(Frame(image, n, n * _FRAME_S), control, image) for n in range(FIRST_LOOKS + 1))
    until_swap = pipeline[: 1 + [name for name, _ in pipeline].index("swap")]
    for work in first:  # as in a camera's first frames, what is worn settles
        run_stages(until_swap, work)
    return process(pipeline, last)


def swap_photo_file(job: SwapJob) -> SwapCounts:
    """Swap the largest face of a photo and write the result.

    Raises:
        BadPhoto: the photo cannot be read or shows no face.
        VcamError: the models cannot be used, or the result cannot be written.
    """
    if not is_photo(job.output):
        raise BadSettings(f"a photo is written as {', '.join(PHOTO_ENDINGS)}, not as {job.output.name!r}")
    image = read_photo(job.input)
    try:
        swapped = swap_photo(image, job)
    except VcamError as error:
        raise type(error)(f"{job.input.name}: {error}") from error
    ok, data = cv2.imencode(job.output.suffix.lower(), swapped)
    if not ok:
        raise BadPhoto(f"{job.output.name} could not be encoded as {job.output.suffix}")
    temporary = job.output.with_name(f".{job.output.name}.part")
    try:
        temporary.write_bytes(data.tobytes())
        temporary.replace(job.output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{job.output} cannot be written: {error.strerror}; name another file") from error
    return SwapCounts(1, 1, 0, _marked(job, image.shape[1], image.shape[0]))


def swap_video_file(job: SwapJob, advance: Callable[[int | None], None]) -> SwapCounts:
    """Swap the user's face in every frame of a video; its sound is kept.

    Args:
        job: what to do.
        advance: called after each frame with the number of frames expected in all, or None.

    Raises:
        BadVideo: the video cannot be read.
        VcamError: the models cannot be used, or the result cannot be written.
    """
    with VideoReader(job.input) as reader:
        engines = Engines(job.settings, Kind.VIDEO, job.session)
        pipeline = engines.build()
        facts, stats, shown = reader.facts, Stats(), dict.fromkeys(Shown, 0)
        control = Control(True, job.source, job.safe, job.badge)
        gate = Gate(privacy_blur, lambda reason: draw_card(facts.width, facts.height, reason))

        def pictures() -> Iterator[tuple[Image, float]]:
            for frame, time_s in reader:
                timed = Frame(frame.image, frame.index, time_s)
                for chosen in swap_frames([timed], pipeline, control, gate, stats):
                    shown[chosen.shown] += 1
                    yield chosen.image, time_s
                advance(facts.frame_count or None)

        mode = VideoMode(facts.width, facts.height, float(facts.fps))
        with FileOutput(job.output, mode, sound_from=job.input if facts.has_audio else None) as output:
            for image in at_constant_rate(pictures(), facts.fps):
                output.send(image)
    frames = sum(shown.values())
    safe = frames - shown[Shown.SWAPPED] - shown[Shown.RAW]
    return SwapCounts(frames, shown[Shown.SWAPPED], safe, _marked(job, facts.width, facts.height))


def _marked(job: SwapJob, width: int, height: int) -> bool:
    return job.settings.mark and can_carry(width, height)
