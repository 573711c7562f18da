"""A page for a browser under test, and what the page sends back."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

_LAST_WORDS = 2000  # characters of a browser's log that an error quotes
_LOOK_S = 0.5  # between two looks whether the browser still runs


class BrowserEnded(Exception):
    """A browser ended before its page had posted; the message ends with the browser's last words."""


class PageServer(ThreadingHTTPServer):
    """Serves one page on this computer and takes the one thing that it posts.

    Attributes:
        posted: set when the page has posted.
        result: the path it posted to and the body.
    """

    def __init__(self, page: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = page.read_bytes()
        self.posted = threading.Event()
        self.result = ("", b"")

    def url(self, **query: object) -> str:
        """Where the page is, with what it is to know."""
        return f"http://127.0.0.1:{self.server_port}/?{urlencode(query)}"

    def __enter__(self) -> PageServer:
        threading.Thread(target=self.serve_forever, name="page server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        body = self.server.page if self.path.startswith("/?") else b""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.result = (self.path, self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.posted.set()


def result_of(
    server: PageServer, command: Sequence[str], log: Path, environment: Mapping[str, str] | None, timeout_s: float
) -> tuple[str, bytes]:
    """Run a browser until its page has posted; the path and the body.

    Raises:
        TimeoutError: the page posted nothing; the message ends with the browser's last words.
        BrowserEnded: the browser crashed.
    """
    until = time.monotonic() + timeout_s
    with _running(command, log, environment) as process:
        while not server.posted.wait(_LOOK_S):
            if process.poll() is not None and not server.posted.is_set():
                raise BrowserEnded(f"{command[0]} ended with {process.returncode}: {last_words(log)}")
            if time.monotonic() > until:
                raise TimeoutError(f"{command[0]} sent nothing within {timeout_s:g} s: {last_words(log)}")
    return server.result


def last_words(log: Path) -> str:
    """The end of a browser's log."""
    return log.read_text(errors="replace")[-_LAST_WORDS:]


@contextmanager
def _running(command: Sequence[str], log: Path, environment: Mapping[str, str] | None) -> Iterator[subprocess.Popen]:
    """A browser that ends with all its processes."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(3)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
