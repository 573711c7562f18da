"""The compact AEI-Net: attribute encoder, AAD residual blocks, identity style, soft mask.

After "FaceShifter" (Li et al., 2019): the generator mixes the target's attributes and the source's
identity in every AAD layer through a learned attention mask. Made for a CPU: the face is made at half the
resolution, nearly all of it in convolutions at an eighth and below, and two small layers at the end
bring it to the full one. Everything that depends on identities alone is one vector, the style,
computed once per source face and wearer.

S is the side of the inner picture, 128; what comes in and goes out is 2S.

Letters are the paper's: X_t target, z_id identity, z_attr attributes, h activations, M attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcam.training.identity_space import DIMENSIONS, details_matrix, nobodies
from vcam.training.scales import by_place, enlarge, enlarged_apart, halve
from vcam.training.tints import natural_colours

_PATCH = 4  # pixels per side that the stem folds into channels, and the head unfolds
_SLOPE = 0.1
_FINE = 32  # channels at S/2
_SHARP = 32  # channels at S of the layers that bring S to 2S
_DECISION = 2.5
WEARER_SHARE = 0.25  # of what is particular about the wearer's own face, taken from what is worn
DETAILS_GAIN = 6.0  # by which the mapping hears them louder: they came to it late, and are learnt the sooner
_STRANGERS = 500  # random identities, whose mean style nobody is particular against
_GATE_START = -1.0  # before the sigmoid: at first a quarter of the target's finest detail comes through


@dataclass(frozen=True)
class AeiNetSettings:
    """Sizes of the generator.

    Attributes:
        channels: of the levels at 1/4, 1/8, 1/16 and 1/32 of the resolution.
        repeats: AAD blocks of each level; all but its first do nothing at first.
        identity_channels: of the two hidden layers that map the embedding.
    """

    channels: tuple[int, int, int, int] = (64, 128, 192, 256)
    repeats: tuple[int, int, int, int] = (2, 2, 1, 1)
    identity_channels: int = 384


TINY = AeiNetSettings(channels=(16, 16, 32, 32), identity_channels=16)  # for tests


def _activate(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, _SLOPE)


class AttributeEncoder(nn.Module):
    """The target crop to a pyramid of attributes, coarsest first."""

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        self.stem = nn.Conv2d(3 * _PATCH**2, channels[0], 3, 1, 1)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(channels))

    def forward(self, x_t: Tensor) -> list[Tensor]:
        """X_t (B, 3, S, S) -> z_attr of (B, C, S/32, S/32) ... (B, C, S/4, S/4)."""
        level = _activate(self.stem(functional.pixel_unshuffle(x_t, _PATCH)))  # (B, 64, S/4, S/4)
        levels = [level]
        for down in self.downs:
            level = _activate(down(level))
            levels.append(level)
        return levels[::-1]


class AadLayer(nn.Module):
    """Adaptive attentional denormalisation: out = A + M (I - A).

    A modulates the normalised activations by the attributes, I by the identity, and M, read from the
    activations, decides between them at every place. BatchNorm stands where the paper has
    InstanceNorm, because it is a constant at run time.
    """

    def __init__(self, channels: int, attribute_channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False, momentum=0.05)
        self.attributes = nn.Conv2d(attribute_channels, 2 * channels, 1)
        self.attention = nn.Conv2d(channels, 1, 1)
        self.channels = channels
        nn.init.normal_(self.attributes.weight, 0, 0.03)
        nn.init.normal_(self.attention.weight, 0, 0.02)
        with torch.no_grad():
            self.attributes.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))  # type: ignore[union-attr]
            self.attention.bias.zero_()  # type: ignore[union-attr]

    def forward(self, h: Tensor, z_attr: Tensor, style: Tensor) -> Tensor:
        """H (B, C, H, W), z_attr (B, Ca, H, W), style (B, 2C): gain and bias of the identity."""
        h = self.norm(h)
        attention = torch.sigmoid(self.attention(h))  # (B, 1, H, W)
        gain_attr, bias_attr = self.attributes(z_attr).split(self.channels, 1)
        by_attributes = torch.addcmul(bias_attr, h, gain_attr)
        by_identity = self._styled(h, style)
        return by_attributes + attention * (by_identity - by_attributes)

    def _styled(self, h: Tensor, style: Tensor) -> Tensor:
        """H (B, C, H, W) times a gain, plus a bias, for each channel; style (B, 2C), B = 1 in an export."""
        if torch.onnx.is_in_onnx_export():  # a norm of mean 0 and variance 1 is one node for both
            gain, bias = style.reshape(-1).split(self.channels)
            zeros = torch.zeros(self.channels)
            return functional.batch_norm(h, zeros, zeros + 1, gain, bias, eps=0.0)
        gain, bias = style[:, :, None, None].split(self.channels, 1)
        return torch.addcmul(bias, h, gain)


class AadBlock(nn.Module):
    """A residual block: twice AAD layer, activation, 3x3 convolution."""

    def __init__(self, channels_in: int, channels: int, attribute_channels: int):
        super().__init__()
        self.aad1 = AadLayer(channels_in, attribute_channels)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, 1, 1)
        self.aad2 = AadLayer(channels, attribute_channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.shortcut = nn.Conv2d(channels_in, channels, 1, bias=False) if channels_in != channels else nn.Identity()
        self.style_size = 2 * (channels_in + channels)

    def forward(self, h: Tensor, z_attr: Tensor, style: Tensor) -> Tensor:
        """H (B, Cin, H, W) -> (B, C, H, W); style (B, style_size)."""
        style1, style2 = style.split([2 * self.aad1.channels, 2 * self.aad2.channels], 1)
        residual = self.conv1(_activate(self.aad1(h, z_attr, style1)))
        residual = self.conv2(_activate(self.aad2(residual, z_attr, style2)))
        return self.shortcut(h) + residual  # type: ignore[no-any-return]


class Head(nn.Module):
    """Features at a quarter of the resolution to colour and mask logit.

    All sub-pixels of a channel start equal (ICNR, Aitken et al., 2017) and a 3x3 filter over the four
    output channels, at first a binomial blur, joins them: both work against a lattice of the patch's
    period. Two layers at half the resolution then add the finer detail, at first none; their kernels
    reach across the patches' borders. Nothing leads from the input picture around the identity.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.unfold = nn.Conv2d(channels, 4 * _PATCH**2, 3, 1, 1)
        self.join = nn.Conv2d(4, 4, 3, 1, 1)
        self.fine = nn.Conv2d(16 + channels // 4, _FINE, 3, 1, 1)
        self.detail = nn.Conv2d(_FINE, 16, 3, 1, 1)
        with torch.no_grad():
            start = nn.init.kaiming_normal_(torch.empty(4, channels, 3, 3), a=_SLOPE) * 0.5
            self.unfold.weight.copy_(start.repeat_interleave(_PATCH**2, 0))
            self.unfold.bias.zero_()  # type: ignore[union-attr]
            binomial = torch.tensor([1.0, 2.0, 1.0]) / 4
            self.join.weight.copy_(torch.einsum("ij,a,b->ijab", torch.eye(4), binomial, binomial))
            self.join.bias.zero_()  # type: ignore[union-attr]
            self.detail.weight.zero_()
            self.detail.bias.zero_()  # type: ignore[union-attr]

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """H (B, C, S/4, S/4) -> colour before tanh and mask logit (B, 4, S, S), features (B, _FINE, S/2, S/2)."""
        h = _activate(h)
        out = self.join(functional.pixel_shuffle(self.unfold(h), _PATCH))  # (B, 4, S, S)
        coarse = torch.cat([functional.pixel_unshuffle(out, 2), functional.pixel_shuffle(h, 2)], 1)  # (B, 32, S/2, S/2)
        features = _activate(self.fine(coarse))
        return out + functional.pixel_shuffle(self.detail(features), 2), features


class Sharpener(nn.Module):
    """The face at S to the face at 2S.

    It adds detail of its own, at first none, and lets through as much of the target's finest detail (what is
    lost between 2S and S: grain, pores, single hairs) as a gate allows at each place: on skin that fits every
    face, at eyes and brows it would be a ghost of the old ones. Nothing coarser leads around the identity.
    """

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(4 + _FINE // 4 + 12, _SHARP, 3, 1, 1)
        self.add = nn.Conv2d(_SHARP, 16, 3, 1, 1)
        with torch.no_grad():
            self.add.weight.zero_()
            self.add.bias.copy_(torch.tensor([0.0] * 12 + [_GATE_START] * 4))  # type: ignore[union-attr]

    def forward(self, out: Tensor, features: Tensor, finest: Tensor) -> Tensor:
        """Out (B, 4, S, S), features (B, _FINE, S/2, S/2) -> colour (B, 12, S, S) in -1..1.

        Finest is (B, 12, S, S) too: (B, 3, 2S, 2S) unshuffled, as everything here.
        """
        seen = torch.cat([out, functional.pixel_shuffle(features, 2), finest], 1)  # (B, 24, S, S)
        added, gate = self.add(_activate(self.look(seen))).split([12, 4], 1)
        colour = torch.tanh(enlarged_apart(out[:, :3]) + added)
        let_through = by_place(finest) * torch.sigmoid(gate).unsqueeze(1)  # (B, 3, 4, S, S)
        return (colour + let_through.reshape(finest.shape)).clamp(-1, 1)


def mask_of(logit: Tensor) -> Tensor:
    """The mask at full size from its logit: (B, 1, S, S) -> (B, 1, 2S, 2S) in 0..1.

    What is learnt is a probability; a mask must decide, or half of the old face is seen wherever there is doubt.
    """
    return _decided(enlarge(logit))


def _decided(logit: Tensor) -> Tensor:
    return torch.sigmoid(_DECISION * logit)


class IdentityStyle(nn.Module):
    """The identity embedding to the gains and biases of every AAD layer."""

    def __init__(self, channels: int, gains: Tensor):
        super().__init__()
        self.mapping = nn.Sequential(
            nn.Linear(DIMENSIONS, channels),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(channels, channels),
            nn.LeakyReLU(_SLOPE),
        )
        self.styles = nn.Linear(channels, len(gains))
        self.details_gain = DETAILS_GAIN
        self.register_buffer("details", torch.from_numpy(details_matrix()), persistent=False)
        self.register_buffer("strangers", torch.from_numpy(nobodies(_STRANGERS)), persistent=False)
        nn.init.normal_(self.styles.weight, 0, 0.05)
        with torch.no_grad():
            self.styles.bias.copy_(gains)

    def forward(self, z_id: Tensor) -> Tensor:
        """z_id (B, 512) of unit length -> style (B, K)."""
        return self.styles(self.mapped(z_id))  # type: ignore[no-any-return]

    def mapped(self, z_id: Tensor) -> Tensor:
        """z_id (B, 512) of unit length -> (B, identity_channels), of which a style is a linear function."""
        if self.details_gain != 1:
            z_id = self._louder(z_id, self.details_gain)
        return self.mapping(z_id * DIMENSIONS**0.5)  # type: ignore[no-any-return]

    def _louder(self, vectors: Tensor, factor: float) -> Tensor:
        """Vectors (N, 512) whose details are so many times as long."""
        return vectors + (factor - 1) * functional.linear(vectors @ self.details, self.details)  # type: ignore[operator, arg-type]

    @torch.no_grad()
    def fold(self) -> None:
        """Take the details' gain into the weights of the first layer, where it costs nothing and learns the slower."""
        first = self.mapping[0].weight
        first.copy_(self._louder(first, self.details_gain))
        self.details_gain = 1.0

    @torch.no_grad()
    def unfold(self) -> None:
        """Undo ``fold``, for weights that were read from a folded net."""
        first = self.mapping[0].weight
        first.copy_(self._louder(first, 1 / DETAILS_GAIN))
        self.details_gain = DETAILS_GAIN

    def common(self) -> Tensor:
        """Strangers, mapped, in the mean: (1, identity_channels). Their mean style is that of nobody in particular."""
        return self.mapped(self.strangers).mean(0, keepdim=True)  # type: ignore[arg-type]

    def away(self, z_wearer: Tensor) -> Tensor:
        """What is taken from a style for the face that wears it: (B, 512) -> (B, K).

        The target's attributes give away whose face they are of. Taking some of what is particular about that face, as
        guidance by a negative condition does (Ho and Salimans, "Classifier-free diffusion guidance", 2022), makes up
        for it: on the fixed pairs a share of .15 halved likeness to the wearer, for .002 of the likeness to the source.

        Args:
            z_wearer: of unit length; a row of zeros where nobody knows who wears it takes nothing.
        """
        known = z_wearer.square().sum(1, keepdim=True)
        return WEARER_SHARE * known * (self(z_wearer) - self.styles(self.common()))  # type: ignore[no-any-return]

    @torch.no_grad()
    def emphasise(self, factor: float, z_ids: Tensor) -> None:
        """Move every style away from the mean: what is particular about a face comes out ``factor`` times as strong.

        Errors are smallest near the mean face, so training under many losses ends short of the identity asked for.

        Args:
            factor: 1 changes nothing.
            z_ids: (N, 512) of unit length, many people; the mean of their styles stays where it is.
        """
        mean = self.mapped(z_ids).mean(0)
        self.styles.bias += (1 - factor) * (self.styles.weight @ mean)
        self.styles.weight *= factor


class AadGenerator(nn.Module):
    """Target and style to swap and mask: the graph that runs every frame."""

    def __init__(self, settings: AeiNetSettings):
        super().__init__()
        fine_to_coarse = settings.channels
        coarse_to_fine = fine_to_coarse[::-1]
        self.encoder = AttributeEncoder(fine_to_coarse)
        self.levels = [level for level, count in enumerate(settings.repeats[::-1]) for _ in range(count)]
        channels = [coarse_to_fine[level] for level in self.levels]
        channels_in = (channels[0], *channels[:-1])
        self.blocks = nn.ModuleList(AadBlock(i, c, c) for i, c in zip(channels_in, channels, strict=True))
        self.rises = [False, *(b > a for a, b in pairwise(self.levels))]  # whether the resolution doubles before it
        for block, rises in zip(self.blocks[1:], self.rises[1:], strict=True):
            if not rises:
                for parameter in block.conv2.parameters():  # type: ignore[union-attr]
                    nn.init.zeros_(parameter)
        self.head = Head(fine_to_coarse[0])
        self.sharpener = Sharpener()
        self.style_sizes = [block.style_size for block in self.blocks]

    def forward(self, x_t: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """X_t (B, 3, 2S, 2S) RGB in -1..1, S a multiple of 32; style (B, K).

        Returns:
            colour (B, 3, 2S, 2S) in -1..1, mask logit (B, 1, S, S).
        """
        coarse = halve(x_t)
        attributes = self.encoder(coarse)
        h = attributes[0]
        parts = style.split(self.style_sizes, 1)
        for block, level, rises, part in zip(self.blocks, self.levels, self.rises, parts, strict=True):
            if rises:
                h = functional.interpolate(h, scale_factor=2.0, mode="nearest")
            h = block(h, attributes[level], part)
        out, features = self.head(h)
        finest = functional.pixel_unshuffle(x_t, 2) - enlarged_apart(coarse)
        logit = out[:, 3:]
        apart = natural_colours(self.sharpener(out, features, finest), coarse, _decided(logit.detach()))
        return functional.pixel_shuffle(apart.clamp(-1, 1), 2), logit


class AeiNet(nn.Module):
    """The whole generator: identity style and AAD generator."""

    def __init__(self, settings: AeiNetSettings):
        super().__init__()
        self.settings = settings
        self.generator = AadGenerator(settings)
        self.identity = IdentityStyle(settings.identity_channels, torch.cat(list(_neutral_styles(self.generator))))

    def forward(self, x_t: Tensor, z_id: Tensor, z_wearer: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """X_t (B, 3, 2S, 2S), z_id (B, 512) -> colour (B, 3, 2S, 2S) in -1..1, mask logit (B, 1, S, S).

        Who wears it, z_wearer, is as for ``IdentityStyle.away``.
        """
        style = self.identity(z_id)
        if z_wearer is not None:
            style = style - self.identity.away(z_wearer)
        return self.generator(x_t, style)  # type: ignore[no-any-return]


def _neutral_styles(generator: AadGenerator) -> Iterator[Tensor]:
    """Gain one, bias zero for every AAD layer."""
    for block in generator.blocks:
        for layer in (block.aad1, block.aad2):  # type: ignore[union-attr]
            yield torch.cat([torch.ones(layer.channels), torch.zeros(layer.channels)])  # type: ignore[arg-type]
