"""Video files drawn and encoded by the tests themselves."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vcam.types import Image

STEPS = 24  # a picture's number is its brightness in steps of ten levels
IDENTITY = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
TURNS = {  # the matrix of a track header by the degrees a player turns the picture clockwise
    90: (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000),
    180: (-0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000),
    270: (0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000),
}


def draw_numbered(number: int, width: int, height: int) -> Image:
    """A picture that tells its number, with a dark corner at the top left."""
    image = np.full((height, width, 3), 16 + 10 * (number % STEPS), np.uint8)
    image[: height // 4, : width // 4] = 0
    return image


def read_number(image: Image) -> int:
    """The number of a drawn picture, read from its middle."""
    height, width = image.shape[:2]
    return round((float(image[height // 2 :, width // 2 :].mean()) - 16) / 10)


def write_clip(
    path: Path,
    count: int = 12,
    size_wh: tuple[int, int] = (64, 48),
    fps: Fraction = Fraction(25),
    codec: str = "libx264",
    stamps_ms: list[int] | None = None,
    sound: bool = False,
) -> Path:
    """Encode numbered pictures; ``stamps_ms`` gives each its own time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv444p" if size_wh[0] % 2 or size_wh[1] % 2 else "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        stream.gop_size = 4
        if codec == "libx264":
            stream.options = {"crf": "10", "preset": "ultrafast"}
        if stamps_ms:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=48000) if sound else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(draw_numbered(number, *size_wh), format="bgr24")
            if stamps_ms:
                frame.pts, frame.time_base = stamps_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 48000
            container.mux(audio.encode(silence))
            container.mux(audio.encode())
    return path


def turn_clip(path: Path, degrees: int) -> Path:
    """Write a turn into an MP4's track header, as telephones do."""
    data = path.read_bytes()
    plain, turned = (b"".join((n % 2**32).to_bytes(4, "big") for n in matrix) for matrix in (IDENTITY, TURNS[degrees]))
    at = data.index(plain, data.index(b"tkhd"))
    path.write_bytes(data[:at] + turned + data[at + len(turned) :])
    return path
