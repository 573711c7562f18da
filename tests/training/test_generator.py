"""The generator's training: shapes, losses, the batch of a step, exact resume, and what goes wrong."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from torch.nn.functional import interpolate  # noqa: E402

from training.faces_by_hand import face_landmarks  # noqa: E402
from vcam import topology as topo  # noqa: E402
from vcam.errors import BadInput, VcamError  # noqa: E402
from vcam.training import data, packed, require_torch  # noqa: E402
from vcam.training.augment import blend  # noqa: E402
from vcam.training.data import points_to_large  # noqa: E402
from vcam.training.export import generator_graphs, store_half  # noqa: E402
from vcam.training.face_masks import face_masks  # noqa: E402
from vcam.training.generator import (  # noqa: E402
    GeneratorSettings,
    make_batch,
)
from vcam.training.glasses import draw_glasses, find_rims, lines_round_eyes  # noqa: E402
from vcam.training.grids import sampling_grid  # noqa: E402
from vcam.training.guides import toned  # noqa: E402
from vcam.training.identity_space import DETAILS, basis, join, lift, nobodies, teachers_part  # noqa: E402
from vcam.training.loop import Plan, load_mean, train  # noqa: E402
from vcam.training.losses import (  # noqa: E402
    chroma_loss,
    composite,
    finest,
    ghost_loss,
    halos_loss,
    identity_loss,
    lattice_loss,
    light_loss,
    masked_l1,
    reconstruction_loss,
    spots_loss,
    stubble_loss,
    texture_loss,
    unlike_loss,
)
from vcam.training.mesher import MESH_POINTS  # noqa: E402
from vcam.training.mix import mix  # noqa: E402
from vcam.training.networks import (  # noqa: E402
    TINY,
    WEARER_SHARE,
    AeiNet,
    AeiNetSettings,
    Sharpener,
    mask_of,
)
from vcam.training.pairs import head_pose, pseudo_input, thin_plate_field  # noqa: E402
from vcam.training.pool import LABELLED_SHARE, are_expressive, chances_of, gather  # noqa: E402
from vcam.training.scales import enlarge, halve  # noqa: E402
from vcam.training.smooth_faces import average_face, beautified  # noqa: E402
from vcam.training.teachers import Teacher  # noqa: E402


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.fixture
def faces() -> data.Faces:
    """Twelve drawn faces of six people."""
    count = 12
    rng = np.random.default_rng(1)
    mesh = np.zeros((count, MESH_POINTS, 3), np.float32)
    mesh[:, list(topo.MESH)] = face_landmarks() + rng.normal(0, 0.4, (count, topo.COUNT, 3))
    points5 = np.stack([topo.landmarks5_from(m[:, :2]) for m in mesh[:, list(topo.MESH)]])
    return data.Faces(
        images=rng.integers(0, 255, (count, 128, 128, 3), dtype=np.uint8),
        crops112=np.empty(0, np.uint8),
        mesh=mesh,
        embeddings=rng.normal(0, 1, (count, 128)).astype(np.float32),
        points5=points5,
        coverage=np.ones(count, np.float32),
        identity=np.array([f"person{i // 2}" for i in range(count)]),
        split=np.array(["val"] * 2 + ["train"] * (count - 2)),
        set=np.array(["generated"] * count),
        file=np.array([f"faces/generated/{i}.png" for i in range(count)]),
    )


def identities_in(faces: data.Faces) -> np.ndarray:
    """Their vectors, with details of nobody's."""
    return join(faces.embeddings, unit(len(faces.file), DETAILS, seed=7))


def test_the_lift_keeps_every_cosine() -> None:
    a, b = unit(5, 128), unit(5, 128, seed=1)
    np.testing.assert_allclose((lift(a) * lift(b)).sum(1), (a * b).sum(1), atol=1e-5)
    np.testing.assert_allclose(basis().T @ basis(), np.eye(256), atol=1e-5)
    c, d = unit(5, DETAILS), unit(5, DETAILS, seed=2)
    both = join(a, c), join(b, 3 * d)
    np.testing.assert_allclose((both[0] * both[1]).sum(1), ((a * b).sum(1) + (c * d).sum(1)) / 2, atol=1e-5)
    np.testing.assert_allclose(teachers_part(both[0]), a, atol=1e-5)


@pytest.mark.parametrize("size", [128, 256])
def test_the_net_gives_colour_and_mask_of_the_targets_size(size: int) -> None:
    net = AeiNet(TINY)
    colour, logit = net(torch.zeros(2, 3, size, size), torch.from_numpy(unit(2, 512)))
    assert colour.shape == (2, 3, size, size)
    assert logit.shape == (2, 1, size // 2, size // 2)
    assert float(colour.detach().abs().max()) <= 1


def test_enlarging_is_bilinear() -> None:
    x = torch.rand(2, 3, 8, 8)
    wanted = interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge(x), wanted)


