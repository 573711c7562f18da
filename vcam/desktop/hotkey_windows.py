"""Keys on Windows by RegisterHotKey: no hook in other programs, and a key that is taken is known."""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Callable, Mapping
from ctypes import wintypes
from typing import Any

from vcam.config import Hotkey

_MASKS = {"Alt": 0x1, "Ctrl": 0x2, "Shift": 0x4, "Super": 0x8}
_NO_REPEAT = 0x4000
_WM_HOTKEY, _WM_QUIT = 0x0312, 0x0012


def virtual_key(key: str) -> int:
    """Windows' number of a key: letters and digits as in ASCII, F1 from 0x70."""
    if key == "Space":
        return 0x20
    return ord(key) if len(key) == 1 else 0x6F + int(key[1:])


def _library(name: str) -> Any:
    return ctypes.WinDLL(name)  # type: ignore[attr-defined, unused-ignore]


class WindowsHotkeys:
    """Listens in a thread of its own until closed; Windows sends a key to the thread that registered it.

    Args:
        keys: what to call for which key.

    Attributes:
        taken: the keys that another program holds.
    """

    def __init__(self, keys: Mapping[Hotkey, Callable[[], None]]) -> None:
        if platform.system() != "Windows":
            raise OSError("RegisterHotKey is Windows' own")
        self.taken: tuple[Hotkey, ...] = ()
        self._keys, self._thread_id = keys, 0
        self._registered = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="hotkeys", daemon=True)
        self._thread.start()
        self._registered.wait(5.0)

    def close(self) -> None:
        """Give the keys back."""
        _library("user32").PostThreadMessageW(self._thread_id, _WM_QUIT, 0, 0)
        self._thread.join(2.0)

    def _listen(self) -> None:
        user32 = _library("user32")
        self._thread_id = _library("kernel32").GetCurrentThreadId()
        calls, taken = list(self._keys.values()), []
        for number, key in enumerate(self._keys):
            mask = sum(_MASKS[name] for name in key.modifiers) | _NO_REPEAT
            if not user32.RegisterHotKey(None, number, mask, virtual_key(key.key)):
                taken.append(key)
        self.taken = tuple(taken)
        self._registered.set()
        message = wintypes.MSG()
        while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            if message.message == _WM_HOTKEY:
                calls[message.wParam]()
