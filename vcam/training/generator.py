"""Training the generator: the faces, the batch of a step, the loop.

    python -m vcam.training.generator --data DIR --cache DIR --out DIR --minutes N [--resume]

A batch holds reverse pairs (supervised by a real picture) and, after the first steps, as many true
swaps, whose outputs are fed back to be undone. The batch of a step is a pure function of the seed
and the step, so that a resumed run sees the very pictures it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vcam.geometry import ARCFACE_112, compose, invert, similarity
from vcam.training.augment import blend, centred_similarity
from vcam.training.batch import Batch
from vcam.training.data import (
    EMBEDDER_SIZE,
    IDENTITY_SETS,
    SIZE,
    Faces,
    LargePictures,
    load_faces,
    points_to_large,
    unit_embeddings,
)
from vcam.training.details import identities_of
from vcam.training.face_masks import face_masks
from vcam.training.glasses import draw_glasses, lines_round_eyes
from vcam.training.grids import sampling_grid
from vcam.training.guides import Guides
from vcam.training.identity_space import lift
from vcam.training.loop import Plan, Sheet, pick_device, rounds, start, train_as_told
from vcam.training.losses import Weights, composite, generator_losses
from vcam.training.mesher import MESH_SIZE
from vcam.training.networks import AeiNet, AeiNetSettings, mask_of
from vcam.training.options import Options
from vcam.training.pairs import nearest, pseudo_input, ranked
from vcam.training.pool import Pool, gather
from vcam.training.sheets import bands
from vcam.training.smooth_faces import average_face, beautified
from vcam.training.warm_start import warm_start

SETS = IDENTITY_SETS
COMMON_FACES = 200  # whose mean a recogniser's vectors are seen from
_AVERAGED = (3, 12)  # so many faces are averaged, the last not among them


@dataclass(frozen=True)
class GeneratorSettings:
    """How the generator is trained.

    Attributes:
        batch: pictures a step.
        reverse_only_steps: so many first steps have reverse pairs only: they are cheap and teach at once.
        mismatched: share of reverse pairs whose donor is chosen without regard to its expression.
        another_photo: how often a reverse pair wears the identity of another photo of the same person.
        mixed_identities: share of swaps that wear a mixture of two people.
        known_wearers: share of swaps in which it is known whose face the target is, as it is in a call after a second.
        candidates: donors compared for each reverse pair.
        sharp_targets: share of swaps whose target is of a set stored at 256 px.
        blurred: share of pictures, targets and answers alike, that a bad camera or a far face made soft.
        most_blur_px: deviation of the strongest such blur, in px of 256.
        glasses: share of targets on which glasses are drawn.
        averaged: share of swaps whose target is the mean of some faces.
        beautified: share of swaps whose target went through a beauty filter.
        expressive: share of pictures drawn from those with narrow or wide eyes, or a smile with closed lips.
        wearers: share of pictures of people who really wear glasses, drawn from those whose rims were found.
        seed: of all random choices.
        weights: of the losses.
        net: sizes of the generator.
    """

    batch: int = 16
    reverse_only_steps: int = 250
    mismatched: float = 0.25
    another_photo: float = 0.5
    mixed_identities: float = 0.1
    known_wearers: float = 0.7
    candidates: int = 800
    sharp_targets: float = 0.7
    blurred: float = 0.3
    most_blur_px: float = 2.0
    glasses: float = 0.25
    expressive: float = 0.35
    wearers: float = 0.06
    averaged: float = 0.1
    beautified: float = 0.12
    seed: int = 0
    weights: Weights = field(default_factory=Weights)
    net: AeiNetSettings = field(default_factory=AeiNetSettings)


@dataclass(frozen=True, slots=True)
class _Example:
    """One picture of a batch, before it becomes tensors; pictures are uint8 (256, 256, 3)."""

    row: int
    own: tuple[int, ...]  # rows of who is seen in the answer: one, or those of whom it is the mean
    worn: tuple[int, ...]  # rows of whom it is to wear
    target: NDArray[np.uint8]
    answer: NDArray[np.uint8]
    identity: NDArray[np.float32]
    teacher_identity: NDArray[np.float32]
    mirrored: bool
    rims: NDArray[np.uint8]  # (128, 128) of glasses, drawn or real
    known: bool = False  # whether the net is told who wears it


def make_batch(pool: Pool, settings: GeneratorSettings, step: int) -> Batch:
    """The batch of a step: reverse pairs first, then true swaps."""
    rng = np.random.default_rng([settings.seed, step])
    reverse = settings.batch if step < settings.reverse_only_steps else settings.batch // 2
    examples = [_reverse_example(pool, settings, rng) for _ in range(reverse)]
    examples += [_swap_example(pool, settings, rng) for _ in range(settings.batch - reverse)]
    return _to_batch(pool, examples, reverse, rng)


def _reverse_example(pool: Pool, settings: GeneratorSettings, rng: np.random.Generator) -> _Example:
    row = _pick(pool, settings, rng, pool.answers)
    candidates = rng.choice(pool.answers, settings.candidates)
    candidates = candidates[pool.person[candidates] != pool.person[row]]
    donor = _donor_for(pool, row, candidates, with_expression=rng.random() >= settings.mismatched)
    answer, wearing = pool.large[row], pool.large[donor]
    target = pseudo_input(
        answer,
        points_to_large(pool.landmarks[row, :, :2]),
        wearing,
        points_to_large(pool.landmarks[donor, :, :2]),
        rng,
        pool.rims_of(row),
    )
    worn = row
    if rng.random() < settings.another_photo:
        worn = int(rng.choice(pool.photos[int(pool.person[row])]))
    target, rims = _with_glasses(pool, settings, rng, row, target)
    target, answer = _softened(settings, rng, target, answer)
    mirrored = rng.random() < 0.5
    vectors = pool.identities[worn], pool.teacher_identities[worn]
    return _Example(row, (row,), (worn,), target, answer, *vectors, mirrored, rims)


def _pick(pool: Pool, settings: GeneratorSettings, rng: np.random.Generator, rows: NDArray[np.intp]) -> int:
    """One of the rows, or now and then somebody who wears glasses, or whose expression is easily lost."""
    how = rng.random()
    if len(pool.wearers) and how < settings.wearers:
        return int(rng.choice(pool.wearers))
    expressive = rows[pool.expressive[rows]]
    often = len(expressive) and how < settings.wearers + settings.expressive
    return int(rng.choice(expressive if often else rows))


def _donor_for(pool: Pool, row: int, candidates: NDArray[np.intp], *, with_expression: bool) -> int:
    """The nearest candidate without glasses if there is one: rims stay, and a donor's would be in no answer."""
    first = donor = nearest(pool.likeness, row, candidates, with_expression=with_expression)
    while pool.rims_of(donor) is not None:
        candidates = candidates[candidates != donor]
        if not len(candidates):
            return first
        donor = nearest(pool.likeness, row, candidates, with_expression=with_expression)
    return donor