def test_the_finest_detail_of_the_target_comes_through_where_the_gate_is_open() -> None:
    sharpener = Sharpener()
    out, features = torch.zeros(1, 4, 16, 16), torch.zeros(1, 32, 8, 8)
    finest = torch.rand(1, 12, 16, 16) - 0.5
    for gate, share in ((-50.0, 0.0), (0.0, 0.5), (50.0, 1.0)):
        with torch.no_grad():
            sharpener.add.bias[12:] = gate
        torch.testing.assert_close(sharpener(out, features, finest), share * finest)


def test_a_new_net_has_the_size_that_is_promised() -> None:
    settings = AeiNetSettings()
    assert all(c % 16 == 0 for c in settings.channels)
    parameters = sum(p.numel() for p in AeiNet(settings).parameters())
    assert 5.9e6 < parameters < 6.3e6


def test_the_head_starts_without_a_lattice() -> None:
    head = AeiNet(TINY).generator.head
    colour, _ = head(torch.ones(1, 16, 8, 8))
    inner = colour[..., 8:-8, 8:-8].detach()
    assert float(inner.std(dim=(2, 3)).max()) < 1e-6


def test_fine_detail_is_added_only_once_it_has_been_learnt() -> None:
    head = AeiNet(TINY).generator.head
    h = torch.rand(1, 16, 8, 8)
    before, _ = head(h)
    with torch.no_grad():
        head.fine.weight.normal_()
    assert torch.equal(head(h)[0], before)
    with torch.no_grad():
        head.detail.weight.normal_()
    assert not torch.equal(head(h)[0], before)


def test_rare_people_are_worn_as_often_as_frequent_ones() -> None:
    labels = [("old", "asian")] + [("young", "asian")] * 4 + [("young", "white")] * 5 + [()] * 10
    chances = chances_of(labels)
    assert chances.sum() == pytest.approx(1)
    assert chances[:10].sum() == pytest.approx(LABELLED_SHARE)
    assert chances[0] == pytest.approx(9 * chances[1])  # 1 old one, 9 young ones
    assert len(set(chances[10:])) == 1
    assert chances_of([()] * 4).tolist() == [0.25] * 4


def test_losses_vanish_for_the_right_answer_and_grow_with_the_error() -> None:
    answer = torch.rand(2, 3, 128, 128) * 2 - 1
    area, detail = torch.ones(2, 1, 128, 128), torch.zeros(2, 1, 128, 128)
    assert float(reconstruction_loss(answer, answer, area, detail)) == 0
    small, large = (float(reconstruction_loss(answer + e, answer, area, detail)) for e in (0.1, 0.2))
    assert 0 < small < large
    assert float(light_loss(answer, answer)) == 0
    everywhere = torch.ones(2, 1, 128, 128)
    assert float(texture_loss(answer, answer.roll(1, 3), everywhere)) < float(
        texture_loss(answer * 0.5, answer, everywhere)
    )
    stripes = answer * 0
    stripes[..., ::4] = 0.2
    assert float(lattice_loss(stripes, everywhere)) > 20 * float(lattice_loss(answer * 0 + 0.3, everywhere))
    assert float(lattice_loss(stripes, everywhere)) > 2 * float(lattice_loss(answer * 0.2, everywhere))
    assert float(masked_l1(answer, answer + 1, torch.zeros(2, 1, 128, 128))) == 0
    same = torch.from_numpy(unit(3, 128))
    assert float(identity_loss(same, same)) == pytest.approx(0, abs=1e-6)
    assert float(identity_loss(same, -same)) == pytest.approx(2, abs=1e-6)


def test_the_least_like_count_most() -> None:
    cosines = torch.tensor([0.9, 0.3], requires_grad=True)
    unlike_loss(cosines).backward()  # type: ignore[no-untyped-call]
    assert cosines.grad is not None
    assert float(cosines.grad[1] / cosines.grad[0]) == pytest.approx(7)
    assert float(unlike_loss(torch.ones(3))) == 0


def test_a_blush_counts_and_a_shadow_does_not() -> None:
    target, everywhere = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    blush = target.clone()
    blush[:, 0, 8:24, 8:24] = 0.2
    assert float(chroma_loss(target - 0.3, target, everywhere)) < 1e-6
    assert float(chroma_loss(blush, target, everywhere)) > 0.01
    assert float(chroma_loss(blush, target, everywhere * 0)) == 0


def test_a_small_stain_costs_more_than_as_much_colour_spread_wide() -> None:
    target, everywhere = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    stain, tint = target.clone(), target.clone()
    stain[:, 0, 8:16, 8:16] = 0.4
    tint[:, 0] = 0.4 / 16  # the same sum
    assert float(chroma_loss(stain, target, everywhere)) > 3 * float(chroma_loss(tint, target, everywhere))


