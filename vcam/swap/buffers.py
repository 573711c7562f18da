"""Memory that is used again for every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Buffers:
    """Named uint8 buffers whose size may change from frame to frame.

    A face's region has another size in every frame. Fresh memory of that size is handed out by the system page
    by page, which costs more than the arithmetic done in it; so each buffer only ever grows.
    """

    def __init__(self) -> None:
        self._bytes: dict[str, NDArray[np.uint8]] = {}

    def take(self, name: str, *shape: int) -> NDArray[np.uint8]:
        """A contiguous uint8 array of this shape; its content is whatever was left there."""
        count = int(np.prod(shape))
        held = self._bytes.get(name)
        if held is None or held.size < count:
            held = self._bytes[name] = np.empty(count + count // 4, np.uint8)
        return held[:count].reshape(shape)
