"""The tray by pystray: AppIndicator, GTK or plain X on Linux, the systems' own on Windows and macOS."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from vcam.config import TrayBackend
from vcam.daemon.state import State
from vcam.desktop.icon import draw_icon
from vcam.desktop.menu import Action, Item, Menu, tooltip
from vcam.desktop.translate import Translate

ICON_PX = 64
REDOCK_S = 5.0

log = logging.getLogger(__name__)


class PystrayTray:
    """See ``vcam.desktop.tray.Tray``.

    Args:
        backend: one of pystray's; NATIVE leaves the choice to pystray.
        menu_of: the menu for a state.
        act: takes the action of a chosen item.
        tr: texts in the user's language.
    """

    def __init__(
        self,
        backend: TrayBackend,
        menu_of: Callable[[State], Menu],
        act: Callable[[Action], None],
        tr: Translate,
    ) -> None:
        if backend is not TrayBackend.NATIVE:
            os.environ["PYSTRAY_BACKEND"] = backend.value
        import pystray  # chooses its backend when it is imported

        self._pystray = pystray
        self._backend, self._menu_of, self._act, self._tr = backend, menu_of, act, tr
        self._stopped = threading.Event()
        self._ready = threading.Event()
        self._state: State | None = None
        self._icon: Any = None

    def run(self) -> None:
        """Show the icon until ``stop``.

        The icon has a thread of its own, where its library cannot take the signals from Python. On macOS it must
        have the main thread.
        """
        if sys.platform == "darwin":
            self._run_icon()
            return
        thread = threading.Thread(target=self._run_icon, name="tray", daemon=True)
        thread.start()
        while not self._stopped.wait(REDOCK_S):
            if self._backend is TrayBackend.XORG:
                self._dock_again()
        if self._icon is not None:
            self._icon.stop()
        thread.join(2.0)

    def show(self, state: State) -> None:
        """The state has changed."""
        mood_before = self._state.mood if self._state else None
        self._state = state
        if not self._ready.is_set():
            return
        if state.mood is not mood_before:
            self._icon.icon = self._picture(state)
        self._icon.title = tooltip(state, self._tr)
        self._icon.menu = self._menu(self._menu_of(state))

    def tell(self, sentence: str) -> None:
        """Show a message where the backend can."""
        if self._ready.is_set() and self._icon.HAS_NOTIFICATION:
            self._icon.notify(sentence, "FaceWarp Cam")

    def stop(self) -> None:
        """End ``run``."""
        self._stopped.set()
        if sys.platform == "darwin" and self._icon is not None:
            self._icon.stop()

    def _run_icon(self) -> None:
        state = self._state
        if state is None:
            raise RuntimeError("show() must come before run()")
        menu = self._menu(self._menu_of(state))
        self._icon = self._pystray.Icon("facewarp-cam", self._picture(state), tooltip(state, self._tr), menu)
        if self._backend is TrayBackend.XORG:
            _let_clicks_arrive(self._icon)
        self._icon.run(setup=self._shown)

    def _shown(self, icon: Any) -> None:
        icon.visible = True
        self._ready.set()
        if self._state is not None:
            self.show(self._state)

    def _dock_again(self) -> None:
        """Pystray's X backend gives up when no tray is there at the start; look again now and then."""
        if self._ready.is_set() and self._icon._systray_manager is None and self._state is not None:
            self._icon.icon = self._picture(self._state)

    def _picture(self, state: State) -> Any:
        from PIL import Image

        return Image.fromarray(draw_icon(state.mood, ICON_PX), "RGBA")

    def _menu(self, items: Menu) -> Any:
        return self._pystray.Menu(*(self._item(item) for item in items))

    def _item(self, item: Item | None) -> Any:
        if item is None:
            return self._pystray.Menu.SEPARATOR
        if item.children:
            return self._pystray.MenuItem(item.text, self._menu(item.children), enabled=item.enabled)
        checked = None if item.checked is None else (lambda _, checked=item.checked: checked)
        return self._pystray.MenuItem(
            item.text, self._chosen(item), checked, item.radio, default=item.default, enabled=item.enabled
        )

    def _chosen(self, item: Item) -> Callable[[Any, Any], None]:
        def chosen(_icon: Any, _item: Any) -> None:
            if item.action is not None:
                self._act(item.action)

        return chosen


def _let_clicks_arrive(icon: Any) -> None:
    """Pystray's X backend never asks for button presses, so a click on its icon does nothing."""
    from Xlib import X

    mask = X.ExposureMask | X.StructureNotifyMask | X.ButtonPressMask
    icon._window.change_attributes(event_mask=mask)
