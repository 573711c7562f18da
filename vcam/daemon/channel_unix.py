"""The control channel on a Unix socket: one thread, never blocked by a client, closed to other users."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vcam.daemon.instance import refuse_foreign
from vcam.daemon.protocol import MAX_REPLY_BYTES, MAX_REQUEST_BYTES, Answer, decode_reply, encode_error
from vcam.errors import BadInput

MAX_CLIENTS, WAITING = 32, 128
CLIENT_S = 10.0  # a client that has done nothing for this long is sent away
REPLY_S = 5.0

log = logging.getLogger(__name__)


def socket_path(folder: Path) -> Path:
    """Where the socket lies."""
    return folder / "control.sock"


def peer_user(connection: socket.socket) -> int | None:
    """Number of the user at the other end; None where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None  # macOS: the folder's mode 0700 keeps others out
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", packed)[1])


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    heard_at: float
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    ending: bool = False  # gets its last answer and is heard no more


class UnixChannel:
    """Listens until closed. A socket left over by a killed program is replaced; the caller holds the lock.

    Args:
        path: of the socket.
        answer: one line in, one line out; quick.

    Raises:
        BadInput: the path belongs to another user, or cannot be listened on.
    """

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path, self._answer = path, answer
        self._clients: dict[int, _Client] = {}
        self._closing = False
        try:
            if path.exists():
                refuse_foreign(path)
                path.unlink()
            self._server = _listen(path)
        except OSError as error:
            raise BadInput(f"the control socket {path} cannot be made ({error.strerror or error})") from error
        self._wake_read, self._wake_write = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._selector.register(self._server, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. May be called twice, not by a command's own thread."""
        if not self._closing:
            self._closing = True
            with contextlib.suppress(OSError):  # the thread has seen the end by itself and closed it
                self._wake_write.send(b"x")
        if threading.current_thread() is not self._thread:
            self._thread.join(2.0)

    def _serve(self) -> None:
        while not self._closing:
            for key, events in self._selector.select(CLIENT_S / 2 if self._clients else None):
                if key.fileobj is self._server:
                    self._accept()
                elif client := self._clients.get(key.fd):
                    self._attend(client, events)
            self._send_away_idle()
        for client in list(self._clients.values()):
            self._write(client)
            self._drop(client)
        for opened in (self._selector, self._server, self._wake_read, self._wake_write):
            opened.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError:
            return  # gone before we could answer
        connection.setblocking(False)
        if len(self._clients) >= MAX_CLIENTS:
            self._drop(min(self._clients.values(), key=lambda client: client.heard_at))
        client = _Client(connection, time.monotonic())
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ)
        if peer_user(connection) not in (None, os.getuid()):
            self._finish(client, "this program belongs to another user")

    def _attend(self, client: _Client, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write(client)
        elif events & selectors.EVENT_READ:
            self._read(client)

    def _read(self, client: _Client) -> None:
        try:
            received = client.connection.recv(MAX_REQUEST_BYTES)
        except OSError:
            received = b""
        if not received:
            self._drop(client)
            return
        if client.ending:
            return  # thrown away: closing with unread bytes would take back the answer as well
        client.heard_at = time.monotonic()
        client.incoming += received
        while (end := client.incoming.find(b"\n")) >= 0 and not client.ending:
            line = bytes(client.incoming[:end])
            del client.incoming[: end + 1]
            client.outgoing += self._answered(line)
        if len(client.incoming) > MAX_REQUEST_BYTES:
            self._finish(client, f"a command is one line of at most {MAX_REQUEST_BYTES} bytes")
            return
        if len(client.outgoing) > MAX_REPLY_BYTES:  # asks, but never reads the answers
            self._drop(client)
            return
        self._write(client)

    def _answered(self, line: bytes) -> bytes:
        try:
            return self._answer(line)
        except Exception:
            log.exception("a command failed")
            return encode_error("the command failed inside the program; its log says why (see: facewarp doctor)")

    def _finish(self, client: _Client, sentence: str) -> None:
        client.ending = True
        client.outgoing += encode_error(sentence)
        self._write(client)

    def _write(self, client: _Client) -> None:
        try:
            if client.outgoing:
                del client.outgoing[: client.connection.send(client.outgoing)]
            if client.ending and not client.outgoing:
                client.connection.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass  # full: the rest goes out when there is room
        except OSError:
            self._drop(client)
            return
        wanted = selectors.EVENT_WRITE if client.outgoing else selectors.EVENT_READ
        self._selector.modify(client.connection, wanted)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection.fileno(), None) is not None:
            self._selector.unregister(client.connection)
            client.connection.close()

    def _send_away_idle(self) -> None:
        oldest = time.monotonic() - CLIENT_S
        for client in [c for c in self._clients.values() if c.heard_at < oldest]:
            self._drop(client)


def _listen(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the socket is born 0600
    try:
        server.bind(str(path))
    finally:
        os.umask(before)
    server.listen(WAITING)
    server.setblocking(False)
    return server


def ask(path: Path, line: bytes) -> dict[str, object] | None:
    """Send one line to the running program; its state, or None when no program listens.

    Raises:
        BadInput: the socket is another user's, the program refuses, or gives no answer in time.
    """
    try:
        refuse_foreign(path)
    except FileNotFoundError:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(REPLY_S)
        try:
            _connect(connection, path)
            if peer_user(connection) not in (None, os.getuid()):
                raise BadInput(f"the program behind {path} belongs to another user; it gets no commands from here")
            connection.sendall(line)
            return decode_reply(_read_line(connection.recv))
        except (FileNotFoundError, ConnectionRefusedError):
            return None  # left over by a program that was killed
        except OSError as error:
            raise BadInput(f"the running program does not answer ({error}); end it and start it again") from error


def _connect(connection: socket.socket, path: Path) -> None:
    """Connect; while too many others are waiting, a Unix socket refuses at once instead of waiting its time."""
    give_up_at = time.monotonic() + REPLY_S
    while True:
        try:
            connection.connect(str(path))
            return
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.02)


def _read_line(receive: Callable[[int], bytes]) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) <= MAX_REPLY_BYTES:
        received = receive(65536)
        if not received:
            break
        line += received
    return line
