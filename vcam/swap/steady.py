"""Steadiness over time, inside the aligned crop: colour match and texture do not flicker.

The landmarks' smoothing steadies where the crop lies; what is left is the generator's own tremble from frame to
frame. The last steadied swap is moved along with the target's optical flow and mixed into the new one, wherever
the moved target shows that nothing else has changed there: a blink or an opening mouth is never mixed.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.imaging import ColourStats, apply_colour, colour_transfer, measure_colour
from vcam.swap.buffers import Buffers
from vcam.swap.crop import shrink_crop
from vcam.types import Image, Mask, Plane

COLOUR_TIME_S = 0.25  # time constant of the colour match; light changes slower, noise faster
GAP_S = 0.3  # after a longer gap the past says nothing

FLOW_SIDE_PX = 128  # flow and mixing at 256 px cost four times as much and steady no better
MIX_STILL = 0.6  # share of the past where the target has not changed
CHANGE_FULL = 3.0  # grey levels of change in the target up to which the past counts in full: sensor noise
CHANGE_NONE = 14.0  # from which it counts for nothing


class ColourMatch:
    """Gives swaps the target's colour, through an affine that is smoothed over time."""

    def __init__(self) -> None:
        self._transfer: NDArray[np.float32] | None = None
        self._at = 0.0

    def __call__(self, swap: Image, target: Image, mask: Mask, at: float) -> Image:
        """The swap in the target's colours.

        Args:
            swap: uint8 (S, S, 3) BGR.
            target: uint8 (S, S, 3) BGR, the crop that was swapped.
            mask: float32 (S, S) 0..1, where the two show the same part of the face.
            at: time of the frame in seconds.

        Returns:
            A new uint8 (S, S, 3) BGR; the swap itself if the mask is empty.
        """
        given, wanted = measure_colour(swap, mask), measure_colour(target, mask)
        if given is None or wanted is None:
            return swap
        return apply_colour(swap, self._smooth(given, wanted, at))

    def _smooth(self, given: ColourStats, wanted: ColourStats, at: float) -> NDArray[np.float32]:
        new = colour_transfer(given, wanted)
        step_s = at - self._at
        if self._transfer is not None and 0 <= step_s <= GAP_S:
            weight = step_s / (step_s + COLOUR_TIME_S)
            new = self._transfer + np.float32(weight) * (new - self._transfer)
        self._transfer, self._at = new, at
        return new

    def reset(self) -> None:
        """Forget the past: another face or source follows."""
        self._transfer = None


class Steadier:
    """A low-pass over swaps that moves with the face. A generator's tremble is coarse, so 128 px show all of it."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._last: NDArray[np.uint8] | None = None  # (FLOW_SIDE_PX, FLOW_SIDE_PX, 4): steadied swap, target's grey
        self._at = 0.0
        self._buffers = Buffers()
        columns, rows = np.meshgrid(np.arange(FLOW_SIDE_PX), np.arange(FLOW_SIDE_PX))
        self._grid = np.stack([columns, rows], 2).astype(np.float32)  # x, y
        # Weight of the past, 0..255, by the target's change in grey levels.
        fall = (CHANGE_NONE - np.arange(256)) / (CHANGE_NONE - CHANGE_FULL)
        self._weights = np.round(255 * MIX_STILL * np.clip(fall, 0, 1)).astype(np.uint8)

    def __call__(self, swap: Image, target: Image, at: float) -> Image:
        """The swap, mixed with its past where nothing has changed.

        Args:
            swap: uint8 (S, S, 3) BGR, S at least 128.
            target: uint8 (S, S, 3) BGR, the crop that was swapped.
            at: time of the frame in seconds.

        Returns:
            uint8 (S, S, 3) BGR: a buffer that the next call overwrites, or the swap itself.
        """
        small, grey = shrink_crop(swap, FLOW_SIDE_PX), _grey_of(shrink_crop(target, FLOW_SIDE_PX))
        steadied, result = small, swap
        if self._last is not None and 0 <= at - self._at <= GAP_S:
            steadied = self._mix(small, grey, self._last)
            result = steadied if small is swap else self._correct(swap, small, steadied)
        self._last = self._buffers.take("last", *grey.shape, 4)
        cv2.cvtColor(steadied, cv2.COLOR_BGR2BGRA, dst=self._last)
        cv2.insertChannel(grey, self._last, 3)
        self._at = at
        return result

    def _mix(self, swap: Image, grey: Plane, last: NDArray[np.uint8]) -> Image:
        take, shape = self._buffers.take, swap.shape
        last_grey = cv2.extractChannel(last, 3)
        flow = self._flow.calc(grey, last_grey, None)  # type: ignore[call-overload]  # where each pixel was before
        maps = cv2.add(self._grid, flow, dst=flow)
        moved = take("moved", *last.shape)
        cv2.remap(last, maps, None, cv2.INTER_LINEAR, dst=moved, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        change = cv2.blur(cv2.absdiff(cv2.extractChannel(moved, 3), grey), (5, 5))
        weight = cv2.LUT(change, self._weights)
        past_weight = cv2.cvtColor(weight, cv2.COLOR_GRAY2BGR, dst=take("past weight", *shape))
        past = cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR, dst=take("past", *shape))
        cv2.multiply(past, past_weight, dst=past, scale=1 / 255)
        cv2.bitwise_not(past_weight, dst=past_weight)
        mixed = cv2.multiply(swap, past_weight, dst=take("mixed", *shape), scale=1 / 255)
        return cast(Image, cv2.add(mixed, past, dst=mixed))

    def _correct(self, swap: Image, small: Image, steadied: Image) -> Image:
        """The swap at full size, changed by as much as the small one was."""
        change = cv2.addWeighted(steadied, 1.0, small, -1.0, 128.0)
        large = self._buffers.take("corrected", *swap.shape)
        cv2.resize(change, (swap.shape[1], swap.shape[0]), dst=large, interpolation=cv2.INTER_LINEAR)
        return cast(Image, cv2.addWeighted(swap, 1.0, large, 1.0, -128.0, dst=large))

    def reset(self) -> None:
        """Forget the past: another face or source follows."""
        self._last = None


def _grey_of(image: Image) -> Plane:
    return cast(Plane, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
