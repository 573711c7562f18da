"""The generator's losses, each a mean over its part of the batch.

A batch begins with reverse pairs (the answer is known); the rest are true swaps, whose output is also
fed back to be undone (the cycle). Pictures are RGB in -1..1: the generator's own (B, 3, 256, 256), but nearly
all losses look at their means of 2 x 2, (B, 3, 128, 128); only sharpness sees every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcam import topology as topo
from vcam.training.batch import Batch
from vcam.training.guides import EXPRESSION, Guides
from vcam.training.identity_space import DETAILS_SHARE
from vcam.training.scales import enlarge, halve

_EXACT = 0.1  # a pixel of 192: a smile is made of errors no larger than two
_OWN_PLACES = 4.0
_COLOURED = 0.15  # brows and lips have a colour of their own, in narrow bounds
_WRONG_COLOUR = 0.06  # 8 grey levels: more than this is seen as a stain, however small
_STAINS = 5.0  # how much more it then counts
_SPOT_PX = 5  # of 128: a spot is smaller
_SPOT_LEAST = 0.04  # 5 grey levels: skin has such
_SHADE = 0.05  # of -1..1: what is darker by less is no beard
_HALO = 0.03  # of -1..1: what is brighter by less is no halo
_SHADES_NEAR = 3  # of 4 px means every 2 px: so near must the target have a shade for the swap to have it
_GAP_ENDS = (
    (topo.LIP_UPPER, topo.LIP_LOWER),
    (topo.LID_UPPER_LEFT, topo.LID_LOWER_LEFT),
    (topo.LID_UPPER_RIGHT, topo.LID_LOWER_RIGHT),
    (topo.MOUTH_LEFT, topo.LIP_UPPER),
    (topo.MOUTH_RIGHT, topo.LIP_UPPER),
    (topo.MOUTH_LEFT, topo.MOUTH_RIGHT),
)
_GAP_WEIGHTS = (1.0, 1.5, 1.5, 1.5, 1.5, 1.0)  # lids and the corners' lift are the smallest, and most often lost
_GAPS = [[EXPRESSION.index(pair[end]) for pair in _GAP_ENDS] for end in (0, 1)]


@dataclass(frozen=True)
class Weights:
    """How much each loss counts.

    Attributes:
        reconstruct: against the known answer (reverse pairs).
        identity_reverse, identity_swap: 1 - cosine to the worn identity; of swaps its square.
        details: that square of the details, which our own embedder sees (half of the swaps); without that net nothing.
        recognised: that square to a picture of who is worn, by recognisers whose vectors the generator is not given
            (swaps); without those nets nothing.
        likeness: cosine to the target's own person, where above 0 (swaps).
        likeness_details: the same of the details.
        likeness_recognised: the same by those recognisers.
        features: the embedder's inner features against the answer's (reverse pairs).
        light: low frequencies against the target's (swaps).
        chroma: the skin's colour against the target's, and less so that of brows and lips (swaps).
        background: outside the face area against the target (swaps).
        landmarks: expression landmarks against the target's (swaps).
        inside: what lies between lips and lids against the target's (swaps): teeth and gaze are the target's.
        folds: light and shadow on the cheeks against the target's (swaps).
        stubble: what round the mouth is darker than the target's by more than a shade (swaps): half a moustache.
        halos: skin round brows and eyes that is brighter than the target's brightest nearby, or brows darker than its
            darkest, by more than a shade (swaps).
        spots: small dark or bright spots that the target has not, on the skin round the eyes, on the jaw and near the
            face's upper edge, and bright ones round the brows (swaps).
        emotion: what a net that tells expressions says, against the target (swaps); without that net nothing.
        openings: the gaps between lips and between lids, and the lift of the mouth's corners, against the target's
            (swaps).
        cycle: the swap undone against the target (swaps).
        mask: the predicted mask against the face area.
        texture: how much fine detail each place has, against the answer's or the target's.
        lattice: a pattern of the period of the generator's patches.
        fine, fine_texture: pixels and strength of detail at 256 px, where the others see 128.
        ghost: how much of the target's own finest detail comes through on eyes, brows and lips (swaps).
    """

    reconstruct: float = 4.0
    identity_reverse: float = 1.0
    identity_swap: float = 11.0
    details: float = 17.0
    recognised: float = 5.0
    likeness: float = 8.0
    likeness_details: float = 5.0
    likeness_recognised: float = 2.5
    features: float = 1.0
    light: float = 6.0
    chroma: float = 20.0
    background: float = 4.0
    landmarks: float = 3.0
    inside: float = 1.5
    folds: float = 6.0
    stubble: float = 30.0
    halos: float = 30.0
    spots: float = 60.0
    emotion: float = 4.0
    openings: float = 28.0
    cycle: float = 4.0
    mask: float = 1.0
    texture: float = 8.0
    lattice: float = 16.0
    fine: float = 4.0
    fine_texture: float = 6.0
    ghost: float = 0.15


def composite(colour: Tensor, targets: Tensor, area: Tensor) -> Tensor:
    """The picture that is judged: the swap inside the true area, the target outside."""
    return targets + area * (colour - targets)


def reconstruction_loss(colour: Tensor, answers: Tensor, area: Tensor, detail: Tensor) -> Tensor:
    """Pixels, their 4 px means, and their differences to the right and downwards.

    The differences punish a lattice and reward texture; mouth and eyes count three times.
    """
    weight = 0.15 + 2 * area * (1 + 2 * detail)
    error = colour - answers
    pixels = (error.abs() * weight).mean()
    coarse = functional.avg_pool2d(error, 4).abs().mean()
    slopes = (error.diff(dim=3).abs() * weight[..., 1:]).mean() + (error.diff(dim=2).abs() * weight[:, :, 1:]).mean()
    return pixels + coarse + 0.5 * slopes


def fine_loss(colour: Tensor, answers: Tensor, area: Tensor) -> Tensor:
    """Pixels and their differences to the right and downwards at 256 px; ``area`` (B, 1, 128, 128)."""
    weight = 0.15 + 2 * enlarge(area)
    error = colour - answers
    slopes = (error.diff(dim=3).abs() * weight[..., 1:]).mean() + (error.diff(dim=2).abs() * weight[:, :, 1:]).mean()
    return (error.abs() * weight).mean() + slopes


def finest(pictures: Tensor) -> Tensor:
    """What is lost between 2S and S: (B, 3, 2S, 2S)."""
    return pictures - enlarge(halve(pictures))


def ghost_loss(colour: Tensor, targets: Tensor, where: Tensor) -> Tensor:
    """The share of the targets' finest detail that the swaps show: 0 none of it, 1 all; ``where`` (B, 1, 2S, 2S)."""
    given, own = finest(targets) * where, finest(colour)
    share = (given * own).sum((1, 2, 3)) / given.square().sum((1, 2, 3)).clamp_min(1e-3)
    return share.clamp_min(0).mean()


