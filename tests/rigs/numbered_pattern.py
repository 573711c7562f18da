"""Pictures that carry their own number, every other pixel of which follows from that number.

The number stands in 32 black or white blocks along the top edge and survives YUV, a browser's canvas and video codecs.
The rest is smooth, so that halved chroma changes it little: red along x and moving, green along y, blue by number.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

BLOCK_PX = 16
BITS = 32
SMALLEST_WIDTH = BLOCK_PX * BITS


def draw_pattern(number: int, width: int, height: int) -> np.ndarray:
    """One picture, uint8 (height, width, 3) BGR; width at least `SMALLEST_WIDTH`."""
    x, y = np.arange(width), np.arange(height)
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = 128 + 100 * np.sin(number / 20)
    image[..., 1] = (40 + 170 * y / (height - 1))[:, None]
    image[..., 2] = 128 + 90 * np.sin((x + 4 * number) * 2 * np.pi / width)
    bits = (number >> np.arange(BITS)) & 1
    image[:BLOCK_PX, :SMALLEST_WIDTH] = np.repeat(bits * 255, BLOCK_PX)[None, :, None]
    return image


def read_number(image: np.ndarray) -> int:
    """The number in a picture, uint8 (H, W, 3) or (H, W)."""
    row = image[BLOCK_PX // 2, BLOCK_PX // 2 : SMALLEST_WIDTH : BLOCK_PX]
    bits = (row.reshape(BITS, -1).mean(axis=1) > 127).astype(np.int64)
    return int((bits << np.arange(BITS)).sum())


def in_order(numbers: list[int]) -> bool:
    """Whether the numbers never go back."""
    return all(later >= earlier for earlier, later in pairwise(numbers))