def test_a_ghost_is_the_targets_finest_detail_and_nothing_else() -> None:
    target, other = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    everywhere = torch.ones(1, 1, 32, 32)
    for share in (0.0, 0.5, 1.0):
        swap = enlarge(halve(other)) + share * finest(target)
        assert float(ghost_loss(swap, target, everywhere)) == pytest.approx(share, abs=0.05)
    assert float(ghost_loss(other, target, everywhere)) < 0.1
    assert float(ghost_loss(target, target, everywhere * 0)) == 0


def test_the_composite_is_the_target_outside_the_area() -> None:
    colour, target = torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    area = torch.zeros(1, 1, 8, 8)
    area[..., :4] = 1
    pictures = composite(colour, target, area)
    assert float(pictures[..., :4].min()) == 1
    assert float(pictures[..., 4:].max()) == 0


def test_the_grid_of_a_shift_samples_the_same_pixels() -> None:
    image = torch.rand(1, 3, 128, 128)
    grid = sampling_grid(torch.tensor([[[1.0, 0, 5], [0, 1, 7]]]), 112)
    crop = torch.nn.functional.grid_sample(image, grid, align_corners=False)
    torch.testing.assert_close(crop, image[..., 7:119, 5:117], atol=1e-4, rtol=0)


def test_a_warp_of_equal_points_is_no_warp() -> None:
    points = face_landmarks()[:, :2]
    field = thin_plate_field(points[::2], points[::2])
    rows, columns = np.mgrid[0:128, 0:128]
    assert np.abs(field - np.stack([columns, rows], -1))[4:-8, 4:-8].max() < 0.5


@pytest.mark.parametrize("zoom", [1, 2])
def test_a_pseudo_input_differs_in_the_face_only(zoom: int) -> None:
    rng = np.random.default_rng(0)
    side = 128 * zoom
    answer, donor = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for _ in range(2))
    points = face_landmarks()[:, :2] * zoom
    made = pseudo_input(answer, points, donor, points, rng)
    face = slice(60 * zoom, 80 * zoom)
    assert np.abs(made[face, face].astype(int) - answer[face, face]).mean() > 10
    assert np.array_equal(made[:, : 8 * zoom], answer[:, : 8 * zoom])


def test_a_pseudo_input_keeps_eyes_and_mouth() -> None:
    rng = np.random.default_rng(0)
    answer, donor = np.full((256, 256, 3), 40, np.uint8), np.full((256, 256, 3), 200, np.uint8)
    points = face_landmarks()[:, :2] * 2
    made = pseudo_input(answer, points, rng.integers(0, 255, answer.shape, dtype=np.uint8) | donor, points, rng)
    for group in (topo.LIPS_INNER, topo.EYE_LEFT, topo.EYE_RIGHT):
        x, y = np.round(points[group].mean(0)).astype(int)
        assert np.abs(made[y, x].astype(int) - answer[y, x]).max() <= 8
    assert np.abs(made[150, 90:100].astype(int) - answer[150, 90:100]).mean() > 8


def test_dots_that_the_target_has_not_cost_and_its_own_do_not() -> None:
    target = torch.zeros(1, 3, 32, 32)
    target[:, :, 4:6, 4:6] = -0.5
    where = torch.ones(1, 1, 32, 32)
    nowhere = where * 0
    assert spots_loss(target, target, where, where) == 0
    light = target + torch.linspace(-0.1, 0.1, 32)  # a shadow is no dot
    assert spots_loss(light, target, where, where) < 1e-5
    for colour in (-0.6, 0.6):
        dotted = target.clone()
        dotted[:, 0, 20:22, 20:22] += colour
        dotted.requires_grad_()
        loss = spots_loss(dotted, target, where, nowhere)
        assert loss > 1e-4
        loss.backward()
        assert (dotted.grad[0, 0, 20:22, 20:22] * colour > 0).any()
        hidden = where.clone()
        hidden[..., 18:24, 18:24] = 0
        assert spots_loss(dotted, target, hidden, nowhere) == 0
        assert (spots_loss(dotted, target, nowhere, where) > 1e-4) == (colour > 0)


def test_a_grey_patch_round_the_mouth_costs_and_a_beard_taken_off_does_not() -> None:
    target = torch.full((1, 3, 32, 32), 0.3)
    jaw = torch.zeros(1, 1, 32, 32)
    jaw[..., 16:, :] = 1
    assert stubble_loss(target - 0.04, target, jaw) < 1e-6  # a shade
    assert stubble_loss(target + 0.4, target, jaw) == 0
    patch = target.clone()
    patch[..., 20:24, 8:24] -= 0.2
    patch.requires_grad_()
    loss = stubble_loss(patch, target, jaw)
    assert loss > 1e-3
    loss.backward()
    assert (patch.grad[..., 20:24, 8:24] < 0).all()
    elsewhere = target.clone()
    elsewhere[..., 4:10, 8:24] -= 0.2
    assert stubble_loss(elsewhere, target, jaw) == 0


