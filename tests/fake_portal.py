"""The desktop portal for keys, as far as a client sees it."""

# ruff: noqa: F722, F821, N802 - D-Bus writes its signatures as annotations and its methods in capitals

import asyncio

from dbus_fast import BusType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.message import Message
from dbus_fast.service import ServiceInterface, dbus_method

from vcam.desktop.hotkey_portal import BUS_NAME, PATH, REQUEST, SHORTCUTS


class FakePortal(ServiceInterface):
    """Answers as the portal does; ``press`` sends Activated."""

    def __init__(self, bus):
        super().__init__(SHORTCUTS)
        self.bus, self.bound = bus, asyncio.Event()
        self.shortcuts = []

    @dbus_method()
    async def CreateSession(self, options: "a{sv}") -> "o":
        self._respond(options, {"session_handle": Variant("s", f"{PATH}/session/x/y")})
        return self._path(options)

    @dbus_method()
    async def BindShortcuts(self, session: "o", shortcuts: "a(sa{sv})", parent: "s", options: "a{sv}") -> "o":
        self.shortcuts = shortcuts
        self._respond(options, {})
        self.bound.set()
        return self._path(options)

    def _path(self, options):
        sender = self.client.lstrip(":").replace(".", "_")
        return f"{PATH}/request/{sender}/{options['handle_token'].value}"

    def _respond(self, options, results):
        self._signal(self._path(options), REQUEST, "Response", "ua{sv}", [0, results])

    def press(self, name):
        self._signal(PATH, SHORTCUTS, "Activated", "osta{sv}", [f"{PATH}/session/x/y", name, 0, {}])

    def _signal(self, path, interface, member, signature, body):
        self.bus.send(Message.new_signal(path, interface, member, signature, body))


async def own_portal(address):
    """(bus, portal) on the session bus of that address."""
    bus = await MessageBus(bus_address=address, bus_type=BusType.SESSION).connect()
    portal = FakePortal(bus)

    def note_client(message):
        if message.interface == SHORTCUTS:
            portal.client = message.sender

    bus.add_message_handler(note_client)
    bus.export(PATH, portal)
    await bus.request_name(BUS_NAME)
    return bus, portal
