"""The four small nets: plain 3x3 convolutions from a quarter of the resolution down.

Plain convolutions run several times nearer to the processor's peak than depthwise ones, and a
pixel-unshuffle in place of the first full-resolution layers saves most of the memory traffic.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcam import topology
from vcam.training.identity_space import DETAILS_SHARE, DIMENSIONS, TEACHER_DIMENSIONS, lift_matrix
from vcam.training.sloped_relu import sloped_relu


def conv_unit(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch norm (folded at export), ReLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, momentum=0.05), nn.ReLU(inplace=True))


class ExactLinear(nn.Linear):
    """A linear layer that stays float32 where training rounds the others: its outputs are fractions of a pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """As ``nn.Linear``."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class ResidualUnit(nn.Module):
    """Two convolutions beside a straight way."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = conv_unit(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels, momentum=0.05)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, not negative."""
        return functional.relu(x + self.second(self.first(x)))


class LandmarkNet(nn.Module):
    """157 landmarks, head pose and visibility of a 128 px crop."""

    def __init__(self, widths: Sequence[int] = (48, 64, 96, 128)):
        super().__init__()
        a, b, c, d = widths
        self.features = nn.Sequential(
            nn.PixelUnshuffle(4),  # [B, 48, 32, 32]
            conv_unit(48, a),
            conv_unit(a, b, 2),  # [B, b, 16, 16]
            ResidualUnit(b),
            conv_unit(b, c, 2),  # [B, c, 8, 8]
            ResidualUnit(c),
            conv_unit(c, d, 2),  # [B, d, 4, 4]
            conv_unit(d, d),
        )
        self.points = ExactLinear(d * 16, 2 * topology.COUNT)
        self.pose = ExactLinear(d * 16, 3)
        self.presence = ExactLinear(d * 16, 1)
        nn.init.normal_(self.points.weight, std=0.01)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From a crop [B, 3, 128, 128] in -1..1.

        Returns:
            landmarks [B, 157, 2] crop px, pose [B, 3] degrees, visibility logit [B, 1].
        """
        f = self.features(crop).flatten(1)  # [B, 16 d]
        points = 64 + 8 * self.points(f).view(-1, topology.COUNT, 2)
        return points, 10 * self.pose(f), self.presence(f)


class LandmarkExport(nn.Module):
    """What is shipped: the logit becomes a probability."""

    def __init__(self, net: LandmarkNet):
        super().__init__()
        self.net = net

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Landmarks [B, 157, 2], pose [B, 3], visibility [B, 1] in 0..1."""
        points, pose, logit = self.net(crop)
        return points, pose, torch.sigmoid(logit)


STRIDES = (8, 16, 32)


class DetectorNet(nn.Module):
    """Anchor-free single-stage detector on three levels (after FCOS, YuNet and SCRFD).

    One prediction per cell: face score, box (centre offset, log size) and five landmarks.
    """

    def __init__(self, widths: Sequence[int] = (32, 48, 64, 96), neck: int = 48):
        super().__init__()
        a, b, c, d = widths
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), conv_unit(12, a, 2))  # [B, a, H/4, W/4]
        self.stage8 = nn.Sequential(conv_unit(a, b, 2), conv_unit(b, b))
        self.stage16 = nn.Sequential(conv_unit(b, c, 2), ResidualUnit(c))
        self.stage32 = nn.Sequential(conv_unit(c, d, 2), ResidualUnit(d))
        self.lateral = nn.ModuleList(conv_unit(w, neck, kernel=1) for w in (b, c, d))
        self.smooth = nn.ModuleList(conv_unit(neck, neck) for _ in STRIDES)
        self.heads = nn.ModuleList(nn.Conv2d(neck, 15, 1) for _ in STRIDES)
        for head in self.heads:
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
            nn.init.constant_(head.bias[:1], -4.6)  # one cell in a hundred is a face

    def forward(self, image: Tensor) -> Tensor:
        """From an image [B, 3, H, W] in -1..1, H and W multiples of 32, to [B, N, 15].

        Per cell: score logit, box xyxy px (4), five landmarks px (10); levels one after another.
        """
        c8 = self.stage8(self.stem(image))
        c16 = self.stage16(c8)
        c32 = self.stage32(c16)
        p32 = self.lateral[2](c32)
        p16 = self.lateral[1](c16) + functional.interpolate(p32, scale_factor=2.0, mode="nearest")
        p8 = self.lateral[0](c8) + functional.interpolate(p16, scale_factor=2.0, mode="nearest")
        levels = zip((p8, p16, p32), self.smooth, self.heads, STRIDES, strict=True)
        return torch.cat([decode_cells(head(smooth(p)).float(), stride) for p, smooth, head, stride in levels], 1)


