"""Calls on the session bus, shared by the portal client and the self-check."""

from __future__ import annotations

from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

_BUS = "org.freedesktop.DBus"


async def connect() -> MessageBus:
    """The session bus.

    Raises:
        OSError, EOFError, ValueError: there is none.
    """
    return await MessageBus(bus_type=BusType.SESSION).connect()


async def call(
    bus: MessageBus, destination: str, path: str, interface: str, member: str, signature: str, body: list[Any]
) -> list[Any]:
    """What a method returns.

    Raises:
        OSError: it refuses, or nobody has that name.
    """
    reply = await bus.call(
        Message(destination=destination, path=path, interface=interface, member=member, signature=signature, body=body)
    )
    if reply is None or reply.message_type is MessageType.ERROR:
        raise OSError(str(reply.body[0] if reply and reply.body else member))
    return list(reply.body)


async def call_bus(bus: MessageBus, member: str, argument: str) -> list[Any]:
    """A method of the bus itself with one text."""
    return await call(bus, _BUS, "/org/freedesktop/DBus", _BUS, member, "s", [argument])


async def is_owned(name: str) -> bool:
    """Whether some program has that name."""
    bus = await connect()
    try:
        return bool((await call_bus(bus, "NameHasOwner", name))[0])
    finally:
        bus.disconnect()
