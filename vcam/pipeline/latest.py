"""A one-place mailbox between two threads: putting never blocks, the newest wins, what it replaces is counted."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Holds at most one item.

    Attributes:
        dropped: how many items were replaced before anybody took them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._woken = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Leave an item, in place of the one that nobody has taken yet."""
        with self._changed:
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """The newest item, waited for at most ``timeout_s``; None if there is none, or `wake` was called."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._woken, timeout_s)
            item, self._item, self._woken = self._item, None, False
            return item

    def wake(self) -> None:
        """End the wait of `take` without an item: there is something else to see to."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def clear(self) -> None:
        """Throw away what nobody has taken, without counting it."""
        with self._changed:
            self._item = None
