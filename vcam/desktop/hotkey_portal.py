"""Keys on Wayland by the desktop portal ``org.freedesktop.portal.GlobalShortcuts`` (KDE, GNOME, Hyprland)."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from dbus_fast import DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from vcam.config import Hotkey
from vcam.desktop.session_bus import call, call_bus, connect

BUS_NAME = "org.freedesktop.portal.Desktop"
PATH = "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
REQUEST = "org.freedesktop.portal.Request"
ANSWER_S = 120.0  # the desktop may ask the user
READY_S = 5.0  # without a portal the bus says so at once

log = logging.getLogger(__name__)


def trigger(key: Hotkey) -> str:
    """A key as the XDG shortcuts specification writes it: ``CTRL+ALT+f``."""
    names = {"Ctrl": "CTRL", "Alt": "ALT", "Shift": "SHIFT", "Super": "LOGO"}
    last = key.key.lower() if len(key.key) == 1 or key.key == "Space" else key.key
    return "+".join([names[name] for name in key.modifiers] + [last])


class PortalHotkeys:
    """Listens in a thread of its own until closed. The desktop may give other keys than those wished for.

    Args:
        keys: (name, what to call) by key.

    Raises:
        OSError: there is no session bus, or no portal that gives keys.
    """

    def __init__(self, keys: Mapping[Hotkey, tuple[str, Callable[[], None]]]) -> None:
        self._keys = keys
        self._calls = dict(keys.values())
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._errors: list[Exception] = []
        self._responses: dict[str, asyncio.Future[list[Any]]] = {}
        self._thread = threading.Thread(target=self._run, name="hotkeys", daemon=True)
        self._thread.start()
        self._started.wait(READY_S)
        if self._errors:
            self._thread.join(2.0)
            raise OSError(f"no portal for keys: {self._errors[0]}") from self._errors[0]

    def close(self) -> None:
        """Give the keys back."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(2.0)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._listen())
        except (OSError, EOFError, ValueError, DBusError, TimeoutError) as error:
            self._errors.append(error)
            log.info("portal: %s", error)
        finally:
            self._started.set()
            self._loop.close()

    async def _listen(self) -> None:
        bus = await connect()
        try:
            bus.add_message_handler(self._heard)
            for interface in (SHORTCUTS, REQUEST):
                await call_bus(bus, "AddMatch", f"type='signal',interface='{interface}'")
            binding = self._loop.create_task(self._bind(bus))
            stopping = self._loop.create_task(self._stop.wait())
            await asyncio.wait({binding, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if binding.done():
                binding.result()
                await stopping
            binding.cancel()
        finally:
            bus.disconnect()

    async def _bind(self, bus: MessageBus) -> None:
        session_token = f"facewarp_{uuid.uuid4().hex}"
        code, results = await self._request(
            bus, "CreateSession", "a{sv}", [], {"session_handle_token": Variant("s", session_token)}
        )
        if code != 0:
            raise OSError(f"the desktop refused (code {code})")
        session = results["session_handle"].value
        self._started.set()  # from here on the user may be asked, which can take long
        wished = [
            [name, {"description": Variant("s", _DESCRIPTIONS[name]), "preferred_trigger": Variant("s", trigger(key))}]
            for key, (name, _call) in self._keys.items()
        ]
        code, results = await self._request(bus, "BindShortcuts", "oa(sa{sv})sa{sv}", [session, wished, ""], {})
        if code != 0:
            log.warning("the desktop gave no keys (code %s)", code)

    async def _request(
        self, bus: MessageBus, method: str, signature: str, arguments: list[Any], options: dict[str, Variant]
    ) -> tuple[int, dict[str, Variant]]:
        """Call a portal method and wait for its Response; the waiter is there before the call, as the answer may be."""
        token = f"facewarp_{uuid.uuid4().hex}"
        sender = str(bus.unique_name).lstrip(":").replace(".", "_")
        path = f"{PATH}/request/{sender}/{token}"
        self._responses[path] = self._loop.create_future()
        body = [*arguments, options | {"handle_token": Variant("s", token)}]
        await call(bus, BUS_NAME, PATH, SHORTCUTS, method, signature, body)
        code, results = await asyncio.wait_for(self._responses[path], ANSWER_S)
        return int(code), results

    def _heard(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.interface == REQUEST and message.member == "Response":
            waiting = self._responses.get(str(message.path))
            if waiting is not None and not waiting.done():
                waiting.set_result(message.body)
        elif message.interface == SHORTCUTS and message.member == "Activated":
            pressed = self._calls.get(message.body[1])
            if pressed is not None:
                pressed()


_DESCRIPTIONS = {"toggle": "Switch the swap on or off", "next": "Wear the next face"}