def _laplacian(pictures: Tensor) -> Tensor:
    """Of the grey pictures: (B, 1, H, W)."""
    grey = functional.pad(pictures.mean(1, keepdim=True), (1, 1, 1, 1))
    beside = grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:] + grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1]
    return beside - 4 * grey[..., 1:-1, 1:-1]  # a convolution of one channel is ten times as slow


def texture_loss(made: Tensor, wanted: Tensor, area: Tensor) -> Tensor:
    """Mean strength of the grey Laplacian in 8 px windows, wherever the detail itself lies.

    What cannot be foretold pixel by pixel comes out as a blur under every pixel loss; this one asks for
    as much detail as a real picture has.
    """

    def energy(pictures: Tensor) -> Tensor:
        return functional.avg_pool2d(_laplacian(pictures).abs(), 8, 4)

    return ((energy(made) - energy(wanted)).abs() * functional.avg_pool2d(area, 8, 4)).mean()


def lattice_loss(made: Tensor, area: Tensor) -> Tensor:
    """How much the grey Laplacian depends on the place within a 4 px patch, in windows of 32 px.

    A lattice of the patch's period is the cheapest way to make fine detail; real pictures have none.
    """
    phases = functional.pixel_unshuffle(_laplacian(made) * area, 4)  # (B, 16, S/4, S/4)
    return functional.avg_pool2d(phases, 8, 4).abs().mean()


