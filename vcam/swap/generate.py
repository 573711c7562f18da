"""The AEI-Net engine: style of a source once, swap of a crop per frame, and the checks a swap must pass."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.errors import ModelCorrupt, SwapRejected
from vcam.imaging import Blob, from_blob, to_blob
from vcam.inference import Net
from vcam.types import Embedding, Image, Mask

Style = NDArray[np.float32]  # (1, K): everything in the generator that depends on the identity alone

# What a picture of a face never is. Values measured on swaps of real faces lie far off on the other side.
MIN_CONTRAST = 4.0  # grey levels, deviation of the liveliest channel inside the mask; a face has 25 or more
MIN_BRIGHTNESS = 6.0  # grey levels, mean inside the mask
MIN_COVER = 0.25  # mean of the mask over the crop's inner part; whole faces give 0.9, a hand before it 0.5
MIN_CHANGE = 0.75  # grey levels, mean difference to the target inside the mask; a swap has 5 or more
_INSIDE = (0.36, 0.72)  # of the crop's side: eyes to mouth, in the ffhq_512 template
_SAMPLE_SIDE_PX = 64  # the checks look at so many pixels of each row and column


class Generator:
    """Puts an identity on a target crop (FaceShifter's AEI-Net, Li et al., 2020).

    Args:
        identity_net: input ``embedding`` [1, 512] of unit length; outputs ``style`` [1, K] and, in packs since 1.3,
            ``away`` [1, K].
        generator_net: inputs ``target`` [1, 3, S, S] and ``style`` [1, K]; outputs ``swap`` [1, 3, S, S] and
            ``mask`` [1, 1, S, S].

    Attributes:
        size: S, the side of the crop in px.

    Raises:
        ModelCorrupt: the generator's input is not a square of known size.
    """

    def __init__(self, identity_net: Net, generator_net: Net) -> None:
        shape = generator_net.inputs.get("target", ())
        size = shape[2] if len(shape) == 4 and shape[2] == shape[3] else None
        if size is None:
            raise ModelCorrupt(f"the network {generator_net.name} takes {shape}, not one square crop as target")
        self._identity_net = identity_net
        self._generator_net = generator_net
        self._blob: Blob = np.empty((1, 3, size, size), np.float32)
        self.size: int = size

    def prepare(self, embedding: Embedding, louder: float = 0.0) -> Style:
        """The style of a source, (1, K); for when a source is chosen, and now and then.

        Args:
            embedding: float32 (512,) of unit length.
            louder: how many times what ``away`` gives is added: what is particular about the face comes out stronger.
        """
        style, away = self._parts(embedding)
        return style + np.float32(louder) * away

    def away(self, wearer: Embedding) -> Style:
        """What every style loses where this face wears it, (1, K): zeros with a pack that does not say.

        Args:
            wearer: float32 (512,) of unit length.
        """
        return self._parts(wearer)[1]

    def _parts(self, embedding: Embedding) -> tuple[Style, Style]:
        found = self._identity_net.run(embedding=embedding[None])
        return found["style"], found.get("away", np.zeros_like(found["style"]))

    def generate(self, crop: Image, style: Style) -> tuple[Image, Mask]:
        """Swap one crop.

        Args:
            crop: uint8 (S, S, 3) BGR aligned crop of the target, ``ffhq_512`` template.
            style: from ``prepare``.

        Returns:
            The swap, uint8 (S, S, 3) BGR, not composited; and its mask, float32 (S, S) 0..1.

        Raises:
            SwapRejected: the picture is none that may be shown; says why and with which value.
            SwapError: the network failed.
        """
        swap, mask = self.generate_unchecked(crop, style)
        check_swap(swap, mask, crop)
        return swap, mask

    def generate_unchecked(self, crop: Image, style: Style) -> tuple[Image, Mask]:
        """As ``generate``, whatever the picture looks like: to be measured, and never to be shown.

        Raises:
            SwapRejected: it holds values that are no numbers.
            SwapError: the network failed.
        """
        found = self._generator_net.run(target=to_blob(crop, out=self._blob), style=style)
        check_finite(found["swap"], found["mask"])
        return from_blob(found["swap"]), found["mask"][0, 0]


def check_finite(*arrays: NDArray[np.floating]) -> None:
    """Refuse a network's output that holds NaN or infinity.

    Raises:
        SwapRejected: with the number of such values.
    """
    for array in arrays:
        if not np.isfinite(array.sum()):
            broken = int(np.count_nonzero(~np.isfinite(array)))
            raise SwapRejected(f"the generator gave {broken} of {array.size} values that are no numbers")


def check_swap(swap: Image, mask: Mask, crop: Image) -> None:
    """Refuse a swap that is black, flat, empty, or the target itself.

    Args:
        swap: uint8 (S, S, 3) BGR.
        mask: float32 (S, S) 0..1.
        crop: uint8 (S, S, 3) BGR, the target.

    Raises:
        SwapRejected: says what is wrong and with which value.
    """
    side = (_SAMPLE_SIDE_PX, _SAMPLE_SIDE_PX)
    small_mask, small_swap, small_crop = (
        cv2.resize(x, side, interpolation=cv2.INTER_NEAREST) for x in (mask, swap, crop)
    )
    inside = slice(round(_INSIDE[0] * _SAMPLE_SIDE_PX), round(_INSIDE[1] * _SAMPLE_SIDE_PX))
    cover = float(small_mask[inside, inside].mean())
    if not cover >= MIN_COVER:
        raise SwapRejected(f"the swap's mask covers {cover:.2f} of the face, less than {MIN_COVER}")
    taken = (small_mask > 0.5 * small_mask.max()).astype(np.uint8)
    means, deviations = cv2.meanStdDev(small_swap, mask=taken)
    brightness, contrast = float(np.mean(means)), float(np.max(deviations))
    if brightness < MIN_BRIGHTNESS:
        raise SwapRejected(f"the swap is black: mean {brightness:.1f} grey levels, less than {MIN_BRIGHTNESS}")
    if contrast < MIN_CONTRAST:
        raise SwapRejected(f"the swap is flat: deviation {contrast:.1f} grey levels, less than {MIN_CONTRAST}")
    change = cv2.norm(small_swap, small_crop, cv2.NORM_L1, mask=taken) / (3 * cv2.countNonZero(taken))
    if change < MIN_CHANGE:
        raise SwapRejected(f"the swap is the bare face: it differs by {change:.2f} grey levels, less than {MIN_CHANGE}")
