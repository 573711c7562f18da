"""A webcam on Windows and macOS, through OpenCV.

OpenCV's read cannot be interrupted and never says why it fails, so a thread of its own reads, and the
camera waits for that thread no longer than a second.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from typing import Protocol, cast

import cv2
import numpy as np

from vcam.errors import CameraBusy, CameraLost
from vcam.types import Frame, Image, VideoMode
from vcam.video.camera_info import OWN_DEVICE_NAME, CameraInfo, fill_in

FRAME_TIMEOUT_S = 1.0
FIRST_FRAME_TIMEOUT_S = 3.0  # many webcams measure the light for more than a second first
BACKEND = cv2.CAP_AVFOUNDATION if sys.platform == "darwin" else cv2.CAP_DSHOW


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:  # noqa: N802
        """Whether the device is open."""

    def set(self, property_id: int, value: float) -> bool:
        """Ask for a value."""

    def get(self, property_id: int) -> float:
        """Tell a value, 0 when it is not known."""

    def read(self) -> tuple[bool, object]:
        """Wait for a picture."""

    def release(self) -> None:
        """Let the device go."""


def list_devices() -> tuple[CameraInfo, ...]:
    """List the cameras of this computer, our own device left out; none is opened."""
    return tuple(info for info, _ in _enumerate())


def _enumerate() -> list[tuple[CameraInfo, int]]:
    """List cameras with the index OpenCV has for each now; the index is never kept."""
    from cv2_enumerate_cameras import enumerate_cameras  # only on the systems that need it

    return [
        (CameraInfo(found.name, found.path or found.name, found.path or f"camera {found.index}"), found.index)
        for found in enumerate_cameras(BACKEND)
        if found.name != OWN_DEVICE_NAME
    ]


def open_device(info: CameraInfo, asked: VideoMode | None) -> OpenCvCamera:
    """Open a listed camera.

    Raises:
        CameraLost: it is not there any more.
        CameraBusy: it does not open; another program has it or the system forbids it.
    """
    indices = {found.id: index for found, index in _enumerate()}
    if info.id not in indices:
        raise CameraLost(f"{info.name!r} was unplugged; plug it in again")
    return OpenCvCamera(info.name, cv2.VideoCapture(indices[info.id], BACKEND), asked)


class OpenCvCamera:
    """A webcam that is streaming.

    Attributes:
        name: as the system shows it.
        asked: the mode that was asked for, or None.
        mode: the mode obtained.
        skipped: pictures that were replaced by newer ones before they were read.
    """

    def __init__(self, name: str, capture: Capture, asked: VideoMode | None) -> None:
        """Take over an opened capture, set its mode and start reading.

        Raises:
            CameraBusy: the capture is not open.
        """
        self.name = name
        self.asked = asked
        self.skipped = 0
        if not capture.isOpened():
            raise CameraBusy(
                f"{name!r} cannot be opened: another program uses it, or the system's privacy settings "
                "do not let this program use the camera; close it there or allow it"
            )
        self._capture = capture
        self.mode = _negotiate(capture, fill_in(asked))
        self._fresh: Frame | None = None
        self._open = True  # until closed
        self._alive = True  # until the device fails
        self._timeout_s = FIRST_FRAME_TIMEOUT_S
        self._changed = threading.Condition()
        threading.Thread(target=self._read_on, name=f"camera {name}", daemon=True).start()

    def read(self) -> Frame:
        """Wait for the next picture, at most a second (three for the first one).

        Raises:
            CameraLost: unplugged, closed, or silent for that long.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._fresh or not self._alive or not self._open, self._timeout_s)
            if not self._open:
                raise CameraLost(f"{self.name!r} was closed")
            if self._fresh is None:
                raise CameraLost(f"{self.name!r} gives no pictures; check its cable, or unplug it and plug it in again")
            frame, self._fresh = self._fresh, None
            self._timeout_s = FRAME_TIMEOUT_S
            return frame

    def close(self) -> None:
        """Let the webcam go; a read in another thread ends at once."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def _read_on(self) -> None:
        """Keep the newest picture at hand; runs in its own thread, which also releases the device."""
        index = 0
        while self._open and self._alive:
            good, image = self._capture.read()
            now_s = time.perf_counter()
            with self._changed:
                if good and isinstance(image, np.ndarray):
                    self.skipped += self._fresh is not None
                    self._fresh = Frame(cast(Image, image), index, now_s)
                    index += 1
                else:
                    self._alive = False
                self._changed.notify_all()
        self._capture.release()


def _negotiate(capture: Capture, wanted: VideoMode) -> VideoMode:
    """Ask for MJPG, size and rate, in the order that DirectShow needs; returns what came of it."""
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
    capture.set(cv2.CAP_PROP_FPS, wanted.fps)
    width, height = (round(capture.get(which)) for which in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    return replace(wanted, width=width, height=height, fps=capture.get(cv2.CAP_PROP_FPS) or wanted.fps)
