"""The log file: rotates, and holds no pictures, no names of faces and no file names of photos."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

import platformdirs

from vcam.safeguards.quiet import QuietFormatter

MAX_BYTES, KEPT_FILES = 512 * 1024, 3


def log_path() -> Path:
    """Where the log is."""
    return Path(platformdirs.user_log_dir("facewarp-cam", appauthor=False)) / "facewarp.log"


def start_logging(path: Path) -> None:
    """Write the program's log to a file; without one where the folder cannot be written.

    Only our own loggers are written: what other libraries log may hold anything.
    """
    logger = logging.getLogger("vcam")
    logger.setLevel(logging.INFO)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
        )
    except OSError as error:
        logger.warning("there is no log file: %s", error)
        return
    handler.setFormatter(QuietFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
