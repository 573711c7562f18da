"""A webcam on Linux, by V4L2's own interface.

The camera is asked for MJPG first, the nearest size and rate are taken from what it lists, and when the
reader was slow the newest picture wins. Waiting ends at once when another thread closes the camera.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vcam.errors import CameraBusy, CameraDenied, CameraError, CameraLost
from vcam.types import Frame, Image, VideoMode
from vcam.video import v4l2_abi as v4l2
from vcam.video.camera_info import CameraInfo, fill_in
from vcam.video.v4l2_formats import DECODERS, BrokenPicture, Layout, choose_offer
from vcam.video.v4l2_nodes import can_capture
from vcam.video.v4l2_offers import list_formats, list_offers

BUFFERS = 4
FRAME_TIMEOUT_S = 1.0
FIRST_FRAME_TIMEOUT_S = 3.0  # many webcams measure the light for more than a second first


class V4l2Camera:
    """A webcam that is streaming.

    Attributes:
        name: as the system shows it.
        asked: the mode that was asked for, or None.
        mode: the mode obtained.
        fourcc: the pixel format obtained, for example ``MJPG``.
        skipped: pictures that were replaced by newer ones before they were read.
        broken: pictures that could not be decoded.
    """

    def __init__(self, info: CameraInfo, asked: VideoMode | None) -> None:
        """Open and start the webcam.

        Raises:
            CameraBusy: another program has it.
            CameraDenied: this user may not open it.
            CameraLost: it is not there any more.
            CameraError: it has no format that can be decoded.
        """
        self.name = info.name
        self.asked = asked
        self.skipped = 0
        self.broken = 0
        self._info = info
        self._index = -1
        self._timeout_s = FIRST_FRAME_TIMEOUT_S
        self._maps: list[mmap.mmap] = []
        self._in_use = threading.Lock()  # held while a read is under way, and by close to wait for it
        self._close_once = threading.Lock()
        self._closing = threading.Event()
        with self._translated():
            self._fd = os.open(info.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            with self._translated():
                self.mode, self.fourcc = self._negotiate(fill_in(asked))
                self._start()
        except CameraError:
            self.close()
            raise

    def read(self) -> Frame:
        """Wait for the next picture, at most a second (three for the first one).

        Raises:
            CameraLost: unplugged, closed, or silent for that long.
        """
        with self._in_use:
            deadline = time.monotonic() + self._timeout_s
            while True:
                complains = self._wait(deadline)
                with self._translated():
                    buffer = self._take_newest()
                    if buffer is None and complains:
                        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
                if buffer is None:
                    continue
                frame = self._decode(buffer)
                with self._translated():
                    v4l2.call(self._fd, v4l2.VIDIOC_QBUF, buffer)
                if frame is not None:
                    self._timeout_s = FRAME_TIMEOUT_S
                    return frame

    def close(self) -> None:
        """Stop the webcam and release it; a read in another thread ends at once."""
        with self._close_once:
            if self._closing.is_set():
                return
            self._closing.set()
            os.eventfd_write(self._wake, 1)
            with self._in_use:
                for mapped in self._maps:
                    mapped.close()
                os.close(self._fd)  # the driver stops the stream and frees its buffers
                os.close(self._wake)

    def _negotiate(self, asked: VideoMode) -> tuple[VideoMode, str]:
        """Set format, size and rate; returns what the driver really made of them."""
        if not can_capture(self._fd):
            raise CameraLost(
                f"{self.name!r} ({self._info.path}) gives no pictures now; start the program that feeds it"
            )
        formats = list_formats(self._fd)
        offer = choose_offer(list_offers(self._fd, DECODERS.keys() & set(formats), asked), asked)
        if offer is None:
            offered = ", ".join(formats) or "nothing"
            raise CameraError(f"{self.name!r} offers {offered}, but only {', '.join(DECODERS)} can be read")
        wish = v4l2.Format(type=v4l2.BUF_TYPE_VIDEO_CAPTURE)
        wish.fmt.pix.width, wish.fmt.pix.height = offer.width, offer.height
        wish.fmt.pix.pixelformat, wish.fmt.pix.field = v4l2.to_fourcc(offer.fourcc), v4l2.FIELD_NONE
        v4l2.call(self._fd, v4l2.VIDIOC_S_FMT, wish)
        pix = wish.fmt.pix
        fourcc = v4l2.from_fourcc(pix.pixelformat)
        if fourcc not in DECODERS:
            raise CameraError(f"{self.name!r} was asked for {offer.fourcc} and gives {fourcc}, which cannot be read")
        self._layout = Layout(pix.width, pix.height, pix.bytesperline)
        return VideoMode(pix.width, pix.height, self._set_rate(offer.fps or asked.fps)), fourcc

    def _set_rate(self, fps: float) -> float:
        """Ask for a rate; returns the one obtained, or the asked one where the driver has no say in it."""
        wish = v4l2.StreamParameters(type=v4l2.BUF_TYPE_VIDEO_CAPTURE)
        wish.parm.capture.timeperframe = v4l2.Fraction(1000, max(round(fps * 1000), 1))
        try:
            v4l2.call(self._fd, v4l2.VIDIOC_S_PARM, wish)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):
                raise
            return fps
        interval = wish.parm.capture.timeperframe
        return interval.denominator / interval.numerator if interval.numerator and interval.denominator else fps

    def _start(self) -> None:
        request = v4l2.RequestBuffers(count=BUFFERS, type=v4l2.BUF_TYPE_VIDEO_CAPTURE, memory=v4l2.MEMORY_MMAP)
        v4l2.call(self._fd, v4l2.VIDIOC_REQBUFS, request)
        for index in range(request.count):
            buffer = v4l2.Buffer(index=index, type=v4l2.BUF_TYPE_VIDEO_CAPTURE, memory=v4l2.MEMORY_MMAP)
            v4l2.call(self._fd, v4l2.VIDIOC_QUERYBUF, buffer)
            self._maps.append(mmap.mmap(self._fd, buffer.length, offset=buffer.m.offset))
            v4l2.call(self._fd, v4l2.VIDIOC_QBUF, buffer)
        v4l2.call(self._fd, v4l2.VIDIOC_STREAMON, v4l2.StreamType(v4l2.BUF_TYPE_VIDEO_CAPTURE))

    def _wait(self, deadline: float) -> bool:
        """Wait until a buffer is full; returns whether the device reports a fault instead."""
        if self._closing.is_set():
            raise CameraLost(f"{self.name!r} was closed")
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        ready = dict(poll.poll(max(deadline - time.monotonic(), 0.0) * 1000))
        if self._wake in ready:
            raise CameraLost(f"{self.name!r} was closed")
        if not ready:
            raise CameraLost(
                f"{self.name!r} has given no picture for {self._timeout_s:g} s ({self.broken} broken ones so far); "
                "check its cable, or unplug it and plug it in again"
            )
        return bool(ready[self._fd] & ~select.POLLIN)

    def _take_newest(self) -> v4l2.Buffer | None:
        """Take the newest full buffer and give the older ones back; None when there is none."""
        newest = None
        while (buffer := self._take_next()) is not None:
            self._index += 1
            if newest is not None:
                self.skipped += 1
                v4l2.call(self._fd, v4l2.VIDIOC_QBUF, newest)
            newest = buffer
        return newest

    def _take_next(self) -> v4l2.Buffer | None:
        buffer = v4l2.Buffer(type=v4l2.BUF_TYPE_VIDEO_CAPTURE, memory=v4l2.MEMORY_MMAP)
        try:
            v4l2.call(self._fd, v4l2.VIDIOC_DQBUF, buffer)
        except BlockingIOError:
            return None
        return buffer

    def _decode(self, buffer: v4l2.Buffer) -> Frame | None:
        """Make a frame of a full buffer; None, and counted, when it holds no whole picture."""
        try:
            image = self._decode_image(buffer)
        except BrokenPicture:
            self.broken += 1
            return None
        stamp_s = buffer.timestamp.seconds + buffer.timestamp.microseconds * 1e-6
        is_monotonic = buffer.flags & v4l2.BUF_FLAG_TIMESTAMP_MASK == v4l2.BUF_FLAG_TIMESTAMP_MONOTONIC
        return Frame(image, self._index, to_capture_time(stamp_s, is_monotonic, time.perf_counter()))

    def _decode_image(self, buffer: v4l2.Buffer) -> Image:
        if buffer.flags & v4l2.BUF_FLAG_ERROR:
            raise BrokenPicture("the driver marked the buffer as faulty")
        data = np.frombuffer(self._maps[buffer.index], np.uint8, count=buffer.bytesused)
        return DECODERS[self.fourcc](data, self._layout)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise translate(error, self._info) from error


def to_capture_time(stamp_s: float, is_monotonic: bool, now_s: float) -> float:
    """Give the time of a picture in ``perf_counter`` seconds, which on Linux is the drivers' monotonic clock.

    A stamp of another clock, from the future or more than a second old is not believed: now is taken.
    """
    return stamp_s if is_monotonic and 0.0 <= now_s - stamp_s <= 1.0 else now_s


def translate(error: OSError, info: CameraInfo, proc: Path = Path("/proc")) -> CameraError:
    """Say what an error of the driver means for the user and what to do about it."""
    camera = f"{info.name!r} ({info.path})"
    if error.errno == errno.EBUSY:
        holders = ", ".join(find_holders(info.path, proc))
        return CameraBusy(f"{camera} is in use by another program{f' ({holders})' if holders else ''}; close it there")
    if error.errno in (errno.EACCES, errno.EPERM):
        return CameraDenied(
            f"This user may not open {camera}: permission denied; run 'sudo usermod -aG video $USER' and log in again"
        )
    return CameraLost(f"{camera} was unplugged or stopped working ({error.strerror}); plug it in again")


def find_holders(path: str, proc: Path = Path("/proc")) -> list[str]:
    """Name the other programs that hold a device open, as far as this user may see them."""
    holders = []
    for process in sorted(proc.glob("[0-9]*")):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # processes end, and those of others are closed to us
            if any(str(handle.readlink()) == path for handle in (process / "fd").iterdir()):
                holders.append(f"{(process / 'comm').read_text().strip()}, process {process.name}")
    return holders
