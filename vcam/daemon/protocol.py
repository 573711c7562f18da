"""One line of JSON each way. Pure: bytes in, bytes out.

{"version": 1, "command": "face", "arguments": ["Ana"]}
{"version": 1, "ok": true, "state": {...}}    or    {"version": 1, "ok": false, "error": "one sentence"}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from vcam.errors import BadInput, VcamError

VERSION = 1
MAX_REQUEST_BYTES = 4096
MAX_REPLY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for."""

    command: str
    arguments: tuple[str, ...] = ()


def encode_request(request: Request) -> bytes:
    """A request as one line.

    Raises:
        BadInput: it is longer than a request may be.
    """
    plain = {"version": VERSION, "command": request.command, "arguments": list(request.arguments)}
    line = json.dumps(plain).encode() + b"\n"
    if len(line) > MAX_REQUEST_BYTES:
        raise BadInput(f"the command is too long: {len(line)} bytes, at most {MAX_REQUEST_BYTES}")
    return line


def decode_request(line: bytes) -> Request:
    """A request from one line.

    Raises:
        BadInput: the line is not a request of this version.
    """
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput("this is not a command: one line of JSON is expected") from None
    if not isinstance(plain, dict):
        raise BadInput("this is not a command: a JSON object is expected")
    if plain.get("version") != VERSION:
        raise BadInput(f"this program speaks version {VERSION}, the command is of version {plain.get('version')!r}")
    command, arguments = plain.get("command"), plain.get("arguments", [])
    if not isinstance(command, str) or not isinstance(arguments, list):
        raise BadInput("a command needs a text command and a list of arguments")
    if not all(isinstance(argument, str) for argument in arguments):
        raise BadInput("the arguments of a command must be texts")
    return Request(command, tuple(arguments))


def encode_reply(state: dict[str, object]) -> bytes:
    """The answer to a command that was carried out."""
    return json.dumps({"version": VERSION, "ok": True, "state": state}).encode() + b"\n"


def encode_error(sentence: str) -> bytes:
    """The answer to a command that was not."""
    return json.dumps({"version": VERSION, "ok": False, "error": sentence}).encode() + b"\n"


def decode_reply(line: bytes) -> dict[str, object]:
    """The state in a reply.

    Raises:
        BadInput: the reply is an error, or cannot be understood.
    """
    try:
        plain = json.loads(line)
        good = plain["ok"]
        result = plain["state"] if good else plain["error"]
    except (ValueError, KeyError, TypeError):
        raise BadInput("the running program gave no answer that can be understood; quit it and start again") from None
    if not good:
        raise BadInput(str(result))
    return dict(result)


Answer = Callable[[bytes], bytes]


def answer(line: bytes, execute: Callable[[Request], dict[str, object]]) -> bytes:
    """Carry out one line; whatever happens, the client gets a line back."""
    try:
        return encode_reply(execute(decode_request(line)))
    except VcamError as error:
        return encode_error(str(error))
