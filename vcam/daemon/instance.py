"""One instance per user: the folder of the control socket, and the lock that tells whether a program runs."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from vcam.errors import BadInput

NAME = "facewarp-cam"


def runtime_folder() -> Path:
    """The folder of socket and lock: ours, and closed to everybody else.

    Raises:
        BadInput: it belongs to another user, or cannot be made.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(given) / NAME if given else Path(tempfile.gettempdir()) / f"{NAME}-{user_id()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_foreign(folder)
        folder.chmod(0o700)
    except OSError as error:
        raise BadInput(
            f"the folder {folder} for the control socket cannot be made ({error.strerror}); set XDG_RUNTIME_DIR"
        ) from error
    return folder


def user_id() -> int:
    """The number of this user; 0 on Windows, where pipes carry their owner themselves."""
    return 0 if sys.platform == "win32" else os.getuid()


def refuse_foreign(path: Path) -> None:
    """Refuse a folder or socket that somebody else has put in our place.

    Raises:
        BadInput: it belongs to another user or is a link.
        OSError: it is not there.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise BadInput(f"{path} is a link; remove it: rm {path}")
    if sys.platform != "win32" and found.st_uid != os.getuid():
        raise BadInput(
            f"{path} belongs to another user (number {found.st_uid}); set XDG_RUNTIME_DIR to a folder of yours"
        )


class InstanceLock:
    """Held as long as the program runs; the system lets go of it however the program ends.

    Args:
        folder: as ``runtime_folder`` gives it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Take it; False when another program of this user has it."""
        file = self._path.open("ab")
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
