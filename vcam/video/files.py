"""Video files, read from end to end.

Convention:
    time_s: seconds on the file's own time line, on which its sound lies too; 0 is the file's beginning.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from vcam.errors import BadVideo
from vcam.types import Frame, Image

USUAL_FPS = Fraction(30)  # for files that do not say
HIGHEST_FPS = 240  # a rate above this is a clock's, not a camera's
LONGEST_GAP_S = 10.0  # a longer jump between two pictures is a fault of the file
HD_HEIGHT = 720  # from here on, files that do not name their colour matrix mean BT.709
UNSPECIFIED_MATRIX, BT709_MATRIX = 2, 1  # FFmpeg's AVColorSpace


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What is known of a video file before its pictures are decoded.

    Attributes:
        width: of the upright picture, px.
        height: of the upright picture, px.
        fps: mean rate as the exact fraction the file states.
        duration_s: length in seconds, 0 where the file does not say.
        frame_count: number of pictures as stated or estimated, 0 where neither is possible.
        has_audio: whether there is sound.
        rotation: degrees (0, 90, 180, 270) by which the stored picture is turned counter-clockwise for showing.
        start_s: where the file's own time line begins on its packets' clock; packets that are copied to
            another file lie this much later than ``time_s``.
    """

    width: int
    height: int
    fps: Fraction
    duration_s: float
    frame_count: int
    has_audio: bool
    rotation: int
    start_s: float


def probe_video(path: Path | str) -> VideoFacts:
    """Look at a video file; its first picture is decoded to know which way up it is.

    Raises:
        BadVideo: not there, not a video, or without a picture that can be decoded.
    """
    with VideoReader(path) as reader:
        return reader.facts


def read_video(path: Path | str) -> Iterator[tuple[Frame, float]]:
    """Read all pictures as fast as they are taken; yields each with its ``time_s``.

    Pictures that are damaged beyond decoding are left out.

    Raises:
        BadVideo: not there, not a video, or without a picture that can be decoded.
    """
    with VideoReader(path) as reader:
        yield from reader


class VideoReader:
    """An open video file, to be read once.

    Attributes:
        facts: what is known of it.
        errors: damaged pieces met so far.
    """

    def __init__(self, path: Path | str) -> None:
        """Open the file and decode its first picture.

        Raises:
            BadVideo: not there, not a video, or without a picture that can be decoded.
        """
        self.errors = 0
        self._path = Path(path)
        self._container = _open_container(self._path)
        try:
            self._stream = self._find_stream()
            self._reformatter = av.video.reformatter.VideoReformatter()
            self._decoded = self._decode()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise BadVideo(f"{self._path.name} holds no picture that can be decoded; it is damaged or incomplete")
            self.facts = _collect_facts(self._container, self._stream, self._first)
        except BadVideo:
            self.close()
            raise

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Frame, float]]:
        """Yield the frames with their ``time_s``, which never goes back."""
        frame_s = float(1 / self.facts.fps)
        time_s = None
        pictures = self._pictures()
        for index, picture in enumerate(pictures):
            stamp_s = None if picture.pts is None else float(picture.pts * picture.time_base) - self.facts.start_s
            time_s = next_time(time_s, stamp_s, frame_s)
            yield Frame(self._to_image(picture), index, time.perf_counter()), time_s

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._container.close()

    def _find_stream(self) -> Any:
        if not self._container.streams.video:
            raise BadVideo(f"{self._path.name} has no pictures, only {self._container.format.long_name} data")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        return stream

    def _pictures(self) -> Iterator[Any]:
        if self._first is not None:
            yield self._first
            self._first = None
        yield from self._decoded

    def _decode(self) -> Iterator[Any]:
        """Decode packet by packet, past damaged ones."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.errors += 1  # the container itself is damaged here: nothing after it can be found
                return
            if packet is None:
                return
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                self.errors += 1
                continue
            for picture in pictures:
                self.errors += bool(picture.is_corrupt)  # the decoder filled its gaps from the picture before
                yield picture

    def _to_image(self, picture: Any) -> Image:
        """Convert a decoded picture to an upright BGR image."""
        is_unnamed_hd = picture.colorspace == UNSPECIFIED_MATRIX and picture.height >= HD_HEIGHT
        converted = self._reformatter.reformat(
            picture, format="bgr24", src_colorspace=BT709_MATRIX if is_unnamed_hd else None
        )
        image = converted.to_ndarray()
        turns = self.facts.rotation // 90
        return cast(Image, np.ascontiguousarray(np.rot90(image, turns)) if turns else image)


def _open_container(path: Path) -> Any:
    try:
        with path.open("rb"):  # for a missing or forbidden file the system's own reason is the clearest
            pass
        return av.open(str(path), metadata_errors="replace")
    except OSError as error:
        raise BadVideo(f"{path.name} cannot be opened: {error.strerror}; give the path of a video file") from error
    except av.error.FFmpegError as error:
        raise BadVideo(f"{path.name} is not a video that can be read: {error.strerror}") from error


def _collect_facts(container: Any, stream: Any, first: Any) -> VideoFacts:
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = (first.height, first.width) if rotation in (90, 270) else (first.width, first.height)
    stated = stream.average_rate or stream.guessed_rate
    fps = Fraction(stated) if stated and 0 < stated <= HIGHEST_FPS else USUAL_FPS
    duration_s = _duration_s(container, stream)
    return VideoFacts(
        width=width,
        height=height,
        fps=fps,
        duration_s=duration_s,
        frame_count=stream.frames or round(duration_s * fps),
        has_audio=bool(container.streams.audio),
        rotation=rotation,
        start_s=(container.start_time or 0) / av.time_base,
    )


def _duration_s(container: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float((container.duration or 0) / av.time_base)


def next_time(previous_s: float | None, stamp_s: float | None, frame_s: float) -> float:
    """Give a picture's time: its stamp where that is believable, else one frame after the one before."""
    if previous_s is None:
        return stamp_s if stamp_s is not None else 0.0
    if stamp_s is None or not previous_s < stamp_s <= previous_s + LONGEST_GAP_S:
        return previous_s + frame_s
    return stamp_s
