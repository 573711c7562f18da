"""What one step of the generator's training is made of."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step is made of; B pictures, the first ``reverse`` of them reverse pairs.

    Attributes:
        targets: (B, 3, 256, 256) the generator's input.
        answers: (B, 3, 256, 256) the known answer of a reverse pair; the target itself of a true swap, without the
            glasses that were drawn on it.
        identities: (B, 512) unit vectors to wear, as the embedder that ships gives them.
        teacher_identities: (B, 128) the same identities as unit vectors of the teacher.
        wearers: (B, 512) unit vectors of the person in the targets of swaps; zeros where that is not to be known.
        sources: (B, 3, 128, 128) a picture of who is worn.
        source_grid: (B, 112, 112, 2) where the embedder's crop samples it, for grid_sample.
        single: (B,) 1 where one person is worn, 0 for a mixture of two, which no picture shows.
        own_identities: (B, 512) unit vectors of the person in ``answers``.
        own_teacher_identities: (B, 128) the same as unit vectors of the teacher.
        area: (B, 1, 128, 128) soft face area, 1 = swapped; 0 between the lips and between the lids, where the
            target's own mouth and eyes are seen.
        core: (B, 1, 128, 128) the face area without the forehead: where the identity is looked for.
        detail: (B, 1, 128, 128) 1 on mouth, eyes and brows.
        inside: (B, 1, 128, 128) 1 between the lips and between the lids, and on the rims of glasses.
        cheeks: (B, 1, 128, 128) 1 on the cheeks, where a smile makes its folds.
        round_eyes: (B, 1, 128, 128) 1 on the skin round the eyes.
        round_brows: (B, 1, 128, 128) 1 on the brows and the skin round them.
        jaw: (B, 1, 128, 128) 1 on the skin round the lips down to the chin.
        edge: (B, 1, 128, 128) 1 on forehead and temples near the face's edge.
        told: (B, 1, 128, 128) 0 where nobody knows whether the swap or the target should be seen.
        tones: (B, 3) how the embedder sees the picture's contrast, brightness and colour (0 = grey, 1 = as it is).
        embedder_grid: (B, 112, 112, 2) where the embedder's crop samples the picture, for grid_sample.
        mesh_grid: (B, 192, 192, 2) the same for the mesh net.
        reverse: how many reverse pairs there are.
    """

    targets: Tensor
    answers: Tensor
    identities: Tensor
    teacher_identities: Tensor
    wearers: Tensor
    sources: Tensor
    source_grid: Tensor
    single: Tensor
    own_identities: Tensor
    own_teacher_identities: Tensor
    area: Tensor
    core: Tensor
    detail: Tensor
    inside: Tensor
    cheeks: Tensor
    round_eyes: Tensor
    round_brows: Tensor
    jaw: Tensor
    edge: Tensor
    told: Tensor
    tones: Tensor
    embedder_grid: Tensor
    mesh_grid: Tensor
    reverse: int
