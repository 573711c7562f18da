"""A place for a content guard: a judge of the camera's picture, at most once a second, off the frame path.

No guard is shipped: none was found that is small, free to pass on and measured. A guard is a function from a picture to
a share of certainty; who has one hands it to ``Guard``. The program never pretends to have one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from vcam.types import Image

Judge = Callable[[Image], float]
"""How sure the judge is, 0..1, that uint8 (H, W, 3) BGR must not be worn by another face."""

PERIOD_S = 1.0
_HITS, _OF = 2, 3  # this many of the last looks must agree: one false alarm stops nobody
_SURE = 0.85

_LOG = logging.getLogger(__name__)


def guard_state(judge: Judge | None) -> str:
    """One sentence for the interface."""
    return "no content guard is installed" if judge is None else "a content guard looks at the camera once a second"


class Guard:
    """Looks now and then at the newest frame, in a thread of its own. Use with ``with``.

    Args:
        judge: see ``Judge``; a judge that raises counts as one that saw nothing, and says so in the log.
        on_hit: is called from the guard's thread whenever the swap must stop. No picture is kept.
        period_s: seconds between two looks, at least 1.
    """

    def __init__(self, judge: Judge, on_hit: Callable[[], None], period_s: float = PERIOD_S) -> None:
        self._judge, self._on_hit, self._period_s = judge, on_hit, period_s
        self._looks: deque[bool] = deque(maxlen=_OF)
        self._changed = threading.Condition()
        self._image: Image | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)

    def __enter__(self) -> Guard:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def see(self, image: Image) -> None:
        """Offer the newest frame; costs nothing and copies nothing. The array must not be changed afterwards."""
        with self._changed:
            if self._image is None:
                self._image = image
                self._changed.notify()

    def _run(self) -> None:
        next_look = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._image is not None)
                self._changed.wait_for(lambda: self._stopping, max(0.0, next_look - time.monotonic()))
                if self._stopping:
                    return
                image, self._image = self._image, None
            next_look = time.monotonic() + self._period_s
            if image is not None and self._is_hit(image):
                self._looks.clear()
                self._on_hit()

    def _is_hit(self, image: Image) -> bool:
        try:
            self._looks.append(self._judge(image) >= _SURE)
        except Exception:  # noqa: BLE001 - a foreign model must not end the camera
            _LOG.warning("the content guard failed on a frame", exc_info=True)
            self._looks.append(False)
        return sum(self._looks) >= _HITS
