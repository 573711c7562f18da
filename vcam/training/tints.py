"""The generator's last step, which learns nothing: a swap gets no colour that the target's face has not.

A face's brightness says who it is; its colour is that of light and skin, and hardly changes from one pixel to the
next. What a small net paints of it beyond that (green brows and beards, red lids, streaks) are errors, which
recognisers forgive and people do not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vcam.training.scales import by_place, halve

_SKIN_REACH = 7  # of the maps, twice: so far round a place the skin's colour is looked for
_SMOOTH = 5  # of the maps, twice: a swap's colour changes no finer than this
_NEAR = 5  # of the maps: so near must the target have a tint for the swap to have it
_SLACK = 0.016  # 2 grey levels
_LEAST = 1e-3


def natural_colours(apart: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Swaps with their own brightness, and a colour that changes softly and stays near that of the target's skin.

    The share that each colour has of the skin's brightness is the target's, round each place. What the swap has beyond
    that is smoothed, and kept within what the target itself has beyond it nearby: lips, a blush, coloured light.

    Args:
        apart: (B, 12, S, S) RGB in -1..1, swaps of (B, 3, 2S, 2S) as ``pixel_unshuffle`` parts them; S is even.
        targets: (B, 3, S, S), the pictures before the swap.
        mask: (B, 1, S, S) 0..1, what is swapped.

    Returns:
        (B, 12, S, S), at places a little beyond -1..1.
    """
    with torch.autocast(apart.device.type, enabled=False):  # rounded, colours would come in steps
        return _natural_colours(apart.float(), targets.float(), mask.float())


def _natural_colours(apart: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    red, green, blue = apart.chunk(3, 1)
    bright, colour = (red + green + blue) / 3, by_place(apart).mean(2)  # (B, 4, S, S), (B, 3, S, S)
    maps = halve(torch.cat([targets, colour, mask], 1))  # (B, 7, S/2, S/2)
    own, made, weight = maps.split([3, 3, 1], 1)
    weight = weight + _LEAST
    own_bright, made_bright = own.mean(1, keepdim=True), made.mean(1, keepdim=True)
    own, made, own_bright, made_bright = own - own_bright, made - made_bright, own_bright + 1, made_bright + 1
    parts = _blurred(torch.cat([own, own_bright], 1) * weight, _SKIN_REACH)
    share = parts[:, :3] / parts[:, 3:].clamp_min(_LEAST**2)
    beyond, allowed = made - share * made_bright, own - share * own_bright
    parts = _blurred(torch.cat([beyond * weight, weight], 1), _SMOOTH)
    most = functional.max_pool2d(torch.cat([allowed, -allowed], 1), _NEAR, 1, _NEAR // 2) + _SLACK
    beyond = torch.maximum(torch.minimum(parts[:, :3] / parts[:, 3:], most[:, :3]), -most[:, 3:])
    beyond = beyond - beyond.mean(1, keepdim=True)
    maps = functional.interpolate(torch.cat([share + 1, beyond - 1], 1), scale_factor=2.0, mode="bilinear")
    gain, offset = maps.unsqueeze(2).split([3, 3], 1)  # (B, 3, 1, S, S)
    return (gain * (bright + 1).unsqueeze(1) + offset).reshape(apart.shape)


def _blurred(maps: Tensor, side: int) -> Tensor:
    """The mean of a square round each place, twice."""
    for _ in range(2):
        maps = functional.avg_pool2d(maps, side, 1, side // 2)
    return maps