def _with_glasses(
    pool: Pool, settings: GeneratorSettings, rng: np.random.Generator, row: int, target: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Now and then the target with glasses, if it has none of its own; and where rims are, uint8 (128, 128)."""
    drawn = rng.random() < settings.glasses
    real = pool.rims_of(row)
    if real is not None:
        return target, _halved_lines(real)
    if not drawn:
        return target, np.zeros((SIZE, SIZE), np.uint8)
    colour, where = draw_glasses(points_to_large(pool.landmarks[row, :, :2]), len(target), rng)
    return blend(colour, target, where), _halved_lines(where)


def _halved_lines(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(256, 256) -> (128, 128), the most of 2 x 2: a thin line stays whole, or it would be half swapped."""
    return np.asarray(plane.reshape(SIZE, 2, SIZE, 2).max((1, 3)), np.uint8)


def _softened(
    settings: GeneratorSettings, rng: np.random.Generator, *images: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], ...]:
    """Now and then all of them blurred alike: a soft picture must stay soft, without invented detail."""
    if rng.random() >= settings.blurred:
        return images
    deviation = rng.uniform(0.5, settings.most_blur_px)
    return tuple(np.asarray(cv2.GaussianBlur(image, (0, 0), deviation), np.uint8) for image in images)


def _swap_example(pool: Pool, settings: GeneratorSettings, rng: np.random.Generator) -> _Example:
    sharp = rng.random() < settings.sharp_targets or not len(pool.targets)
    row = _pick(pool, settings, rng, pool.answers if sharp else pool.targets)
    sources = pool.sources[np.searchsorted(pool.chances, rng.uniform(0, pool.chances[-1], 8))]
    sources = sources[pool.person[sources] != pool.person[row]]
    answer, own = _smoothed(pool, settings, rng, row)
    row = own[0]
    identity, teacher = pool.identities[sources[0]], pool.teacher_identities[sources[0]]
    worn: tuple[int, ...] = (int(sources[0]),)
    if rng.random() < settings.mixed_identities:
        worn = (*worn, int(sources[1]))
        share = np.float32(rng.uniform(0.3, 0.7))
        identity = _mix(identity, pool.identities[sources[1]], share)
        teacher = _mix(teacher, pool.teacher_identities[sources[1]], share)
    target, rims = _with_glasses(pool, settings, rng, row, answer)
    target, answer = _softened(settings, rng, target, answer)
    mirrored, known = rng.random() < 0.5, rng.random() < settings.known_wearers
    return _Example(row, own, worn, target, answer, identity, teacher, mirrored, rims, known)


