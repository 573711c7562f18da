"""Reads the camera through GStreamer, as GNOME's programs do."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

PROGRAM = "gst-launch-1.0"


class GStreamerReader:
    """Pictures of a running pipeline, uint8 (H, W, 3) BGR."""

    def __init__(self, stream: IO[bytes], width: int, height: int) -> None:
        self._stream, self._shape = stream, (height, width, 3)

    def read(self, count: int) -> list[np.ndarray]:
        """The next pictures.

        Raises:
            EOFError: the pipeline has ended.
        """
        size = int(np.prod(self._shape))
        pictures = []
        for _ in range(count):
            data = self._stream.read(size)
            if len(data) < size:
                raise EOFError(f"GStreamer ended after {len(pictures)} pictures")
            pictures.append(np.frombuffer(data, np.uint8).reshape(self._shape))
        return pictures


@contextmanager
def open_reader(environment: dict[str, str], width: int, height: int) -> Iterator[GStreamerReader]:
    """Link to the camera by its node name."""
    source = ["pipewiresrc", "target-object=facewarp_cam"]
    convert = ["!", "videoconvert", "!", f"video/x-raw,format=BGR,width={width},height={height}"]
    command = [PROGRAM, "-q", *source, *convert, "!", "fdsink", "fd=1", "sync=false"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    try:
        yield GStreamerReader(process.stdout, width, height)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
