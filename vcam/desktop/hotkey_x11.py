"""Keys on X11 by key grab: nobody else gets the key, and a key that is taken is known."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable, Mapping

from Xlib import XK, X, display, error
from Xlib.protocol.event import KeyPress

from vcam.config import Hotkey

log = logging.getLogger(__name__)

_MASKS = {"Ctrl": X.ControlMask, "Alt": X.Mod1Mask, "Shift": X.ShiftMask, "Super": X.Mod4Mask}
_MATTERS = X.ControlMask | X.Mod1Mask | X.ShiftMask | X.Mod4Mask
_LOCKS = (0, X.LockMask, X.Mod2Mask, X.LockMask | X.Mod2Mask)  # CapsLock and NumLock do not matter
# Keycodes of the letters on a PC keyboard, for layouts that have no Latin letters (evdev numbering).
_PC_KEYCODES = {
    letter: first + place
    for first, row in ((24, "qwertyuiop"), (38, "asdfghjkl"), (52, "zxcvbnm"))
    for place, letter in enumerate(row)
}


class X11Hotkeys:
    """Listens in a thread of its own until closed.

    Args:
        keys: what to call for which key.
        display_name: of the X server; None is the one in the environment.

    Attributes:
        taken: the keys that another program holds; they do nothing here.

    Raises:
        OSError: there is no X server.
    """

    def __init__(self, keys: Mapping[Hotkey, Callable[[], None]], display_name: str | None = None) -> None:
        try:
            self._display = display.Display(display_name)
        except error.DisplayError as failure:
            raise OSError(f"no X server: {failure}") from failure
        self._root = self._display.screen().root
        self._calls: dict[tuple[int, int], Callable[[], None]] = {}
        self.taken: tuple[Hotkey, ...] = tuple(key for key, call in keys.items() if not self._grab(key, call))
        self._wake_read, self._wake_write = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="hotkeys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the keys back."""
        self._wake_write.close()
        self._thread.join(2.0)

    def _grab(self, key: Hotkey, call: Callable[[], None]) -> bool:
        code, mask = self._keycode(key.key), sum(_MASKS[name] for name in key.modifiers)
        refused = error.CatchError(error.BadAccess)
        for locks in _LOCKS:
            self._root.grab_key(code, mask | locks, True, X.GrabModeAsync, X.GrabModeAsync, onerror=refused)
        self._display.sync()
        if refused.get_error():
            for locks in _LOCKS:
                self._root.ungrab_key(code, mask | locks)
            self._display.sync()
            return False
        self._calls[code, mask] = call
        return True

    def _keycode(self, key: str) -> int:
        name = key.lower() if len(key) == 1 else {"Space": "space"}.get(key, key)
        code = self._display.keysym_to_keycode(XK.string_to_keysym(name))
        return int(code) or _PC_KEYCODES.get(name, 0)

    def _listen(self) -> None:
        try:
            while not self._wait_for_end():
                while self._display.pending_events():
                    event = self._display.next_event()
                    call = self._calls.get((event.detail, event.state & _MATTERS)) if _is_press(event) else None
                    if call is not None:
                        call()
        except (OSError, error.ConnectionClosedError) as failure:
            log.warning("the X server has gone: %s", failure)  # the session has ended
        self._wake_read.close()
        self._display.close()

    def _wait_for_end(self) -> bool:
        """Wait for the next event; True when it is the end."""
        ready, _, _ = select.select([self._display.fileno(), self._wake_read], [], [])
        return self._wake_read in ready


def _is_press(event: object) -> bool:
    return isinstance(event, KeyPress)
