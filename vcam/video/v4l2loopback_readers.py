"""Who has the devices of v4l2loopback open: what the kernel tells of it without root."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LinuxFolders:
    """Where the kernel shows its devices; tests give their own."""

    devices: Path = Path("/dev")
    labels: Path = Path("/sys/class/video4linux")
    module: Path = Path("/sys/module/v4l2loopback")
    processes: Path = Path("/proc")


LINUX = LinuxFolders()


def count_module_openings(folders: LinuxFolders = LINUX) -> int | None:
    """How often the module's devices are open, by whomever; None where the kernel does not say."""
    text = read_text(folders.module / "refcnt")
    return int(text) if text.lstrip("-").isdigit() else None


def read_text(path: Path) -> str:
    """A small file of the kernel without its line end; empty if it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class ReaderWatch:
    """Finds out whether another process has our device open, at most once a second.

    The module's reference count says at no cost how often its devices are open. Only when that is more than our own
    openings are the processes looked through. Those of other users cannot be looked into without root: if an opening
    stays unexplained, the answer is None.
    """

    def __init__(
        self,
        device: Path,
        folders: LinuxFolders = LINUX,
        every_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = str(device)
        # Devices of v4l2loopback hang on no hardware, so the kernel shows no "device" link for them.
        virtual = [folder.name for folder in folders.labels.glob("video*") if not (folder / "device").exists()]
        self._loopbacks = {str(device), *(str(folders.devices / name) for name in virtual)}
        self._folders, self._every_s, self._clock = folders, every_s, clock
        self._asked_at_s = -float("inf")
        self._answer: bool | None = None

    def watched(self) -> bool | None:
        """Whether somebody reads; None where that cannot be known."""
        now_s = self._clock()
        if now_s - self._asked_at_s >= self._every_s:
            self._asked_at_s = now_s
            self._answer = self._look()
        return self._answer

    def _look(self) -> bool | None:
        total = count_module_openings(self._folders)
        own = self._openings(self._folders.processes / "self")
        if total is not None and total <= len(own or ()):
            return False
        explained, hidden = len(own or ()), False
        for folder in self._folders.processes.glob("[0-9]*"):
            if folder.name == str(os.getpid()):
                continue
            openings = self._openings(folder)
            if openings is None:
                hidden = True
            elif self._device in openings:
                return True
            else:
                explained += len(openings)
        unexplained = hidden if total is None else total > explained
        return None if unexplained else False

    def _openings(self, process: Path) -> list[str] | None:
        """The loopback devices a process has open, one entry for each opening; None if we may not look."""
        try:
            descriptors = list((process / "fd").iterdir())
        except PermissionError:
            return None
        except OSError:  # it has ended
            return []
        targets = []
        for descriptor in descriptors:
            try:
                targets.append(str(descriptor.readlink()))
            except OSError:  # closed meanwhile
                continue
        return [target for target in targets if target in self._loopbacks]
