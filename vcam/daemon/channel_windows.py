"""The control channel on a named pipe of this user: Windows keeps other users from writing to it."""

from __future__ import annotations

import getpass
import logging
import threading
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from vcam.daemon.protocol import MAX_REPLY_BYTES, MAX_REQUEST_BYTES, Answer, decode_reply, encode_error
from vcam.errors import BadInput

REPLY_S = 5.0

log = logging.getLogger(__name__)


def pipe_name(_folder: Path) -> str:
    """The pipe's address."""
    return rf"\\.\pipe\facewarp-cam-{getpass.getuser()}"


class PipeChannel:
    """Listens until closed; a thread for each client, so that a slow one keeps only itself waiting.

    Args:
        address: as ``pipe_name`` gives it.
        answer: one line in, one line out; quick.
    """

    def __init__(self, address: str, answer: Answer) -> None:
        self._address, self._answer = address, answer
        self._closing = threading.Event()
        try:
            self._listener = Listener(address, family="AF_PIPE")
        except OSError as error:
            raise BadInput(f"the control pipe {address} cannot be made ({error})") from error
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        try:
            Client(self._address, family="AF_PIPE").close()  # ends the accept that still waits
        except OSError as error:
            log.debug("the control pipe had gone already: %s", error)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection = self._listener.accept()
            except OSError as error:
                log.warning("control pipe: %s", error)
                return
            threading.Thread(target=self._attend, args=(connection,), name="control client", daemon=True).start()

    def _attend(self, connection: Connection) -> None:
        with connection:
            try:
                line = connection.recv_bytes(MAX_REQUEST_BYTES)
                connection.send_bytes(self._answered(line))
            except (OSError, EOFError) as error:
                log.debug("a client went away: %s", error)

    def _answered(self, line: bytes) -> bytes:
        try:
            return self._answer(line)
        except Exception:
            log.exception("a command failed")
            return encode_error("the command failed inside the program; its log says why (see: facewarp doctor)")


def ask(address: str, line: bytes) -> dict[str, object] | None:
    """Send one line to the running program; its state, or None when no program listens.

    Raises:
        BadInput: the program refuses, or gives no answer in time.
    """
    try:
        connection = Client(address, family="AF_PIPE")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"the control pipe {address} cannot be opened ({error})") from error
    with connection:
        try:
            connection.send_bytes(line)
            if not connection.poll(REPLY_S):
                raise BadInput("the running program does not answer; end it and start it again")
            return decode_reply(connection.recv_bytes(MAX_REPLY_BYTES))
        except (OSError, EOFError) as error:
            raise BadInput(f"the running program does not answer ({error}); end it and start it again") from error
