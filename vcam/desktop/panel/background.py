"""Slow work beside the window: a thread each time, the result back in the GUI thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from vcam.errors import VcamError

log = logging.getLogger(__name__)


class Background(QObject):
    """Runs functions in threads.

    Args:
        failed: is told a sentence when one fails.
    """

    _finished = Signal(object, object)

    def __init__(self, failed: Callable[[str], object]) -> None:
        super().__init__()
        self._failed = failed
        self._finished.connect(lambda done, result: done(result))

    def run(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
        """Do the work; ``done`` gets its result, in the GUI thread."""
        threading.Thread(target=self._work, args=(work, done), name="panel work", daemon=True).start()

    def _work(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
        try:
            self._finished.emit(done, work())
        except VcamError as error:
            self._finished.emit(self._failed, str(error))
        except Exception:
            log.exception("work of the panel failed")
            self._finished.emit(self._failed, "That did not work; the log says why.")
