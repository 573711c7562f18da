"""Slow work beside the window: a thread each time, the result back in the GUI thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from vcam.desktop.translate import Translate
from vcam.errors import VcamError

log = logging.getLogger(__name__)


def _nothing() -> None:
    """Nothing to put right."""


class Background(QObject):
    """Runs functions in threads.

    Args:
        failed: is told a sentence when one fails.
        tr: texts in the user's language.
    """

    _finished = Signal(object, object)

    def __init__(self, failed: Callable[[str], object], tr: Translate) -> None:
        super().__init__()
        self._failed, self._tr = failed, tr
        self._forgotten = False
        self._finished.connect(self._hand_over)

    def forget(self) -> None:
        """Nobody waits for what is still being done, nor for its failure."""
        self._forgotten = True

    def _hand_over(self, done: Callable[[Any], object], result: object) -> None:
        if not self._forgotten:
            done(result)

    def run(
        self, work: Callable[[], Any], done: Callable[[Any], object], gave_up: Callable[[], object] = _nothing
    ) -> None:
        """Do the work; ``done`` gets its result, in the GUI thread, where ``gave_up`` is called if it fails."""
        threading.Thread(target=self._work, args=(work, done, gave_up), name="panel work", daemon=True).start()

    def _work(self, work: Callable[[], Any], done: Callable[[Any], object], gave_up: Callable[[], object]) -> None:
        def tell(sentence: str) -> None:
            gave_up()
            self._failed(sentence)

        try:
            self._finished.emit(done, work())
        except VcamError as error:
            self._finished.emit(tell, str(error))
        except Exception:
            log.exception("work of the panel failed")
            self._finished.emit(tell, self._tr("That did not work; the log says why."))
