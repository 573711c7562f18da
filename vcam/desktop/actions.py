"""What choosing a menu item or pressing a key does: done one after the other in a thread of its own.

The desktop's event loop only puts an action on the queue, so that nothing slow or broken can freeze it.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from vcam.config import Engine
from vcam.daemon.commands import DEEDS
from vcam.daemon.daemon import Daemon
from vcam.desktop.autostart import set_autostart
from vcam.desktop.menu import Action
from vcam.errors import VcamError
from vcam.types import BadgeMode, Safe

log = logging.getLogger(__name__)


def toggle_autostart(_daemon: Daemon, _value: str) -> None:
    """Start with the session, or no longer."""
    set_autostart()


MORE_DEEDS: dict[str, Callable[[Daemon, str], None]] = {
    "engine": lambda daemon, value: daemon.choose_engine(Engine(value)),
    "preset": lambda daemon, value: daemon.choose_preset(value),
    "safe": lambda daemon, value: daemon.choose_safe(Safe(value)),
    "badge": lambda daemon, value: daemon.choose("safeguards.badge", BadgeMode(value)),
    "autostart": toggle_autostart,
}


class Actions:
    """Takes actions from any thread.

    Args:
        daemon: they act on.
        tell: shows a sentence to the user.
        extra: deeds of the desktop itself, by name.
    """

    def __init__(
        self, daemon: Daemon, tell: Callable[[str], None], extra: dict[str, Callable[[Daemon, str], None]]
    ) -> None:
        self._daemon, self._tell = daemon, tell
        self._deeds = DEEDS | MORE_DEEDS | extra
        self._queue: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="desktop actions", daemon=True)
        self._thread.start()

    def put(self, action: Action) -> None:
        """Do it soon; returns at once."""
        self._queue.put(action)

    def close(self) -> None:
        """Do what is queued, and end."""
        self._queue.put(None)
        self._thread.join(2.0)

    def _work(self) -> None:
        while (action := self._queue.get()) is not None:
            try:
                self._deeds[action.name](self._daemon, action.value)
            except VcamError as error:
                self._tell(str(error))
            except Exception:
                log.exception("the action %s failed", action.name)
                self._tell("That did not work; the log says why.")
