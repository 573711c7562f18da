"""Pictures at two sizes, S and 2S, and those of 2S in the form in which nets work on them: (B, 4C, S, S).

Such a picture is taken apart as ``pixel_unshuffle`` does it: the four pixels of a place stand beside each other.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_PLACES = 4  # pixels of 2S in one of S
_NEAR_AND_FAR = ((1, 3, 0), (0, 3, 1))  # quarters: what the two halves of a pixel take of its neighbours
_BILINEAR = torch.tensor([[[[v * h / 16 for h in x] for v in y]] for y in _NEAR_AND_FAR for x in _NEAR_AND_FAR])


def halve(x: Tensor) -> Tensor:
    """(B, C, 2S, 2S) -> (B, C, S, S), means of 2 x 2."""
    return functional.avg_pool2d(x, 2)


def enlarge(x: Tensor) -> Tensor:
    """(B, C, S, S) -> (B, C, 2S, 2S), bilinear."""
    return functional.pixel_shuffle(enlarged_apart(x), 2)


def enlarged_apart(x: Tensor) -> Tensor:
    """(B, C, S, S) -> (B, 4C, S, S): the bilinear enlargement taken apart, which is cheaper to make."""
    channels = x.shape[1]
    with torch.autocast(x.device.type, enabled=False):  # rounded, it would be noise in the finest detail
        padded = functional.pad(x.float(), (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(padded, _BILINEAR.to(x.device).repeat(channels, 1, 1, 1), groups=channels)


def by_place(apart: Tensor) -> Tensor:
    """(B, 4C, S, S) -> (B, C, 4, S, S)."""
    batch, channels, height, width = apart.shape
    return apart.reshape(batch, channels // _PLACES, _PLACES, height, width)