def _smoothed(
    pool: Pool, settings: GeneratorSettings, rng: np.random.Generator, row: int
) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """The picture of a row, now and then smoother than a camera's, of itself or of others; and who is seen in it.

    The landmarks are those of the first of whom is seen.
    """
    how, count = rng.random(), rng.integers(*_AVERAGED)
    if how < settings.averaged and len(pool.alike) > count:
        first = int(rng.choice(pool.alike))
        own = tuple(int(one) for one in ranked(pool.likeness, first, pool.alike, with_expression=True)[:count])
        places = [points_to_large(pool.landmarks[one, :, :2]) for one in own]
        return average_face([pool.large[one] for one in own], places, places[0]), own
    image = pool.large[row]
    if how < settings.averaged + settings.beautified and pool.rims_of(row) is None:
        image = beautified(image, rng)
    return image, (row,)


def _mix(a: NDArray[np.float32], b: NDArray[np.float32], share: np.float32) -> NDArray[np.float32]:
    mixed = share * a + (1 - share) * b
    return np.asarray(mixed / np.linalg.norm(mixed), np.float32)


def _to_batch(pool: Pool, examples: list[_Example], reverse: int, rng: np.random.Generator) -> Batch:
    rows = [e.row for e in examples]
    mirrored = [e.mirrored for e in examples]
    masks = [_masks_of(pool, e) for e in examples]
    planes = {
        name: torch.from_numpy(np.stack([_mirror(m[name], e.mirrored) for m, e in zip(masks, examples, strict=True)]))
        for name in masks[0]
    }
    crops = [
        compose(_image_from_crop(pool.faces.points5[row], flag), _glimpse(rng, EMBEDDER_SIZE))
        for row, flag in zip(rows, mirrored, strict=True)
    ]
    to_picture = np.array([[1.0, 0, (1 - MESH_SIZE / SIZE) / 2], [0, 1, (1 - MESH_SIZE / SIZE) / 2]]) * (
        SIZE / MESH_SIZE
    )
    mesh_crops = [compose(to_picture, _glimpse(rng, MESH_SIZE)) for _ in rows]
    sources, source_grid = _sources_of(pool, [e.worn[0] for e in examples])
    own_identities = torch.from_numpy(_own_of(pool.identities, examples))
    return Batch(
        targets=_to_tensor([_mirror(e.target, e.mirrored) for e in examples]),
        answers=_to_tensor([_mirror(e.answer, e.mirrored) for e in examples]),
        identities=torch.from_numpy(np.stack([e.identity for e in examples])),
        teacher_identities=torch.from_numpy(np.stack([e.teacher_identity for e in examples])),
        sources=sources,
        source_grid=source_grid,
        single=torch.tensor([len(e.worn) == 1 for e in examples]).float(),
        own_identities=own_identities,
        wearers=own_identities * torch.tensor([e.known for e in examples]).float()[:, None],
        own_teacher_identities=torch.from_numpy(_own_of(pool.teacher_identities, examples)),
        **{name: stacked.float()[:, None] / 255 for name, stacked in planes.items()},
        tones=torch.from_numpy(np.stack([_tone(rng) for _ in rows])),
        embedder_grid=sampling_grid(torch.from_numpy(np.stack(crops)).float(), EMBEDDER_SIZE),
        mesh_grid=sampling_grid(torch.from_numpy(np.stack(mesh_crops)).float(), MESH_SIZE),
        reverse=reverse,
    )


