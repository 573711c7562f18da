"""A video call within one browser: a camera fed from a file, a connection of limited rate, a recorder at its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from rigs.browsers import CHROMIUM_FLAGS

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
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, _Server() as server:
        url = f"http://127.0.0.1:{server.server_port}/?{urlencode({'kbps': kbps, 'seconds': seconds})}"
        flags = (
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
            "--disable-features=WebRtcHideLocalIpsWithMdns",
            "--allow-loopback-in-peer-connection",
            "--autoplay-policy=no-user-gesture-required",
        )
        process = subprocess.Popen(
            ["chromium", *CHROMIUM_FLAGS, *flags, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if not server.posted.wait(timeout_s):
                raise TimeoutError(f"no recording came within {timeout_s:g} s")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
    if server.error:
        raise RuntimeError(server.error)
    return server.recording


class _Server(ThreadingHTTPServer):
    """Serves the page and takes the recording."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted, self.recording, self.error = threading.Event(), b"", ""

    def __enter__(self) -> _Server:
        threading.Thread(target=self.serve_forever, name="call page server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        body = PAGE.read_bytes() if self.path.startswith("/?") else b""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        if self.path == "/recording":
            self.server.recording = body
        else:
            self.server.error = body.decode()
        self.server.posted.set()