def test_bright_skin_about_a_brow_costs_and_a_brow_that_moved_a_little_does_not() -> None:
    target = torch.full((1, 3, 32, 32), 0.3)
    target[..., 12:16, 4:28] = -0.5
    where = torch.ones(1, 1, 32, 32)
    moved = torch.roll(target, 2, 2)
    assert halos_loss(moved, target, where) < 1e-6
    assert halos_loss(target + 0.02, target, where) < 1e-6  # a shade
    for rows, change in ((slice(4, 10), 0.2), (slice(20, 26), -0.4)):  # brighter skin above, a second brow below
        halo = target.clone()
        halo[..., rows, 8:24] += change
        halo.requires_grad_()
        loss = halos_loss(halo, target, where)
        assert loss > 1e-3
        loss.backward()
        inner = halo.grad[..., rows, 8:24][..., 1:-1, 1:-1]
        assert (inner * change > 0).all()
        assert halos_loss(halo, target, torch.zeros_like(where)) == 0


def test_the_swap_leaves_out_what_lies_between_lips_and_lids() -> None:
    points = face_landmarks()[:, :2]
    area, core, _, inside, cheeks, round_eyes, round_brows, jaw, edge = face_masks(points)
    low, high = points[topo.LIPS].min(0), points[topo.LIPS].max(0)
    assert (jaw[round((low[1] + high[1]) / 2), [round(low[0]) - 4, round(high[0]) + 4]] > 200).all()
    assert not jaw[points[topo.LIPS, 1].astype(int), points[topo.LIPS, 0].astype(int)].any()
    assert not jaw[: round(points[topo.NOSE_TIP, 1]) - 1].any()
    assert cheeks[round(points[topo.NOSE_TIP, 1]), round(points[topo.NOSE_TIP, 0])] == 0
    top = round(points[topo.OVAL, 1].min()) + 2
    assert edge[top, round(points[topo.NOSE_TIP, 0])] > 128
    assert not edge[round(points[topo.NOSE_TIP, 1]) :].any()
    assert not edge[points[topo.EYES, 1].astype(int), points[topo.EYES, 0].astype(int)].any()
    for group in (topo.LIPS_INNER, topo.EYE_LEFT, topo.EYE_RIGHT):
        x, y = np.round(points[group].mean(0)).astype(int)
        assert area[y, x] < 40
        assert core[y, x] < 40
        assert inside[y, x] == 255
        x, y = np.round(points[group].min(0)).astype(int) - 3
        assert area[y, x] > 240
    for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
        x, y = np.round(points[eye].mean(0)).astype(int)
        assert round_eyes[y, x] == 0
        assert round_eyes[y + 8, x] == 255
        assert round_brows[y, x] == 0
    for brow in (topo.BROW_LEFT, topo.BROW_RIGHT):
        x, y = np.round(points[brow].mean(0)).astype(int)
        assert (round_brows[y - 6 : y + 3, x] == 255).all()


def test_narrow_and_wide_eyes_and_closed_smiles_are_told_from_neutral_faces() -> None:
    points = np.repeat(face_landmarks()[None, :, :2], 40, 0)
    points[20:, topo.LIP_LOWER, 1] += 1  # open mouths
    uppers = [topo.LID_UPPER_LEFT, topo.LID_UPPER_RIGHT]
    points[3, uppers, 1] += 1
    points[4, uppers, 1] -= 1
    points[5, [topo.MOUTH_LEFT, topo.MOUTH_RIGHT], 1] -= 1
    points[30, [topo.MOUTH_LEFT, topo.MOUTH_RIGHT], 1] -= 1  # clear enough
    assert np.flatnonzero(are_expressive(points.astype(np.float32))).tolist() == [3, 4, 5]


@pytest.mark.parametrize("seed", range(6))
def test_drawn_glasses_stand_round_the_eyes_and_leave_them_free(seed: int) -> None:
    points = face_landmarks()[:, :2] * 2
    colour, where = draw_glasses(points, 256, np.random.default_rng(seed))
    assert colour.shape == (256, 256, 3)
    assert 100 < np.count_nonzero(where > 60) < 256 * 256 // 10
    for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
        x, y = np.round(points[eye].mean(0)).astype(int)
        assert where[y, x] == 0
        assert where[y - 32 : y + 32, x - 40 : x + 40].max() > 100
    assert where[170:].max() == 0