def feature_loss(made: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Relative L1 of the embedder's inner features."""
    parts = [(m - w).abs().mean() / (w.abs().mean() + 1e-3) for m, w in zip(made, wanted, strict=True)]
    return torch.stack(parts).sum()


def mask_loss(logit: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of the predicted mask; the small places that stay the target's own count several times."""
    weight = batch.told * (1 + _OWN_PLACES * batch.inside)
    return (functional.binary_cross_entropy_with_logits(logit, batch.area, reduction="none") * weight).mean()


def identity_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine of unit vectors (B, D)."""
    return (1 - (made * wanted).sum(1)).mean()


def unlike_loss(cosines: Tensor) -> Tensor:
    """The mean of (1 - cosine) squared: whoever is not recognised yet counts more than who already is."""
    return (1 - cosines).square().mean()


def details_cosine(details: Tensor, identities: Tensor) -> Tensor:
    """Cosines (N,) of details (N, 512) of unit length with those in the last N of some identities (B, 512)."""
    return (details * identities[len(identities) - len(details) :]).sum(1) / DETAILS_SHARE**0.5


def light_loss(swaps: Tensor, targets: Tensor) -> Tensor:
    """Low frequencies: 16 px means every 8 px."""
    return functional.avg_pool2d(swaps - targets, 16, 8, 8, count_include_pad=False).abs().mean()


def chroma_loss(swaps: Tensor, targets: Tensor, skin: Tensor) -> Tensor:
    """How far the skin's colour, apart from its brightness, is from the target's: 4 px means every 2 px.

    A mean would let a few pixels be of any colour: where the error can be seen it counts several times.
    """
    error = swaps - targets
    error = functional.avg_pool2d(error - error.mean(1, keepdim=True), 4, 2).abs()
    stains = functional.relu(error - _WRONG_COLOUR)
    return ((error + _STAINS * stains) * functional.avg_pool2d(skin, 4, 2)).mean()


def folds_loss(swaps: Tensor, targets: Tensor, cheeks: Tensor) -> Tensor:
    """How far the grey of the cheeks is from the target's: 4 px means every 2 px, over the cheeks."""
    return _mean_over((_shades(swaps) - _shades(targets)).abs(), cheeks)


def stubble_loss(swaps: Tensor, targets: Tensor, jaw: Tensor) -> Tensor:
    """How much darker than the target's the skin round the mouth is, beyond a shade: 4 px means every 2 px.

    A beard cannot be worn on a clean face by halves: a grey patch above the lip is the cheapest likeness to a man.
    """
    return _mean_over(functional.relu(_shades(targets) - _shades(swaps) - _SHADE), jaw)


def halos_loss(swaps: Tensor, targets: Tensor, where: Tensor) -> Tensor:
    """How much brighter than all, or darker than all, that the target has nearby: 4 px means every 2 px.

    Strong brows are told from bright skin about them: a dark band under a bright one is worn sooner than their shape.
    """
    shades, own = _shades(swaps), _shades(targets)
    brightest, least = (functional.max_pool2d(x, _SHADES_NEAR, 1, _SHADES_NEAR // 2) for x in (own, -own))
    beyond = functional.relu(shades - brightest - _HALO) + functional.relu(-least - shades - _SHADE)
    return _mean_over(beyond, where)


def _shades(pictures: Tensor) -> Tensor:
    """(B, 3, S, S) -> (B, 1, S/2 - 1, S/2 - 1), grey 4 px means every 2 px."""
    return functional.avg_pool2d(pictures.mean(1, keepdim=True), 4, 2)


def _mean_over(error: Tensor, place: Tensor) -> Tensor:
    """The mean of an error of shades over a place (B, 1, S, S); at least 1 % of the picture is reckoned."""
    where = functional.avg_pool2d(place, 4, 2)
    return (error * where).mean() / where.mean().clamp_min(0.01)


def spots_loss(swaps: Tensor, targets: Tensor, where: Tensor, bright: Tensor) -> Tensor:
    """Dots and lines that are not the target's, in each colour: what a closing fills and an opening cuts off.

    Args:
        swaps: (B, 3, S, S).
        targets: the same before the swap.
        where: (B, K, S, S), of K places, each of which counts as much.
        bright: (B, L, S, S), of L places where only bright ones count.
    """

    def dots(pictures: Tensor) -> Tensor:
        both = torch.cat([pictures, -pictures], 1)  # dark ones of the one are bright ones of the other
        return -_grown(-_grown(both)) - both

    excess = functional.relu(dots(swaps) - dots(targets) - _SPOT_LEAST)

    def found(spots: Tensor, places: Tensor) -> Tensor:
        return ((spots * places).mean((0, 2, 3)) / places.mean((0, 2, 3)).clamp_min(0.01)).sum()

    return found(excess.mean(1, keepdim=True), where) + found(excess[:, 3:].mean(1, keepdim=True), bright)


def _grown(x: Tensor) -> Tensor:
    """The most in a square of a spot's size round each place, rows first, then columns."""
    across = functional.max_pool2d(x, (1, _SPOT_PX), 1, (0, _SPOT_PX // 2))
    return functional.max_pool2d(across, (_SPOT_PX, 1), 1, (_SPOT_PX // 2, 0))


def masked_l1(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference where the mask (B, 1, H, W) is 1; at least 1 % of the picture is reckoned."""
    return ((a - b).abs() * mask).mean() / mask.mean().clamp_min(0.01)


def openings_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean L1 of the vectors across the open mouth and the open eyes, and from the mouth's corners.

    Among a hundred landmarks these few hardly count, yet they are the expression: a closed-lipped smile is its corners.

    Args:
        made: (K, B, P, 2) as ``Guides.expressions`` gives them.
        wanted: the same of the target.
    """
    error = made - wanted
    across = (error[..., _GAPS[0], :] - error[..., _GAPS[1], :]).abs()
    return (across * across.new_tensor(_GAP_WEIGHTS)[:, None]).mean()


def emotion_loss(guides: Guides, swaps: Tensor, targets: Tensor, grid: Tensor) -> Tensor:
    """How little the expressions seen in the swaps foretell those of the targets: Kullback-Leibler, in nats."""
    with torch.no_grad():
        wanted = guides.emotions(targets, grid)
    return functional.kl_div(guides.emotions(swaps, grid), wanted, reduction="batchmean", log_target=True)


def recognised_losses(guides: Guides, swaps: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """What recognisers say, each by its weight, that compare pictures.

    Args:
        guides: the frozen nets.
        swaps: (N, 3, 128, 128), all of the batch.
        targets: the same before the swap.
        batch: of which they are the last N.

    Returns:
        The mean of (1 - cosine) squared to the pictures of those who are worn, mixtures left out; and the mean cosine
        to the targets where above 0.
    """
    unlike, like_before = swaps.new_zeros(()), swaps.new_zeros(())
    for recogniser in guides.recognisers:
        count = len(swaps) if recogniser.look.all else max(len(swaps) // 2, 1)
        some = slice(len(batch.targets) - count, None)
        grid, single = batch.embedder_grid[some], batch.single[some]
        with torch.no_grad():
            wanted = recogniser(batch.sources[some], batch.source_grid[some])
            before = recogniser(targets[-count:], grid)
        made = recogniser(swaps[-count:], grid)
        error = (1 - (made * wanted).sum(1)).square() * single
        unlike = unlike + recogniser.look.weight * error.sum() / single.sum().clamp_min(1)
        like_before = like_before + recogniser.look.weight * (made * before).sum(1).clamp_min(0).mean()
    return unlike, like_before


def generator_losses(net: nn.Module, batch: Batch, guides: Guides, weights: Weights) -> dict[str, Tensor]:
    """All losses of one step, weighted; their sum is minimised.

    Args:
        net: the generator.
        batch: reverse pairs first, then true swaps; either part may be empty.
        guides: the frozen teachers.
        weights: how much each loss counts.
    """
    colour, mask_logit = (output.float() for output in net(batch.targets, batch.identities, batch.wearers))
    losses = {"mask": weights.mask * mask_loss(mask_logit, batch)}
    reverse_share = batch.reverse / len(colour)
    if batch.reverse:
        parts = _reverse_losses(colour, batch, guides, weights)
        losses |= {name: value * reverse_share for name, value in parts.items()}
    if batch.reverse < len(colour):
        parts = _swap_losses(net, colour, batch, guides, weights)
        losses |= {name: value * (1 - reverse_share) for name, value in parts.items()}
    return losses


def _reverse_losses(colour: Tensor, batch: Batch, guides: Guides, weights: Weights) -> dict[str, Tensor]:
    """Against the known answer; the costly embedder sees only the first half."""
    n, half = batch.reverse, max(batch.reverse // 2, 1)
    colour, answers, area = colour[:n], batch.answers[:n], batch.area[:n]
    coarse, coarse_answers = halve(colour), halve(answers)
    pictures = composite(coarse[:half], halve(batch.targets[:half]), area[:half])
    made, made_features = guides.embed(pictures, batch.embedder_grid[:half])
    with torch.no_grad():
        _, wanted_features = guides.embed(coarse_answers[:half], batch.embedder_grid[:half])
    return {
        "reconstruct": weights.reconstruct * reconstruction_loss(coarse, coarse_answers, area, batch.detail[:n]),
        "identity_reverse": weights.identity_reverse * identity_loss(made, batch.teacher_identities[:half]),
        "features": weights.features * feature_loss(made_features, wanted_features),
        "texture_reverse": weights.texture * texture_loss(coarse, coarse_answers, area),
        "fine_reverse": weights.fine * fine_loss(colour, answers, area),
        "fine_texture_reverse": weights.fine_texture * texture_loss(colour, answers, enlarge(area)),
    }


def _swap_losses(net: nn.Module, colour: Tensor, batch: Batch, guides: Guides, weights: Weights) -> dict[str, Tensor]:
    """True swaps: whose face it is, what stays the target's, and that (half of them) can be undone."""
    n = batch.reverse
    colour, targets = colour[n:], batch.targets[n:]
    area, detail, grid = batch.area[n:], batch.detail[n:], batch.embedder_grid[n:]
    coarse, coarse_targets, bare = halve(colour), halve(targets), batch.answers[n:]
    swaps = composite(coarse, coarse_targets, area)
    # With the forehead in view, a painted fringe is the cheapest likeness: a row of marks under the hair.
    without_forehead = composite(coarse, coarse_targets, batch.core[n:])
    made, details = guides.embed_by_turns(without_forehead, grid, batch.tones[n:])
    with torch.no_grad():
        expression = guides.expressions(coarse_targets, batch.mesh_grid[n:])
    made_expression = guides.expressions(swaps, batch.mesh_grid[n:])
    half = max(len(swaps) // 2, 1)
    brows, eyes = batch.round_brows[n:], batch.round_eyes[n:]
    spotless = torch.cat([eyes, batch.jaw[n:], batch.edge[n:]], 1)
    skin, busy = area * (1 - _COLOURED * detail), area * (1 + detail)
    features = enlarge(detail * (1 - batch.inside[n:]))
    worn = composite(colour[:half], targets[:half], enlarge(area[:half])).detach()
    worn = worn - finest(worn) * features[:half]  # or letting through what came through would be the answer
    undone = net(worn, batch.own_identities[n : n + half])[0].float()
    opinions = {}
    if guides.emotion is not None:
        opinions["emotion"] = weights.emotion * emotion_loss(guides, swaps, coarse_targets, batch.mesh_grid[n:])
    if guides.recognisers:
        unlike, like_before = recognised_losses(guides, without_forehead, coarse_targets, batch)
        opinions["recognised"] = weights.recognised * unlike
        opinions["likeness_recognised"] = weights.likeness_recognised * like_before
    if details is not None and len(details):
        worn_details, own_details = (details_cosine(details, z) for z in (batch.identities, batch.own_identities))
        opinions["details"] = weights.details * unlike_loss(worn_details)
        opinions["likeness_details"] = weights.likeness_details * own_details.clamp_min(0).mean()
    return opinions | {
        "identity_swap": weights.identity_swap * unlike_loss((made * batch.teacher_identities[n:]).sum(1)),
        "likeness": weights.likeness * (made * batch.own_teacher_identities[n:]).sum(1).clamp_min(0).mean(),
        "chroma": weights.chroma * chroma_loss(swaps, coarse_targets, skin),
        "light": weights.light * light_loss(swaps, coarse_targets),
        "background": weights.background * ((coarse - coarse_targets).abs() * (1 - area)).mean(),
        "folds": weights.folds * folds_loss(swaps, coarse_targets, batch.cheeks[n:]),
        "landmarks": weights.landmarks * functional.smooth_l1_loss(made_expression, expression, beta=_EXACT),
        "stubble": weights.stubble * stubble_loss(swaps, coarse_targets, batch.jaw[n:]),
        "halos": weights.halos * halos_loss(swaps, coarse_targets, torch.maximum(brows, eyes)),
        "spots": weights.spots * spots_loss(swaps, coarse_targets, spotless, brows),
        "openings": weights.openings * openings_loss(made_expression, expression),
        "inside": weights.inside * masked_l1(coarse, coarse_targets, batch.inside[n:]),
        "texture": weights.texture * texture_loss(coarse, halve(bare), busy),
        "fine_texture": weights.fine_texture * texture_loss(colour, bare, enlarge(busy)),
        "ghost": weights.ghost * ghost_loss(colour, targets, features),
        "lattice": weights.lattice * (lattice_loss(coarse, area) + lattice_loss(colour, enlarge(area))),
        "cycle": weights.cycle * reconstruction_loss(halve(undone), coarse_targets[:half], area[:half], detail[:half]),
        "fine_cycle": weights.fine * fine_loss(undone, targets[:half], area[:half]),
    }
