"""Public nets that tell people apart, as further opinions on whose face is worn.

The generator is given none of their vectors: they compare pictures. Each sees from its own mean face, or strangers
would be alike to it.
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


@dataclass(frozen=True, slots=True)
class Look:
    """How a net wants to be shown a face, and how much it counts.

    Attributes:
        file: its name in the folder of opinions.
        output: the value that holds its features; None for its last.
        features: how many there are.
        side: of its crop in pixels, of the embedder's template.
        means: of red, green and blue in 0..255, taken away before it.
        bgr: whether blue comes first.
        all: whether it sees every swap, or the last half of them.
        weight: in the losses, against the others.
    """

    file: str
    output: str | None
    features: int
    side: int
    means: tuple[float, float, float]
    bgr: bool
    all: bool
    weight: float


LOOKS = (
    # A MobileNet of VGGFace2 (Savchenko, 2019); 160 px of 224, which would be twice as slow and no better on LFW.
    Look("faceres.json", "global_pooling/Mean", 1024, 160, (123.68, 116.779, 103.939), bgr=True, all=False, weight=1.0),
    # SFace (Zhong et al., 2021), as OpenCV's zoo has it; its own means are in it.
    Look("face_recognition_sface_2021dec.onnx", None, 128, 112, (0.0, 0.0, 0.0), bgr=False, all=True, weight=2.4),
)


class Recogniser(nn.Module):
    """A frozen net that tells people apart."""

    common: Tensor

    def __init__(self, look: Look, folder: Path):
        """Read it.

        Raises:
            ModelMissing, BadInput: as ``Teacher``.
        """
        super().__init__()
        self.look = look
        self.net = Teacher(folder / look.file, look.output).to(memory_format=torch.channels_last)
        self.register_buffer("common", torch.zeros(look.features))

    def forward(self, pictures: Tensor, grid: Tensor) -> Tensor:
        """Unit vectors (B, D) of who is seen, from what all have in common.

        Args:
            pictures: (B, 3, 128, 128) RGB in -1..1.
            grid: (B, 112, 112, 2), where the embedder's crops sample them.
        """
        return functional.normalize(self._features(pictures, grid) - self.common, dim=1)

    @torch.no_grad()
    def learn_common(self, pictures: Tensor, grid: Tensor) -> None:
        """Take the mean of some faces for what all have in common; many pictures as for ``forward``."""
        pairs = zip(pictures.split(8), grid.split(8), strict=True)
        self.common = torch.cat([self._features(*pair) for pair in pairs]).mean(0)

    def _features(self, pictures: Tensor, grid: Tensor) -> Tensor:
        crops = sampled(pictures, resized(grid, self.look.side))
        blob = (crops + 1) * 127.5 - crops.new_tensor(self.look.means).view(1, 3, 1, 1)
        blob = blob.flip(1) if self.look.bgr else blob
        features: Tensor = self.net(blob.contiguous(memory_format=torch.channels_last))[0]
        return features


def recognisers_in(folder: Path) -> list[Recogniser]:
    """All known recognisers whose file is in a folder.

    Raises:
        ModelMissing: there is none of them.
    """
    found = [Recogniser(look, folder) for look in LOOKS if (folder / look.file).is_file()]
    if not found:
        raise ModelMissing(f"there is no recogniser in {folder}: {' or '.join(look.file for look in LOOKS)}")
    return found