def _own_of(vectors: NDArray[np.float32], examples: list[_Example]) -> NDArray[np.float32]:
    """Unit vectors (B, D) of who is seen in each answer."""
    return unit_embeddings(np.stack([vectors[list(example.own)].mean(0) for example in examples]))


def _sources_of(pool: Pool, rows: list[int]) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, 128, 128) in -1..1 of some people, and where the embedder's crops sample them."""
    crops = np.stack([_image_from_crop(pool.faces.points5[row], mirrored=False) for row in rows])
    pictures = _to_tensor([pool.faces.images[row] for row in rows])
    return pictures, sampling_grid(torch.from_numpy(crops).float(), EMBEDDER_SIZE)


def _mirror(image: NDArray[np.uint8], flag: bool) -> NDArray[np.uint8]:
    return image[:, ::-1] if flag else image


def _to_tensor(images: list[NDArray[np.uint8]]) -> Tensor:
    """uint8 RGB (S, S, 3) each -> float32 (B, 3, S, S) in -1..1."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return stacked.div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def _masks_of(pool: Pool, example: _Example) -> dict[str, NDArray[np.uint8]]:
    """The masks of an example by the batch's names, glasses and all, and how surely each place is known."""
    points = pool.landmarks[example.row, :, :2]
    masks = face_masks(points)
    told = np.full((SIZE, SIZE), 255, np.uint8)
    if not example.rims.any():
        told -= lines_round_eyes(pool.faces.images[example.row], points)
    outside_rims = {name: np.minimum(plane, 255 - example.rims) for name, plane in masks._asdict().items()}
    own = {"detail": masks.detail, "inside": np.maximum(masks.inside, example.rims)}
    return outside_rims | own | {"told": told}


def _glimpse(rng: np.random.Generator, side: int) -> NDArray[np.float64]:
    """(2, 3) affine: how a teacher sees a crop this time, a little moved, turned, larger or smaller, or mirrored."""
    moved = centred_similarity(side, rng.normal(0, 3), np.exp(rng.normal(0, 0.03)), rng.normal(0, 0.02, 2) * side)
    mirror = np.array([[-1.0, 0, side - 1], [0, 1, 0]])
    return compose(moved, mirror) if rng.random() < 0.5 else moved


def _tone(rng: np.random.Generator) -> NDArray[np.float32]:
    """Contrast, brightness and colour in which the embedder sees a crop this time."""
    colour = 0.0 if rng.random() < 0.2 else rng.uniform(0.6, 1.3)
    return np.array([rng.uniform(0.7, 1.2), rng.normal(0, 0.1), colour], np.float32)


