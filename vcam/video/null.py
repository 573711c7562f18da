"""Outputs without a device: one that only counts, one that remembers, for benchmarks and tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from vcam.errors import OutputLost
from vcam.types import Image, VideoMode
from vcam.video.colour import check_image


class NullOutput:
    """Takes pictures and forgets them; an `Output`."""

    name = "null"

    def __init__(self, mode: VideoMode) -> None:
        self.mode = mode
        self.sent = 0

    def send(self, image: Image) -> None:
        """Count one picture."""
        check_image(image, self.mode)
        self.sent += 1

    def watched(self) -> bool:
        """Always: what is measured must be made."""
        return True

    def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One picture as it arrived.

    Attributes:
        kept: what `RecordingOutput.keep` made of the picture.
        at_s: the clock's time of arrival.
    """

    kept: object
    at_s: float


class RecordingOutput:
    """Remembers what was sent, and fails where it is told to; the fake of every test that needs an `Output`."""

    name = "recording"

    def __init__(
        self,
        mode: VideoMode,
        *,
        keep: Callable[[Image], object] | None = None,
        lost_at: Collection[int] = (),
        watched: bool | None = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Prepare an empty record.

        Args:
            mode: the size that every picture must have.
            keep: what to remember of a picture; a copy by default, a digest for long runs.
            lost_at: numbers of the `send` calls (from 0) that raise `OutputLost`.
            watched: what `watched` answers, until `set_watched`.
            clock: seconds.
        """
        self.mode = mode
        self.closed = False
        self._keep = keep or (lambda image: image.copy())
        self._lost_at = frozenset(lost_at)
        self._watched = watched
        self._clock = clock
        self._calls = 0
        self._sent: list[Sent] = []
        self._arrival = threading.Condition()

    @property
    def sent(self) -> tuple[Sent, ...]:
        """Everything that arrived so far, in order."""
        with self._arrival:
            return tuple(self._sent)

    def send(self, image: Image) -> None:
        """Remember one picture. See `Output.send`."""
        check_image(image, self.mode)
        with self._arrival:
            if self.closed:
                raise OutputLost("the recording output is closed")
            self._calls += 1
            if self._calls - 1 in self._lost_at:
                raise OutputLost(f"the recording output was told to be lost at picture {self._calls - 1}")
            self._sent.append(Sent(self._keep(image), self._clock()))
            self._arrival.notify_all()

    def wait_for(self, count: int, timeout_s: float = 5.0) -> bool:
        """Wait until ``count`` pictures have arrived; False after the timeout."""
        with self._arrival:
            return self._arrival.wait_for(lambda: len(self._sent) >= count, timeout_s)

    def watched(self) -> bool | None:
        """What was set."""
        return self._watched

    def set_watched(self, watched: bool | None) -> None:
        """Let a reader come or go."""
        self._watched = watched

    def close(self) -> None:
        """Take nothing more."""
        with self._arrival:
            self.closed = True