def decode_cells(raw: Tensor, stride: int) -> Tensor:
    """One level's raw [B, 15, h, w] to [B, h w, 15] in pixels."""
    score, offset, size, points = raw.split([1, 2, 2, 10], 1)
    ones = torch.ones_like(score)
    cells = torch.cat([ones.cumsum(3), ones.cumsum(2)], 1) - 0.5  # [B, 2, h, w], x and y: fewer nodes than a mesh grid
    centre = cells + offset
    half = torch.exp(size.clamp(-4.0, 4.0))
    places = torch.cat([centre - half, centre + half, points + cells.repeat(1, 5, 1, 1)], 1)
    return torch.cat([score, places * stride], 1).flatten(2).transpose(1, 2)


class DetectorExport(nn.Module):
    """What is shipped: scores, boxes and landmarks apart."""

    def __init__(self, net: DetectorNet):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores [B, N] in 0..1, boxes [B, N, 4], landmarks [B, N, 10] px."""
        cells = self.net(image)
        return torch.sigmoid(cells[:, :, 0]), cells[:, :, 1:5], cells[:, :, 5:]


class SlopedRelu(nn.Module):
    """A ReLU whose negative side has a learned slope for each channel (PReLU, He et al., 2015)."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        if self.training:
            return sloped_relu(x, self.weight.to(x.dtype))
        # ONNX Runtime joins these with the convolutions round them: half the net's time with its own PReLU.
        return self.weight * x + (1 - self.weight) * functional.relu(x)


class _StridedDepthwise(nn.Conv2d):
    """Stays float32 where training rounds the others: its way back is ten times slower in bfloat16."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


def _sloped_unit(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution, batch norm (folded at export), sloped ReLU."""
    kind = _StridedDepthwise if groups > 1 and stride > 1 else nn.Conv2d
    conv = kind(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs, momentum=0.05), SlopedRelu(outputs)]


