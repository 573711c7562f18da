"""What the mark goes through on its way: clips, codecs, and what people do to recordings. Frames are I420 arrays."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.safeguards.watermark import Marker
from vcam.safeguards.watermark_code import Kind

I420 = NDArray[np.uint8]  # (H * 3 / 2, W)

DATA = Path(os.environ.get("FACEWARP_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
WIDTH, HEIGHT, FPS = 1280, 720, 30
SESSION, NOW = 0xABCDEF, 1_795_000_000.0

# Live settings, without look-ahead and with one key frame at the start; and x264 as it writes files.
CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "H.264": ("libx264", {"preset": "veryfast", "tune": "zerolatency", "g": "300"}),
    "H.264 file": ("libx264", {"preset": "veryfast", "g": "300"}),
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "300"}),
    "VP9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "300"}),
    "AV1": ("libsvtav1", {"preset": "10", "svtav1-params": "rc=2:pred-struct=1:keyint=300"}),
}


def clips() -> list[Path]:
    """Every other one of the talking heads there are."""
    return sorted((DATA / "clips").glob("*.mp4"))[::2]


def frames(clip: Path, count: int) -> list[I420]:
    """The first frames as a 720p camera would give them.

    The clips are heads of 480 to 720 px; each is cut to a square, scaled to 720 px, and stands before a blurred copy of
    itself that fills the rest.
    """
    out = []
    with av.open(str(clip)) as container:
        for picture in container.decode(video=0):
            out.append(_to_i420(_staged(picture.to_ndarray(format="bgr24"))))
            if len(out) == count:
                break
    return out


def mark(pictures: list[I420]) -> list[I420]:
    """Marked copies."""
    marker, out = Marker(SESSION, Kind.CAMERA, lambda: NOW), []
    for picture in pictures:
        copy = picture.copy()
        marker.mark_luma(luma(copy))
        out.append(copy)
    return out


def luma(picture: I420) -> NDArray[np.uint8]:
    """The Y plane, a view."""
    return picture[: picture.shape[0] * 2 // 3]


def resize(pictures: list[I420], width: int, height: int) -> list[I420]:
    """As a call does that sends a smaller picture."""
    return [_to_i420(cv2.resize(_to_bgr(p), (width, height), interpolation=cv2.INTER_AREA)) for p in pictures]


def changed(pictures: list[I420], change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> list[I420]:
    """Every picture changed as BGR."""
    return [_to_i420(np.ascontiguousarray(change(_to_bgr(p)))) for p in pictures]


def encode(pictures: list[I420], codec: str, kbps: int | None, crf: int | None = None) -> bytes:
    """One stream, in Matroska."""
    name, options = CODECS[codec]
    options = dict(options)
    if crf is not None:
        options["crf"] = str(crf)
    elif codec == "H.264":
        options |= {"maxrate": f"{kbps}k", "bufsize": f"{kbps}k"}
    elif codec.startswith("VP"):
        options |= {"minrate": f"{kbps}k", "maxrate": f"{kbps}k"}
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream(name, rate=FPS, options=options)
        stream.height, stream.width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 1
        if kbps:
            stream.bit_rate = kbps * 1000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        container.mux(stream.encode())
    return file.getvalue()


def decode(data: bytes) -> Iterator[NDArray[np.uint8]]:
    """The Y planes."""
    with av.open(io.BytesIO(data)) as container:
        for picture in container.decode(video=0):
            yield picture.to_ndarray()[: picture.height, : picture.width]


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal to noise ratio, dB."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float32) - other) ** 2)))


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Structural similarity (Wang et al., 2004; Gaussian window of sigma 1.5)."""
    a, b = one.astype(np.float32), other.astype(np.float32)

    def mean(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5), np.float32)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b, both = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2, mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(score.mean())


def _staged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 3, (width - side) // 2
    square = picture[top : top + side, left : left + side]
    small = cv2.GaussianBlur(cv2.resize(square, (160, 160), interpolation=cv2.INTER_AREA), (0, 0), 6)
    stage = cv2.resize(small[35:125], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    middle = (WIDTH - HEIGHT) // 2
    stage[:, middle : middle + HEIGHT] = cv2.resize(square, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return stage


def _to_i420(image: NDArray[np.uint8]) -> I420:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _to_bgr(picture: I420) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420), np.uint8)


def _turn(image: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    turn = cv2.getRotationMatrix2D(((WIDTH - 1) / 2, (HEIGHT - 1) / 2), degrees, 1.02)
    return np.asarray(cv2.warpAffine(image, turn, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), np.uint8)


def _inset(image: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """A corner of a streamer's scene."""
    noise = np.random.default_rng(4).integers(0, 255, (45, 80, 3), np.uint8)
    scene = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for line in range(40, HEIGHT, 40):
        cv2.putText(scene, "the quick brown fox jumps over the lazy dog", (700, line), 0, 0.7, (230, 230, 230), 1, 16)
    small = cv2.resize(image, (round(WIDTH * share), round(HEIGHT * share)), interpolation=cv2.INTER_AREA)
    scene[HEIGHT - small.shape[0] - 24 : HEIGHT - 24, 32 : 32 + small.shape[1]] = small
    return scene


def _letterbox(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(image, (1024, 576), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.copyMakeBorder(small, 96, 96, 0, 0, cv2.BORDER_CONSTANT), np.uint8)


def _gamma(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    table = np.rint(255 * (np.arange(256) / 255) ** 0.6).astype(np.uint8)
    return table[image]


# What is done, at which bitrate (H.264), for how many frames; and whether the picture is no longer shown whole.
ATTACKS: dict[str, tuple[Callable[[NDArray[np.uint8]], NDArray[np.uint8]], int, int, bool]] = {
    "mirrored": (lambda image: image[:, ::-1], 600, 30, False),
    "brighter by 30": (lambda image: cv2.add(image, (30, 30, 30, 0)), 600, 30, False),
    "contrast 0.7": (lambda image: cv2.convertScaleAbs(image, alpha=0.7, beta=38), 600, 30, False),
    "contrast 1.3": (lambda image: cv2.convertScaleAbs(image, alpha=1.3), 600, 30, False),
    "gamma 0.6": (_gamma, 600, 30, False),
    "blurred, sigma 3": (lambda image: cv2.GaussianBlur(image, (0, 0), 3), 600, 30, False),
    "80 % crop": (lambda image: cv2.resize(image[60:636, 100:1124], (WIDTH, HEIGHT)), 600, 30, True),
    "mirrored 80 % crop": (lambda image: cv2.resize(image[60:636, 1124:100:-1], (WIDTH, HEIGHT)), 600, 30, True),
    "4:3 crop, 640x480": (
        lambda image: cv2.resize(image[:, 160:1120], (640, 480), interpolation=cv2.INTER_AREA), 600, 30, True,
    ),
    "square crop, 480x480": (
        lambda image: cv2.resize(image[:, 280:1000], (480, 480), interpolation=cv2.INTER_AREA), 600, 30, True,
    ),
    "letterboxed, 1024x768": (_letterbox, 600, 30, True),
    "turned by 0.5 deg": (lambda image: _turn(image, 0.5), 600, 30, True),
    "50 % inset": (lambda image: _inset(image, 0.5), 1000, 60, True),
    "35 % inset": (lambda image: _inset(image, 0.35), 1000, 60, True),
}  # fmt: skip
