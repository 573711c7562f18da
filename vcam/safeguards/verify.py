"""Is there a mark in this video or picture? Thresholds, looks and the verdict.

Every look at the growing sum is one more chance of a false alarm, so each look gets its own share of the whole budget
of 1e-6: look number k may spend 6 / (pi * k)^2 of it, and all shares together are the budget. A payload whose check sum
is right, which chance gives once in 65,536 times and independently, lowers the bar.

The verdict never says that a picture is real: no mark means only that no mark was found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from vcam.safeguards.watermark_code import Payload
from vcam.safeguards.watermark_reader import (
    SEARCH_TESTS,
    WHOLE_WIDTH,
    Array,
    Match,
    Place,
    look_at_whole,
    residual,
    search,
    widths_for,
)
from vcam.types import Plane

FALSE_ALARMS = 1e-6  # per query, at most
SMALLEST_WIDTH = 320  # px; below it a cell of the pattern has less than two
FEWEST_FRAMES = 30  # a recording that is shorter may hold a mark too faint to be found
WINDOW_FRAMES = 300  # after so many frames the sum starts anew: the swap may have been switched on later
SEARCH_FRAMES = 90  # of a window, for the costly search
_LOOKS = (1, 5, 15, 30, 60, 150, WINDOW_FRAMES)
_CRC_CHANCE = 2.0**-16  # a bound: the fields that must be right as well pay for the decoder's tries


class Verdict(StrEnum):
    """What can be said."""

    PRESENT = "present"
    NOT_FOUND = "not found"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one query.

    Attributes:
        verdict: see there.
        reason: one sentence for the user.
        payload: what the mark says, where it could be read.
        z: strength of the best match, in standard deviations of a picture without a mark.
        least_z: strength that this match needed.
        false_alarm: a bound on the chance that a picture without a mark matches as well; 1 where nothing was found.
        place: where the pattern lies, where it was found.
        frames_read: how many frames were looked at.
        frames_needed: how many of them, counted from the start of their window, gave the answer.
    """

    verdict: Verdict
    reason: str
    payload: Payload | None = None
    z: float = 0.0
    least_z: float = 0.0
    false_alarm: float = 1.0
    place: Place | None = None
    frames_read: int = 0
    frames_needed: int | None = None


def least_z(tests: int, look: int, *, readable: bool) -> float:
    """The z that look number ``look`` (from 1) over ``tests`` places needs, with or without a readable payload."""
    share = 6 / (math.pi * look) ** 2
    chance = _CRC_CHANCE if readable else 1.0
    return math.sqrt(max(0.0, 2 * math.log(tests * chance / (FALSE_ALARMS * share))))


def verify(
    planes: Iterable[Plane],
    *,
    still: bool = False,
    search_too: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Finding:
    """Look for the mark.

    Args:
        planes: the luma planes of a recording in order, uint8 (H, W); one plane for a photo. They may change in size.
        still: this is a photo, so that one frame is all there can be.
        search_too: also look for cropped, scaled, inset and turned pictures, which takes seconds.
        progress: is told the number of frames read.
    """
    query = _Query(search_too)
    for plane in planes:
        found = query.see(plane)
        if progress:
            progress(query.frames)
        if found:
            return found
    return query.finish(still)


@dataclass(slots=True)
class _Query:
    """The sums of the present window, and how often they have been looked at."""

    search_too: bool
    frames: int = 0
    _looks: int = 0
    _window: int = 0
    _in_window: int = 0
    _size: tuple[int, ...] = ()
    _widest: int = 0
    _best: Match | None = None
    _unread: Finding | None = None
    _totals: dict[int, Array] = field(default_factory=dict)
    _whole: Array | None = None

    def see(self, luma: Plane) -> Finding | None:
        if luma.shape != self._size:
            found = self._close_window()
            if found:
                return found
            self._size, self._widest = luma.shape, max(self._widest, luma.shape[1])
        self.frames += 1
        self._in_window += 1
        self._add(luma)
        if self._in_window in _LOOKS:
            found = self._look()
            if found and found.payload:
                return found
            self._unread = self._unread or found  # more frames may make the payload readable
        return self._close_window() if self._in_window == WINDOW_FRAMES else None

    def finish(self, still: bool) -> Finding:
        found = self._close_window()
        if found:
            return found
        z = self._best.z if self._best else 0.0
        if self.frames == 0:
            reason, verdict = "there is no picture in it", Verdict.CANNOT_TELL
        elif self._widest < SMALLEST_WIDTH:
            reason = f"too small: {self._widest} px wide, at least {SMALLEST_WIDTH} are needed"
            verdict = Verdict.CANNOT_TELL
        elif self.frames < FEWEST_FRAMES and not still:
            reason = f"too short: {self.frames} frames, at least {FEWEST_FRAMES} are needed"
            verdict = Verdict.CANNOT_TELL
        else:
            reason = "no mark of this program was found; that does not mean that the picture is unaltered"
            verdict = Verdict.NOT_FOUND
        return Finding(verdict, reason, z=z, frames_read=self.frames)

    def _add(self, luma: Plane) -> None:
        whole = residual(luma, WHOLE_WIDTH)
        self._whole = whole if self._whole is None else self._whole + whole
        if not (self.search_too and self._searchable() and self._in_window <= SEARCH_FRAMES):
            return
        for width in widths_for(luma.shape[1]):
            part = whole if width == WHOLE_WIDTH else residual(luma, width)
            self._totals[width] = self._totals[width] + part if width in self._totals else part

    def _searchable(self) -> bool:
        """The costly search is for windows 0, 1, 2, 4, 8, ...: a long film is sampled."""
        return self._window & (self._window - 1) == 0

    def _close_window(self) -> Finding | None:
        found = None if self._in_window in _LOOKS else self._look()
        found = found or self._unread
        if found is None and self._totals:
            enough = least_z(SEARCH_TESTS, self._looks + 1, readable=True)
            found = self._judge(search(self._totals, enough))
        self._window += self._in_window > 0
        self._in_window, self._whole = 0, None
        self._totals.clear()
        return found

    def _look(self) -> Finding | None:
        return None if self._whole is None else self._judge(look_at_whole(self._whole))

    def _judge(self, match: Match) -> Finding | None:
        """One look: a finding if it is sure enough."""
        self._looks += 1
        if self._best is None or match.z > self._best.z:
            self._best = match
        needed = least_z(match.tests, self._looks, readable=match.payload is not None)
        if match.z < needed:
            return None
        chance = _CRC_CHANCE if match.payload else 1.0
        bound = float(np.exp(min(0.0, math.log(match.tests * chance) - match.z**2 / 2)))
        what = "the mark of this program was found" + ("" if match.payload else ", but what it says could not be read")
        return Finding(
            Verdict.PRESENT, what, match.payload, match.z, needed, bound, match.place, self.frames, self._in_window
        )
