"""Lets a real browser list the cameras and draw frames, and brings home what it saw."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

PAGE = Path(__file__).with_name("camera_page.html")
CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",  # answers the page's question for permission; the camera is real
    "--enable-features=WebRtcPipeWireCamera",
)
FIREFOX_PREFERENCES = {
    "media.navigator.permission.disabled": True,
    "media.webrtc.camera.allow-pipewire": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "",
}


@dataclass(frozen=True)
class Seen:
    """What a browser saw.

    Attributes:
        cameras: the labels it lists.
        error: what its camera API threw, or "".
        size: of the frames, (width, height) px.
        fps: frames drawn a second.
        numbers: of every frame drawn, in order.
        frames: of every tenth frame, its number and the colours of points: rows of x, y, red, green, blue.
    """

    cameras: tuple[str, ...] = ()
    error: str = ""
    size: tuple[int, int] = (0, 0)
    fps: float = 0.0
    numbers: tuple[int, ...] = ()
    frames: tuple[tuple[int, np.ndarray], ...] = ()

    def pixel_errors(self, expected: Callable[[int], np.ndarray]) -> np.ndarray:
        """Differences of all points and channels from the expected pictures, (H, W, 3) BGR by number, in levels."""
        errors = []
        for number, points in self.frames:
            x, y, rgb = points[:, 0], points[:, 1], points[:, 2:]
            errors.append(np.abs(expected(number)[y, x, ::-1].astype(int) - rgb))
        return np.concatenate(errors)


def look_with(
    browser: str, environment: dict[str, str], label: str = "FaceWarp Cam", count: int = 60, timeout_s: float = 120
) -> Seen:
    """Open the page in "chromium" or "firefox-esr" and wait for its result.

    Raises:
        TimeoutError: the browser posted nothing.
    """
    with _PageServer() as server, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        url = f"http://127.0.0.1:{server.server_port}/?{urlencode({'label': label, 'count': count})}"
        process = subprocess.Popen(
            _command(browser, Path(profile), url),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if not server.posted.wait(timeout_s):
                raise TimeoutError(f"{browser} saw no camera within {timeout_s:g} s")
        finally:
            _end(process)
    return _seen(server.result)


def _seen(result: dict) -> Seen:
    frames = tuple((frame["number"], np.array(frame["points"])) for frame in result.get("frames", ()))
    return Seen(
        tuple(result.get("cameras", ())),
        result.get("error", ""),
        tuple(result.get("size", (0, 0))),
        result.get("fps", 0.0),
        tuple(result.get("numbers", ())),
        frames,
    )


def _command(browser: str, profile: Path, url: str) -> list[str]:
    if browser == "chromium":
        return [browser, *CHROMIUM_FLAGS, f"--user-data-dir={profile}", url]
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in FIREFOX_PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    return [browser, "--headless", "--no-remote", "--profile", str(profile), url]


def _end(process: subprocess.Popen) -> None:
    """End a browser with all its processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(3)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


class _PageServer(ThreadingHTTPServer):
    """Serves the page and takes its result."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted = threading.Event()
        self.result: dict = {}

    def __enter__(self) -> _PageServer:
        threading.Thread(target=self.serve_forever, name="page server", daemon=True).start()
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
        self.server.result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.posted.set()
