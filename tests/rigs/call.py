"""A video call within one browser: a camera fed from a file, a connection of limited rate, a recorder at its end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rigs.browsers import CHROMIUM_FLAGS
from rigs.page_server import PageServer, result_of

PAGE = Path(__file__).with_name("call_page.html")


def write_y4m(path: Path, pictures: Iterable[NDArray[np.uint8]], fps: int = 30) -> None:
    """Write I420 pictures, uint8 (H * 3 / 2, W), as the raw video that Chromium's fake camera plays in a loop."""
    with path.open("wb") as file:
        for picture in pictures:
            if not file.tell():
                height, width = picture.shape[0] * 2 // 3, picture.shape[1]
                file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
            file.write(b"FRAME\n" + picture.tobytes())


def record_call(camera: Path, kbps: int, seconds: float, timeout_s: float = 120) -> bytes:
    """The recording (WebM) of a call whose camera plays a y4m file.

    Raises:
        RuntimeError: what the browser's page said.
        TimeoutError: the page posted nothing.
        BrowserEnded: the browser crashed.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, PageServer(PAGE) as server:
        flags = (
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
            "--disable-features=WebRtcHideLocalIpsWithMdns",
            "--allow-loopback-in-peer-connection",
            "--autoplay-policy=no-user-gesture-required",
            f"--user-data-dir={folder}/profile",
        )
        command = ["chromium", *CHROMIUM_FLAGS, *flags, server.url(kbps=kbps, seconds=seconds)]
        path, body = result_of(server, command, Path(folder, "log"), None, timeout_s)
    if path != "/recording":
        raise RuntimeError(body.decode())
    return body
