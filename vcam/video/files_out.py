"""Video files as an output: H.264 with the sound of the file that was swapped.

The file is written beside its final place and moved there when it is complete, so an older file of that name lives
until then, and an interrupted run leaves nothing.
"""

from __future__ import annotations

import os
import secrets
import threading
import weakref
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from vcam.errors import BadSettings, OutputError, OutputLost, OutputUnavailable
from vcam.types import Image, VideoMode
from vcam.video.colour import check_image
from vcam.video.sound_track import SoundTrack

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}  # file name's end: FFmpeg's muxer
QUALITY = {"crf": "18", "preset": "veryfast"}  # x264: hard to tell from the original, faster than real time on 2 cores
_BT709, _BT601 = 1, 6  # code points of ITU-T H.273 for matrix, primaries and transfer
_VIDEO_RANGE = 1


class FileOutput:
    """A video file that is being written; an `Output`.

    Pictures follow each other at the constant rate of the mode. A picture of odd size gets one more column or row, a
    copy of its last one, since H.264 holds colour at half size. Files from 720 lines on are BT.709, smaller ones
    BT.601, and are marked so.
    """

    def __init__(self, path: Path, mode: VideoMode, *, sound_from: Path | None = None) -> None:
        """Start a file.

        Args:
            path: where it will be; the name's end chooses the container, one of `FORMATS`.
            mode: size and rate above 0; the rate is taken as the nearest fraction with a denominator up to 1001.
            sound_from: a video whose sound is kept, cut at the end of the pictures.

        Raises:
            BadSettings: not a container for H.264, no rate, or the file would overwrite its own sound.
            OutputUnavailable: the place cannot be written to.
        """
        self.name = str(path)
        self.mode = mode
        self._path, self._number = path, 0
        self._rate = Fraction(mode.fps).limit_denominator(1001)
        _check(path, mode, sound_from)
        self._part = _start_part(path)
        self._discard = weakref.finalize(self, self._part.unlink, missing_ok=True)
        self._lock = threading.Lock()
        self._failure: OutputError | None = None
        self._sound: SoundTrack | None = None
        try:
            self._container = av.open(
                str(self._part), "w", format=FORMATS[path.suffix.lower()], options={"movflags": "+faststart"}
            )
            self._stream = self._add_stream()
            if sound_from is not None:
                self._sound = SoundTrack(sound_from, self._container)
        except (av.FFmpegError, OSError) as error:
            self._discard()
            raise OutputUnavailable(f"{path} cannot be written: {_reason(error)}") from error
        self._reformatter = VideoReformatter()

    def _add_stream(self) -> Any:
        stream = self._container.add_stream("libx264", rate=self._rate, options=QUALITY)
        stream.width, stream.height = self.mode.width + self.mode.width % 2, self.mode.height + self.mode.height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / self._rate
        context.color_range = _VIDEO_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _BT709 if self._is_hd else _BT601
        return stream

    @property
    def _is_hd(self) -> bool:
        return self.mode.height >= 720

    def send(self, image: Image) -> None:
        """Write one picture. See `Output.send`.

        Raises:
            OutputError: the file cannot be written any further, for example because the disk is full.
        """
        check_image(image, self.mode)
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if not self._discard.alive:
                raise OutputLost(f"{self.name} is closed")
            planes = self._to_planes(image)
            planes.pts, planes.time_base = self._number, 1 / self._rate
            self._number += 1
            try:
                self._container.mux(self._stream.encode(planes))
                if self._sound is not None:
                    self._sound.write_until(self._number / self._rate)
            except (av.FFmpegError, OSError) as error:
                self._fail(error)

    def _to_planes(self, image: Image) -> av.VideoFrame:
        """The full-frame conversion: BGR -> planes Y, U, V of even size in the file's matrix, video range."""
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        return self._reformatter.reformat(
            av.VideoFrame.from_ndarray(image, format="bgr24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709 if self._is_hd else Colorspace.ITU601,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )

    def watched(self) -> bool:
        """Always: every picture of a file is wanted."""
        return True

    def close(self) -> None:
        """Complete the file and move it to its place; a file without a picture is thrown away.

        Raises:
            OutputError: it could not be completed.
        """
        with self._lock:
            if not self._discard.alive:
                return
            try:
                if self._number:
                    self._container.mux(self._stream.encode(None))
                    if self._sound is not None:
                        self._sound.write_until(self._number / self._rate)
                        self._sound.finish()
                    self._container.close()
                    self._part.replace(self._path)
            except (av.FFmpegError, OSError) as error:
                self._fail(error)
            finally:
                self._release()

    def discard(self) -> None:
        """Throw the unfinished file away; a file that was there before stays."""
        with self._lock:
            if self._discard.alive:
                self._release()

    def _release(self) -> None:
        if self._sound is not None:
            self._sound.close()
        with suppress(av.FFmpegError, OSError):  # it is thrown away, or has been completed
            self._container.close()
        self._discard()

    def _fail(self, error: Exception) -> None:
        self._failure = OutputError(
            f"{self.name} cannot be written any further: {_reason(error)}; what was there before is kept"
        )
        raise self._failure from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file, or throw it away if the block ended by an exception."""
        if kind is None:
            self.close()
        else:
            self.discard()


def _check(path: Path, mode: VideoMode, sound_from: Path | None) -> None:
    if path.suffix.lower() not in FORMATS:
        raise BadSettings(f"{path}: the name of a video must end in {', '.join(FORMATS)}")
    if not mode.fps > 0:
        raise BadSettings(f"a video file needs a frame rate above 0, not {mode.fps:g}")
    if sound_from is not None and path.resolve() == sound_from.resolve():
        raise BadSettings(f"{path} would overwrite the video it is made from; name another file")


def _start_part(path: Path) -> Path:
    """Create the hidden file in the same folder that becomes ``path`` in the end."""
    if path.is_dir():
        raise OutputUnavailable(f"{path} is a folder; name a file in it")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputUnavailable(f"{path} cannot be written: it is write-protected; name another file")
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        part.touch(exist_ok=False)
    except FileNotFoundError as error:
        raise OutputUnavailable(f"{path} cannot be written: the folder {path.parent} does not exist") from error
    except OSError as error:
        raise OutputUnavailable(f"{path} cannot be written: {_reason(error)}; name another place") from error
    return part


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