def test_a_line_beside_the_eyes_is_in_doubt_and_smooth_skin_is_not() -> None:
    points = face_landmarks()[:, :2]
    skin = np.full((128, 128, 3), 170, np.uint8)
    assert lines_round_eyes(skin, points).max() == 0
    lined = skin.copy()
    lined[69:71, 35:60] = 90
    doubt = lines_round_eyes(lined, points)
    assert doubt[69:71, 38:58].min() == 255
    assert doubt[90:].max() == 0


def with_drawn_glasses(skin: np.ndarray, points: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 256 px with glasses, and where they are."""
    colour, where = draw_glasses(points, len(skin), np.random.default_rng(seed))
    return blend(colour, skin, where), where


def test_rims_are_found_where_they_are_and_not_on_bare_skin() -> None:
    points = face_landmarks()[:, :2] * 2 + 0.5
    skin = np.full((256, 256, 3), (200, 160, 130), np.uint8)
    assert find_rims(skin, points) is None
    found = 0
    for seed in range(12):
        picture, where = with_drawn_glasses(skin, points, seed)
        rims = find_rims(picture, points)
        if rims is not None:
            found += 1
            assert (where[rims > 200] > 40).mean() > 0.7
            assert (rims[where > 200] > 100).mean() > 0.5
    assert found >= 6


def test_rims_that_people_wear_stay_and_donors_wear_none(faces: data.Faces, tmp_path: Path) -> None:
    images = np.full_like(faces.images, 170)
    wearer = next(
        picture
        for picture in (
            with_drawn_glasses(np.full((256, 256, 3), 170, np.uint8), points_to_large(face_landmarks()[:, :2]), seed)[0]
            for seed in range(12)
        )
        if find_rims(picture, points_to_large(face_landmarks()[:, :2])) is not None
    )
    images[:8] = cv2.resize(wearer, (128, 128), interpolation=cv2.INTER_AREA)
    pool = gather(
        replace(faces, images=images), data.LargePictures(tmp_path, replace(faces, images=images)), identities_in(faces)
    )
    wearing = [row for row in range(12) if pool.rims_of(row) is not None]
    assert wearing
    assert max(wearing) < 8
    settings = GeneratorSettings(batch=16, reverse_only_steps=1, candidates=12, blurred=0, glasses=0, another_photo=0)
    batch = make_batch(pool, settings, 0)
    on_rims = batch.inside - batch.inside.amin(0)  # what not every face has
    assert on_rims.sum() > 0
    rims = on_rims.gt(0.9).float()
    changed = (batch.targets - batch.answers).abs().mean(1, keepdim=True) * enlarge(rims)
    assert float(changed.sum() / enlarge(rims).sum()) < 0.05
    assert float((batch.area * rims).sum() / rims.sum()) < 0.1


def test_glasses_are_in_the_target_alone_and_left_to_it(faces: data.Faces, tmp_path: Path) -> None:
    faces = replace(faces, images=np.full_like(faces.images, 170))
    pool = gather(faces, data.LargePictures(tmp_path, faces), identities_in(faces))
    bare, worn = (
        make_batch(pool, GeneratorSettings(batch=4, reverse_only_steps=0, candidates=8, blurred=0, glasses=share), 3)
        for share in (0.0, 1.0)
    )
    assert torch.equal(bare.targets[2:], bare.answers[2:])
    assert not torch.equal(worn.targets[2:], worn.answers[2:])
    assert worn.inside.sum() > 1.2 * bare.inside.sum()
    assert (worn.area * worn.inside).sum() < 0.35 * worn.inside.sum()
    assert worn.told.min() == 1


def test_emphasis_moves_styles_away_from_the_mean_one() -> None:
    torch.manual_seed(0)
    identity, people = AeiNet(TINY).identity, torch.from_numpy(nobodies(500))
    with torch.no_grad():
        before = identity(people)
        mean = before.mean(0)
        identity.emphasise(1.4, people)
        torch.testing.assert_close(identity(people), mean + 1.4 * (before - mean), atol=1e-5, rtol=1e-4)


def test_a_mixture_lies_between_its_nets_norms_and_all() -> None:
    torch.manual_seed(0)
    first, second = AeiNet(TINY), AeiNet(TINY)
    with torch.no_grad():
        second(torch.rand(2, 3, 256, 256), torch.from_numpy(unit(2, 512)))  # moves the norms' statistics
    theirs = {name: value.clone() for name, value in first.state_dict().items()}
    own = {name: value.clone() for name, value in second.state_dict().items()}
    mixed = mix(first, second, 0.75).state_dict()
    for name, value in mixed.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.25 * theirs[name] + 0.75 * own[name])
    assert any(name.endswith("running_mean") and (own[name] != theirs[name]).any() for name in mixed)
    with pytest.raises(BadInput, match=r"0 to 1, not 1\.5"):
        mix(first, second, 1.5)


def test_tones_change_contrast_brightness_and_colour() -> None:
    pictures = torch.rand(3, 3, 8, 8) - 0.5
    tones = torch.tensor([[1.0, 0, 1], [2, 0.1, 1], [1, 0, 0]])
    plain, strong, grey = toned(pictures, tones)
    torch.testing.assert_close(plain, pictures[0])
    torch.testing.assert_close(strong, 2 * pictures[1] + 0.1)
    torch.testing.assert_close(grey, pictures[2].mean(0, keepdim=True).expand(3, 8, 8))


def test_head_pose_finds_a_turn() -> None:
    flat = face_landmarks()
    flat[:, 2] = ((flat[:, 0] - 64) ** 2 + (flat[:, 1] - 64) ** 2) / 60  # depth, so that turns differ from stretching
    turns = np.radians([-10.0, 0, 10])
    turned = np.stack(
        [(flat - 64) @ np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]]) for a in turns]
    ).astype(np.float32)
    yaw = head_pose(turned)[:, 0]
    assert np.abs(np.diff(yaw)).tolist() == pytest.approx([10, 10], abs=1)


def test_the_batch_of_a_step_is_always_the_same(faces: data.Faces, tmp_path: Path) -> None:
    pool = gather(faces, data.LargePictures(tmp_path, faces), identities_in(faces))
    settings = GeneratorSettings(batch=4, reverse_only_steps=1, candidates=8, glasses=0)
    first, again, other = (make_batch(pool, settings, step) for step in (3, 3, 4))
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.targets, other.targets)
    assert make_batch(pool, settings, 0).reverse == 4
    assert first.reverse == 2
    assert torch.equal(first.targets[2:], first.answers[2:])


def test_a_blurred_picture_is_asked_for_blurred(faces: data.Faces, tmp_path: Path) -> None:
    pool = gather(faces, data.LargePictures(tmp_path, faces), identities_in(faces))
    sharp, soft = (
        make_batch(pool, GeneratorSettings(batch=4, reverse_only_steps=0, candidates=8, blurred=share, glasses=0), 3)
        for share in (0.0, 1.0)
    )
    for one, other in ((sharp.answers, soft.answers), (sharp.targets, soft.targets)):
        assert other.diff(dim=3).abs().mean() < 0.8 * one.diff(dim=3).abs().mean()
    assert torch.equal(soft.targets[2:], soft.answers[2:])


def test_an_averaged_target_is_several_people_and_wears_their_mean(faces: data.Faces, tmp_path: Path) -> None:
    faces = replace(faces, images=faces.images // 64 + 168)  # too faint to be taken for rims
    pool = gather(faces, data.LargePictures(tmp_path, faces), identities_in(faces))
    assert len(pool.alike) == np.count_nonzero(faces.split == "train")
    settings = GeneratorSettings(batch=8, reverse_only_steps=0, candidates=8, blurred=0, glasses=0)
    one, several = (make_batch(pool, replace(settings, averaged=share, beautified=0), 3) for share in (0.0, 1.0))
    assert torch.equal(several.targets[4:], several.answers[4:])
    for batch in (one, several):
        torch.testing.assert_close(batch.own_identities.norm(dim=1), torch.ones(8))
    known = torch.from_numpy(pool.identities)
    assert ((one.own_identities[4:] @ known.T).amax(1) > 0.999).all()
    alone = (several.own_identities[4:] @ known.T).amax(1) > 0.99
    assert alone.sum() <= 2  # the largest number that may be averaged is more than there are here
    assert several.targets[4:].diff(dim=3).abs().mean() < 0.8 * one.targets[4:].diff(dim=3).abs().mean()


def test_the_wearer_is_told_in_some_of_the_swaps_and_in_no_reverse_pair(faces: data.Faces, tmp_path: Path) -> None:
    pool = gather(faces, data.LargePictures(tmp_path, faces), identities_in(faces))
    settings = GeneratorSettings(batch=16, reverse_only_steps=0, candidates=8)
    for share, fewest, most in ((0.0, 0, 0), (0.5, 1, 7), (1.0, 8, 8)):
        batch = make_batch(pool, replace(settings, known_wearers=share), 1)
        told = batch.wearers.any(1)
        assert not told[:8].any()
        assert fewest <= told.sum() <= most
        assert torch.equal(batch.wearers[told], batch.own_identities[told])


def test_the_mean_of_one_face_is_itself_and_of_two_has_the_asked_shape() -> None:
    points = face_landmarks()[:, :2] * 2
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    image = cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC)
    assert np.abs(average_face([image], [points], points).astype(int) - image).max() <= 2
    dotted = np.full((256, 256, 3), 200, np.uint8)
    x, y = np.round(points[topo.NOSE_TIP]).astype(int)
    cv2.circle(dotted, (x, y), 5, (0, 0, 0), -1)
    moved = np.roll(dotted, 8, 1)
    mean = average_face([dotted, moved], [points, np.add(points, [8, 0])], points)
    assert mean[y, x].max() < 40


def test_a_beauty_filter_flattens_skin_and_keeps_edges() -> None:
    rng = np.random.default_rng(0)
    image = np.full((256, 256, 3), 90, np.uint8)
    image[:, 128:] = 200
    grain = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    made = beautified(grain, rng).astype(int)
    assert made[:, :100].std() < 0.7 * grain[:, :100].std()
    assert abs((made[:, 132] - made[:, 123]).mean() - 110) < 3


def test_the_large_pictures_are_those_of_the_set_or_enlarged(faces: data.Faces, tmp_path: Path) -> None:
    sets = np.array(["generated"] * 8 + ["celeba_test"] * 4)
    two_sets = replace(faces, set=sets)
    (tmp_path / "generated").mkdir()
    stored = np.random.default_rng(0).integers(0, 255, (8, 256, 256, 3), dtype=np.uint8)
    np.save(tmp_path / "generated" / "large.npy", stored)
    large = data.LargePictures(tmp_path, two_sets)
    assert np.array_equal(large[7], stored[7])
    assert np.array_equal(large[8], data.to_large(faces.images[8]))


def test_held_back_people_are_never_trained_on(faces: data.Faces, tmp_path: Path) -> None:
    pool = gather(faces, data.LargePictures(tmp_path, faces), identities_in(faces))
    for rows in (pool.answers, pool.targets, pool.sources):
        assert (faces.split[rows] == "train").all()


def tiny_run(steps: int) -> tuple[Callable[[int], torch.Tensor], Callable[..., dict[str, torch.Tensor]], Plan]:
    def batch(step: int) -> torch.Tensor:
        return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(step)) * 2 - 1

    def losses(net: torch.nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
        colour, logit = net(x, torch.from_numpy(unit(2, 512)))
        return {"colour": (colour - x).abs().mean(), "mask": logit.square().mean()}

    return batch, losses, Plan(steps=steps, decay_from=1.0, warm_up=1)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    torch.set_num_threads(1)

    def run(steps: int, out: Path, resume: bool) -> torch.nn.Module:
        torch.manual_seed(0)
        batch, losses, plan = tiny_run(steps)
        return train(AeiNet(TINY), batch, losses, plan, out, resume=resume)

    whole = run(6, tmp_path / "whole", resume=False)
    run(3, tmp_path / "parts", resume=False)
    resumed = run(6, tmp_path / "parts", resume=True)
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    batch, losses, plan = tiny_run(1)
    train(AeiNet(TINY), batch, losses, plan, tmp_path)
    with pytest.raises(VcamError, match="another architecture"):
        load_mean(tmp_path / "checkpoint.pt", AeiNet(replace(TINY, identity_channels=32)))


def test_the_exported_graphs_agree_with_torch() -> None:
    torch.manual_seed(0)
    net = AeiNet(TINY).eval()
    graphs = generator_graphs(net)
    target = np.random.default_rng(0).uniform(-1, 1, (1, 3, 256, 256)).astype(np.float32)
    embedding, wearer = unit(1, 512), unit(1, 512, seed=1)
    with torch.no_grad():
        colour, logit = net(*(torch.from_numpy(given) for given in (target, embedding, wearer)))
    for tolerance, form in ((1e-4, lambda graph: graph), (5e-3, store_half)):
        identity, generator = (
            ort.InferenceSession(form(graphs[name]).SerializeToString()) for name in ("identity", "generator")
        )
        (style,) = identity.run(["style"], {"embedding": embedding})
        (away,) = identity.run(["away"], {"embedding": wearer})
        assert np.abs(away).max() > 2 * tolerance
        style -= away
        swap, mask = generator.run(["swap", "mask"], {"target": target, "style": style})
        np.testing.assert_allclose(swap, colour.numpy(), atol=tolerance)
        np.testing.assert_allclose(mask, mask_of(logit).numpy(), atol=tolerance)


def test_the_details_gain_can_be_folded_into_weights_and_back() -> None:
    torch.manual_seed(0)
    identity, people = AeiNet(TINY).identity, torch.from_numpy(nobodies(5))
    with torch.no_grad():
        wanted, weight = identity(people), identity.mapping[0].weight.clone()
        identity.fold()
        assert identity.details_gain == 1
        assert not torch.allclose(identity.mapping[0].weight, weight)
        torch.testing.assert_close(identity(people), wanted, atol=1e-4, rtol=1e-4)
        identity.unfold()
        torch.testing.assert_close(identity.mapping[0].weight, weight, atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(identity(people), wanted, atol=1e-4, rtol=1e-4)


def test_what_is_particular_about_the_wearer_is_taken_away_where_it_is_known() -> None:
    torch.manual_seed(0)
    identity = AeiNet(TINY).identity
    with torch.no_grad():
        common = identity(identity.strangers).mean(0)
        wearers = torch.stack([torch.from_numpy(unit(512)), torch.zeros(512)])
        taken = identity.away(wearers)
        torch.testing.assert_close(taken[0], WEARER_SHARE * (identity(wearers[:1])[0] - common))
    assert not taken[1].any()
    assert taken[0].abs().max() > 0


def test_the_frame_graph_holds_no_identity_layer() -> None:
    graph = generator_graphs(AeiNet(TINY).eval())["generator"].graph
    assert not [node for node in graph.node if node.op_type in ("Gemm", "MatMul")]


def test_a_teacher_runs_as_its_onnx_file_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def constant(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.uniform(0.5, 1.5, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[3, 3], pads=[0, 0, 1, 1], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["a", "g", "b", "m", "v"], ["c"]),
        helper.make_node("PRelu", ["c", "s"], ["d"]),
        helper.make_node("Add", ["d", "c"], ["y"]),
    ]
    weights = [constant("w", 4, 3, 3, 3), *(constant(n, 4) for n in "gbmv"), constant("s", 4, 1, 1)]
    value = helper.make_tensor_value_info
    shapes = value("x", TensorProto.FLOAT, [1, 3, 8, 8]), value("y", TensorProto.FLOAT, [1, 4, 4, 4])
    graph = helper.make_graph(nodes, "toy", [shapes[0]], [shapes[1]], weights)
    path = tmp_path / "toy.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    x = rng.normal(0, 1, (1, 3, 8, 8)).astype(np.float32)
    expected = ort.InferenceSession(path).run(None, {"x": x})[0]
    found, features = Teacher(path)(torch.from_numpy(x), ("y",))
    np.testing.assert_allclose(found.numpy(), expected.ravel()[None], rtol=1e-4, atol=1e-4)
    assert features[0].shape == (1, 4, 4, 4)


def test_a_packed_cache_comes_back(tmp_path: Path, faces: data.Faces) -> None:
    smooth = np.linspace(0, 255, 128).astype(np.uint8)
    arrays = {name: getattr(faces, name) for name in data.ARRAYS}
    arrays["images"] = np.tile(smooth[None, None, :, None], (len(faces), 128, 1, 3))
    arrays["crops112"] = np.zeros((len(faces), 0), np.uint8)
    rows = [
        data.Picture(f, s, i, p, 1.0, np.zeros((5, 2)))
        for f, s, i, p in zip(faces.file, faces.set, faces.identity, faces.split, strict=True)
    ]
    data.publish(tmp_path / "cache", "generated", arrays, rows)
    assert packed.pack(tmp_path / "cache", tmp_path / "faces.npz") == len(faces)
    packed.unpack(tmp_path / "faces.npz", tmp_path / "back")
    back = data.load_faces(tmp_path / "back", data.SETS)
    assert back.identity.tolist() == faces.identity.tolist()
    assert np.abs(back.images.astype(int) - arrays["images"]).mean() < 3
    points = list(topo.MESH)
    assert np.abs(back.mesh[:, points] - faces.mesh[:, points]).max() <= 0.26
    assert (data.unit_embeddings(back.embeddings) * data.unit_embeddings(faces.embeddings)).sum(1).min() > 0.999
    assert packed.pack(tmp_path / "cache", tmp_path / "few.npz", limit_bytes=5000) < len(faces)


def test_a_file_that_is_no_pack_is_named(tmp_path: Path) -> None:
    (tmp_path / "faces.npz").write_bytes(b"something else")
    with pytest.raises(BadInput, match="not a packed cache"):
        packed.unpack(tmp_path / "faces.npz", tmp_path / "back")


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"index\.csv is missing"):
        data.read_index(tmp_path)


def test_an_empty_cache_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no set of faces is cached"):
        data.load_faces(tmp_path, data.SETS)


def test_an_unreadable_picture_gives_no_cut(tmp_path: Path) -> None:
    (tmp_path / "broken.webp").write_bytes(b"not a picture")
    picture = data.Picture("broken.webp", "lfw", "somebody", "train", 1.0, np.full((5, 2), 0.5))
    assert data._cut(picture, tmp_path) is None


def test_a_damaged_index_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    with (tmp_path / "faces" / "index.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([["file", "set"], ["a.webp", "lfw"]])
    with pytest.raises(BadInput, match="cannot be read as an index"):
        data.read_index(tmp_path)


def test_without_torch_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BadInput, match=r"facewarp-cam\[train\]"):
        require_torch()