class Bottleneck(nn.Module):
    """Widen, look around in each channel, narrow (Sandler et al., 2018); what it finds is added if the shape stays."""

    def __init__(self, inputs: int, hidden: int, outputs: int, stride: int = 1, *before: nn.Module):
        super().__init__()
        self.residual = inputs == outputs and stride == 1 and not before
        self.units = nn.Sequential(
            *before,
            *_sloped_unit(inputs, hidden),
            *_sloped_unit(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs, momentum=0.05),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        found: Tensor = self.units(x)
        return x + found if self.residual else found


class EmbedderNet(nn.Module):
    """Identity embedder: a MobileFaceNet (Chen et al., 2018), in stages that can be distilled one by one.

    The details are no part of the distillation: ``details.py`` reads them off what goes into the last layer.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 128), depths: Sequence[int] = (4, 6, 2)):
        super().__init__()
        a, b, c = widths
        front = [*_sloped_unit(3, a, 3, 2), *_sloped_unit(a, a, 3, 1, a)]  # [B, a, 56, 56]
        self.stages = nn.ModuleList(
            [
                Bottleneck(a, 2 * a, a, 2, *front),  # [B, a, 28, 28]
                *(Bottleneck(a, 2 * a, a) for _ in range(depths[0])),
                Bottleneck(a, 4 * a, b, 2),  # [B, b, 14, 14]
                *(Bottleneck(b, 2 * b, b) for _ in range(depths[1])),
                Bottleneck(b, 4 * b, c, 2),  # [B, c, 7, 7]
                *(Bottleneck(c, 2 * c, c) for _ in range(depths[2])),
            ]
        )
        self.head = nn.Sequential(
            *_sloped_unit(c, 4 * c),
            nn.Conv2d(4 * c, 4 * c, 7, groups=4 * c, bias=False),  # a learned weight for each place
            nn.BatchNorm2d(4 * c, momentum=0.05),
            nn.Flatten(),
            ExactLinear(4 * c, TEACHER_DIMENSIONS),
        )
        self.details = ExactLinear(4 * c, DIMENSIONS)
        self.register_buffer("lift", torch.from_numpy(lift_matrix()), persistent=False)
        nn.init.zeros_(self.details.weight)
        nn.init.zeros_(self.details.bias)

    def forward(self, crop: Tensor) -> Tensor:
        """From a crop [B, 3, 112, 112] in -1..1 to the teacher's embedding [B, 128], not normalised."""
        embedding: Tensor = self.head[-1](self.features(crop))
        return embedding

    def features(self, crop: Tensor) -> Tensor:
        """From a crop [B, 3, 112, 112] in -1..1 to what the last layer reads [B, 512]."""
        for stage in self.stages:
            crop = stage(crop)
        for layer in self.head[:-1]:  # type: ignore[attr-defined]
            crop = layer(crop)
        return crop

    def parts(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """From a crop [B, 3, 112, 112] in -1..1 to the teacher's embedding [B, 128] and the details [B, 512].

        Both are of unit length; the details lie in the identity space, orthogonal to the lifted embedding.
        """
        features = self.features(crop)
        return functional.normalize(self.head[-1](features)), functional.normalize(self.details(features))


class EmbedderExport(nn.Module):
    """What is shipped: both parts in the 512-d identity space."""

    def __init__(self, net: EmbedderNet):
        super().__init__()
        self.net = net

    def forward(self, crop: Tensor) -> Tensor:
        """Embedding [B, 512] of unit length (without details, of what the teacher's part has of it)."""
        embedding, details = self.net.parts(crop)
        lifted = functional.linear(embedding, self.net.lift)  # type: ignore[arg-type]
        return (1 - DETAILS_SHARE) ** 0.5 * lifted + DETAILS_SHARE**0.5 * details


REGIONS = ("other", "skin", "brows", "eyes", "nose", "lips", "mouth", "glasses", "hair")


class RegionsNet(nn.Module):
    """Nine regions of a 128 px crop at 64 x 64: a small U-Net from a quarter of the resolution down.

    A thin branch at half the resolution, which at first adds nothing, draws the edges.
    """

    def __init__(self, widths: Sequence[int] = (32, 48, 64, 96)):
        super().__init__()
        a, b, c, d = widths
        self.unshuffle = nn.PixelUnshuffle(2)  # [B, 12, 64, 64]
        self.stem = conv_unit(12, a, 2)  # [B, a, 32, 32]
        self.same32 = conv_unit(a, a)
        self.down16 = nn.Sequential(conv_unit(a, b, 2), ResidualUnit(b))
        self.down8 = nn.Sequential(conv_unit(b, c, 2), ResidualUnit(c))
        self.down4 = nn.Sequential(conv_unit(c, d, 2), ResidualUnit(d))
        self.up8 = nn.Sequential(conv_unit(d, c, kernel=1), nn.Upsample(scale_factor=2.0, mode="nearest"))
        self.join8 = conv_unit(c, c)
        self.up16 = nn.Sequential(conv_unit(c, b, kernel=1), nn.Upsample(scale_factor=2.0, mode="nearest"))
        self.join16 = conv_unit(b, b)
        self.up32 = nn.Sequential(conv_unit(b, a, kernel=1), nn.Upsample(scale_factor=2.0, mode="nearest"))
        self.join32 = nn.Sequential(conv_unit(a, a), conv_unit(a, a))
        self.head = nn.Conv2d(a, 4 * len(REGIONS), 1)
        self.spread = nn.PixelShuffle(2)
        self.near = nn.Conv2d(12, 8, 3, 1, 1)
        self.fine = nn.Conv2d(8 + a // 4, 24, 3, 1, 1)
        self.edges = nn.Conv2d(24, len(REGIONS), 1)
        nn.init.zeros_(self.edges.weight)
        nn.init.zeros_(self.edges.bias)  # type: ignore[arg-type]

    def forward(self, crop: Tensor) -> Tensor:
        """From a crop [B, 3, 128, 128] in -1..1 to logits [B, 9, 64, 64]."""
        whole = self.unshuffle(crop)
        f32 = self.same32(self.stem(whole))
        f16 = self.down16(f32)
        f8 = self.down8(f16)
        g8 = self.join8(f8 + self.up8(self.down4(f8)))
        g16 = self.join16(f16 + self.up16(g8))
        g32 = self.join32(f32 + self.up32(g16))
        seen = torch.cat([functional.relu(self.near(whole)), self.spread(g32)], 1)  # [B, 16, 64, 64]
        logits: Tensor = self.spread(self.head(g32)) + self.edges(functional.relu(self.fine(seen)))
        return logits


class RegionsExport(nn.Module):
    """What is shipped: probabilities."""

    def __init__(self, net: RegionsNet):
        super().__init__()
        self.net = net

    def forward(self, crop: Tensor) -> Tensor:
        """Regions [B, 9, 64, 64], probabilities."""
        return torch.softmax(self.net(crop), 1)
