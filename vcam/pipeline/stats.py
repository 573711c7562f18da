"""Counts and times of a running pipeline: always on, bounded in memory, safe to read from any thread."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import psutil

from vcam.types import Shown

_NEWEST = 30  # values of about a second
_KEPT = 4096  # newest values kept for percentiles: over two minutes at 30 fps


@dataclass(frozen=True, slots=True)
class Used:
    """What was really used, whatever was asked for."""

    camera: str
    camera_asked: str
    camera_mode: str
    output: str
    output_mode: str
    engine: str
    provider: str


@dataclass(frozen=True, slots=True)
class Recent:
    """What is going on now.

    Attributes:
        at: seconds of the clock.
        sent: pictures so far.
        processed: frames so far.
        live: pictures so far that were fresh from the camera when they were sent.
        latency_ms: from the camera to the output, median of the newest second; 0 where there was none yet.
        stage_ms: the same by stage.
    """

    at: float
    sent: int
    processed: int
    live: int
    latency_ms: float
    stage_ms: dict[str, float]


def percentiles(values: Iterable[float], points: tuple[int, ...]) -> dict[str, float]:
    """``{"p50": ..., "p95": ...}`` in the values' unit, and 0 where there are no values."""
    kept = np.fromiter(values, np.float64)
    if len(kept) == 0:
        return {f"p{point}": 0.0 for point in points}
    return {f"p{point}": round(float(np.percentile(kept, point)), 2) for point in points}


def _newest(values: deque[float]) -> float:
    """Median of the last ones."""
    return percentiles((values[-1 - number] for number in range(min(_NEWEST, len(values)))), (50,))["p50"]


class Stats:
    """Collects what the threads report.

    Args:
        clock: seconds, as ``time.perf_counter``.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._process = psutil.Process()
        self._counts: Counter[str] = Counter()
        self._shown: Counter[Shown] = Counter()
        self._latency_ms: deque[float] = deque(maxlen=_KEPT)
        self._stage_ms: dict[str, deque[float]] = {}
        self._worst_latency_ms = 0.0
        self._live = 0
        self._last_shown: Shown | None = None
        self._began = clock()
        self._line_before = (self._began, 0, 0)
        self._cpu_began = self._cpu_s()
        self._rss_start = self._rss_max = self._rss_mb()

    def count(self, what: str, number: int = 1) -> None:
        """Add to a counter: captured, processed, failed, reopened."""
        with self._lock:
            self._counts[what] += number

    def stages(self, ms: dict[str, float]) -> None:
        """The milliseconds of one processed frame, by stage."""
        with self._lock:
            for name, value in ms.items():
                self._stage_ms.setdefault(name, deque(maxlen=_KEPT)).append(value)

    def sent(self, shown: Shown, latency_ms: float | None) -> None:
        """One picture left; ``latency_ms`` from camera to here, None if it was sent before."""
        with self._lock:
            self._shown[shown] += 1
            self._last_shown = shown
            if latency_ms is not None:
                self._live += 1
                self._latency_ms.append(latency_ms)
                self._worst_latency_ms = max(self._worst_latency_ms, latency_ms)
            if sum(self._shown.values()) % 32 == 0:
                self._rss_max = max(self._rss_max, self._rss_mb())

    def line(self) -> str:
        """Rates since the last call, and what is shown now, in a few words."""
        with self._lock:
            now, sent, processed = self._clock(), sum(self._shown.values()), self._counts["processed"]
            then, sent_then, processed_then = self._line_before
            self._line_before = (now, sent, processed)
            seconds = max(now - then, 1e-9)
            latency = percentiles(list(self._latency_ms)[-60:], (50,))["p50"]
            return (
                f"{self._last_shown or 'nothing yet'}, sending {(sent - sent_then) / seconds:.0f} fps, "
                f"swapping {(processed - processed_then) / seconds:.0f} fps, latency {latency:.0f} ms"
            )

    def recent(self) -> Recent:
        """The newest second; what is between two of these is a rate."""
        with self._lock:
            sent, processed = sum(self._shown.values()), self._counts["processed"]
            stages = {name: _newest(ms) for name, ms in self._stage_ms.items()}
            return Recent(self._clock(), sent, processed, self._live, _newest(self._latency_ms), stages)

    def report(self, dropped: int, used: Used) -> dict[str, object]:
        """Everything as plain values, in the form of ``--stats-json``."""
        with self._lock:
            seconds = max(self._clock() - self._began, 1e-9)
            sent = sum(self._shown.values())
            safe = self._shown[Shown.HELD] + self._shown[Shown.BLURRED] + self._shown[Shown.CARD]
            rss = self._rss_mb()
            self._rss_max = max(self._rss_max, rss)
            return {
                "seconds": round(seconds, 2),
                "frames_captured": self._counts["captured"],
                "frames_processed": self._counts["processed"],
                "frames_failed": self._counts["failed"],
                "frames_sent": sent,
                "frames_swapped": self._shown[Shown.SWAPPED],
                "frames_safe": safe,
                "frames_raw": self._shown[Shown.RAW],
                "frames_dropped": dropped,
                "safe_by_kind": {kind.value: self._shown[kind] for kind in (Shown.HELD, Shown.BLURRED, Shown.CARD)},
                "camera_reopened": self._counts["reopened"],
                "fps_sent": round(sent / seconds, 2),
                "fps_processed": round(self._counts["processed"] / seconds, 2),
                "latency_ms": percentiles(self._latency_ms, (50, 95, 99)) | {"max": round(self._worst_latency_ms, 2)},
                "stage_ms": {name: percentiles(ms, (50, 95)) for name, ms in self._stage_ms.items()},
                "rss_mb": {"start": round(self._rss_start, 1), "end": round(rss, 1), "max": round(self._rss_max, 1)},
                "cpu_percent": round((self._cpu_s() - self._cpu_began) / seconds * 100, 1),
                "used": asdict(used),
            }

    def _rss_mb(self) -> float:
        return float(self._process.memory_info().rss) / 2**20

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
