"""Starting programs in the background and waiting for what they do."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Ask again and again until something outside this process has happened.

    Raises:
        TimeoutError: it has not.
    """
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.03)


class Processes:
    """Programs that run in the background, each with a log file, stopped in reverse order."""

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self._logs, self._environment = logs, environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program in a group of its own."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                env=self._environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._running[name]

    def adopt(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Look after a program that was started elsewhere."""
        self._running[name] = process

    def log(self, name: str) -> Path:
        """Where a program's words go."""
        return self._logs / f"{name}.log"

    def stop(self, name: str) -> None:
        """End one program, kindly at first."""
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        """End all of them, the last one first."""
        for name in reversed(list(self._running)):
            self.stop(name)
