"""Lets a real browser list the cameras and draw frames, and brings home what it saw."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rigs.page_server import BrowserEnded, PageServer, last_words, result_of

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
    "--enable-logging=stderr",
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
# The capture code of both browsers (video_capture_pipewire.cc, of libwebrtc) checks itself for a race when a stream
# starts or ends, and now and then finds one, whatever camera it is: Firefox aborts; Chromium loses the process that
# captures, and its page hears of a timeout. A person would start it anew.
MOST_STARTS = 3
CAPTURE_CRASH = "RaceDetected"  # in the last words of such a browser


@dataclass(frozen=True)
class Seen:
    """What a browser saw.

    Attributes:
        cameras: the labels it lists.
        error: what its camera API threw and the browser's last words, or "".
        failed_starts: how often the browser could not start the camera at first.
        crashes: how often the browser, or its capture process, ended by itself and was started anew.
        size: of the frames, (width, height) px.
        fps: frames drawn a second.
        numbers: of every frame drawn, in order.
        frames: of every tenth frame, its number and the colours of points: rows of x, y, red, green, blue.
    """

    cameras: tuple[str, ...] = ()
    error: str = ""
    failed_starts: int = 0
    crashes: int = 0
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
        BrowserEnded: the browser, or its capture process, crashed again and again.
    """
    for crashes in range(MOST_STARTS):
        try:
            return replace(_look_once(browser, environment, label, count, timeout_s), crashes=crashes)
        except BrowserEnded as ended:
            if crashes == MOST_STARTS - 1:
                raise
            print(ended)
    raise AssertionError("the last start either returns or raises")


def _look_once(browser: str, environment: dict[str, str], label: str, count: int, timeout_s: float) -> Seen:
    with PageServer(PAGE) as server, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile, log = Path(folder, "profile"), Path(folder, "log")
        profile.mkdir()
        command = _command(browser, profile, server.url(label=label, count=count))
        _, body = result_of(server, command, log, environment, timeout_s)
        return judged(_seen(json.loads(body)), last_words(log))


def judged(seen: Seen, words: str) -> Seen:
    """What a browser saw, its error followed by its last words.

    Raises:
        BrowserEnded: the error is that its capture process crashed.
    """
    if seen.error and CAPTURE_CRASH in words:
        raise BrowserEnded(f"its capture process crashed ({seen.error}): {words}")
    return replace(seen, error=f"{seen.error}; {words}") if seen.error else seen


def _seen(result: dict) -> Seen:
    frames = tuple((frame["number"], np.array(frame["points"])) for frame in result.get("frames", ()))
    return Seen(
        cameras=tuple(result.get("cameras", ())),
        error=result.get("error", ""),
        failed_starts=result.get("failedStarts", 0),
        size=tuple(result.get("size", (0, 0))),
        fps=result.get("fps", 0.0),
        numbers=tuple(result.get("numbers", ())),
        frames=frames,
    )


def _command(browser: str, profile: Path, url: str) -> list[str]:
    if browser == "chromium":
        return [browser, *CHROMIUM_FLAGS, f"--user-data-dir={profile}", url]
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in FIREFOX_PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    return [browser, "--headless", "--no-remote", "--profile", str(profile), url]