def _image_from_crop(points5: NDArray[np.float32], mirrored: bool) -> NDArray[np.float64]:
    """(2, 3) affine from the embedder's 112 px crop to the 128 px picture."""
    points = points5[[1, 0, 2, 4, 3]] * [-1, 1] + [SIZE - 1, 0] if mirrored else points5
    return invert(similarity(points, ARCFACE_112 * EMBEDDER_SIZE))


def sheet_of(pool: Pool, count: int = 16) -> Sheet:
    """Sources, targets and swaps of unseen people."""
    faces, large = pool.faces, pool.large
    unseen = np.flatnonzero((faces.split == "val") & (faces.coverage > 0.7))
    picked = np.random.default_rng(4).choice(unseen, min(2 * count, len(unseen)), replace=False)
    sources, targets = np.array_split(picked, 2)
    sources = sources[: len(targets)]
    worn, wearers = (torch.from_numpy(pool.identities[rows]) for rows in (sources, targets))
    pictures = [np.stack([large[int(row)] for row in rows]) for rows in (sources, targets)]
    shown = _to_tensor(list(pictures[1]))

    def draw(net: nn.Module) -> NDArray[np.uint8]:
        with torch.inference_mode():
            colour, logit = net(shown, worn, wearers)
            swaps = composite(colour, shown, mask_of(logit))
        swapped = ((swaps.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        return bands(*pictures, swapped)

    return draw


def _identities(options: Options, faces: Faces) -> NDArray[np.float32]:
    """(N, 512) unit vectors of all faces: by the embedder of the pack, or by the teacher and so without details."""
    if options.pack:
        return identities_of(faces, options.cache, options.pack)
    return lift(unit_embeddings(faces.embeddings))


def train_generator(options: Options, plan: Plan, settings: GeneratorSettings) -> AeiNet:
    """Train the generator; returns the running mean of its weights."""
    assert options.data is not None
    faces = load_faces(options.cache, SETS, ("images", "crops112", "mesh", "embeddings", "points5", "coverage"))
    large = LargePictures(options.cache, faces)
    pool = gather(faces, large, _identities(options, faces))
    device = pick_device(options.device)
    rounded = rounds(options.precision, device)
    guides = Guides(options.data / "teachers", options.pack, options.opinions, rounded=rounded)
    for recogniser in guides.recognisers:
        some = pool.sources[:: max(len(pool.sources) // COMMON_FACES, 1)]
        recogniser.learn_common(*_sources_of(pool, list(some)))
    guides = guides.to(device)
    torch.manual_seed(settings.seed)
    net = AeiNet(settings.net)
    if options.pack:
        first = make_batch(pool, settings, settings.reverse_only_steps)
        warm_start(net, options.pack / "generator.onnx", lambda m: m(first.targets, first.identities), prefix="")
        warm_start(net.identity, options.pack / "identity.onnx", lambda m: m(first.identities))
        net.identity.unfold()
    trained = train_as_told(
        options,
        net.to(memory_format=torch.channels_last),
        lambda step: make_batch(pool, settings, step),
        lambda model, batch: generator_losses(model, batch, guides, settings.weights),
        plan,
        sheet=sheet_of(pool),
    )
    assert isinstance(trained, AeiNet)
    return trained


def run(options: Options) -> None:
    """Train the generator."""
    decay_from = 0.3 if options.pack else 0.6  # weights that are good already gain most while the rate falls
    plan = Plan(options.steps, options.minutes, options.rate or 1e-3, 1e-5, decay_from=decay_from, ema=0.995)
    first_steps = 0 if options.pack else GeneratorSettings.reverse_only_steps
    settings = GeneratorSettings(batch=options.batch, reverse_only_steps=first_steps, seed=options.seed)
    train_generator(options, plan, settings)


def main() -> None:
    """Train from the command line."""
    run(start("generator"))


if __name__ == "__main__":
    main()
