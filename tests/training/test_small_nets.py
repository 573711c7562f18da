"""The small nets: shapes, and the exported graph says what torch says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.faces_by_hand import drawn_faces  # noqa: E402
from vcam.errors import BadInput  # noqa: E402
from vcam.inference import open_session  # noqa: E402
from vcam.training import augment, details, detector, embedder, export_small, landmarks, regions  # noqa: E402
from vcam.training.identity_space import DETAILS, join, lift_matrix, teachers_part  # noqa: E402
from vcam.training.small_nets import DetectorNet, EmbedderNet, LandmarkNet, RegionsNet, SlopedRelu  # noqa: E402

pytestmark = pytest.mark.train

TINY = {
    "detector": lambda: DetectorNet((8, 8, 8, 8), neck=8),
    "landmarks": lambda: LandmarkNet((8, 8, 8, 8)),
    "embedder": lambda: EmbedderNet((8, 8, 8), (1, 1, 1)),
    "regions": lambda: RegionsNet((8, 8, 8, 8)),
}
SHAPES = {
    "detector": {"scores": (1, 1260), "boxes": (1, 1260, 4), "landmarks": (1, 1260, 10)},
    "landmarks": {"landmarks": (1, 157, 2), "pose": (1, 3), "visibility": (1, 1)},
    "embedder": {"embedding": (1, 512)},
    "regions": {"regions": (1, 9, 64, 64)},
}


@pytest.mark.parametrize("name", sorted(TINY))
def test_exported_graph_agrees_with_torch(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    row = export_small.SMALL_NETS[name]
    net = TINY[name]().eval()
    session = open_session(export_small.export_small(name, net, tmp_path), threads=1, accelerators=())
    x = torch.rand(row.shape) * 2 - 1
    with torch.inference_mode():
        wanted = row.wrap(net)(x)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    found = session.run(**{row.input: x.numpy()})
    assert {key: value.shape for key, value in found.items()} == SHAPES[name]
    for key, value in zip(row.outputs, wanted, strict=True):
        # weights are stored as float16: 11 bits of mantissa
        assert found[key] == pytest.approx(value.numpy(), rel=5e-3, abs=5e-3 * float(value.abs().max()))
    assert f'"{name}"' in (tmp_path / "pack.json").read_text()


def test_detector_takes_any_multiple_of_32(tmp_path: Path) -> None:
    net = TINY["detector"]().eval()
    session = open_session(export_small.export_small("detector", net, tmp_path), threads=1, accelerators=())
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 256, 320)).astype(np.float32)
    with torch.inference_mode():
        cells = net(torch.from_numpy(x))
    found = session.run(image=x)
    assert found["boxes"].shape == (1, 1680, 4)
    assert found["boxes"] == pytest.approx(cells[:, :, 1:5].numpy(), rel=5e-3, abs=0.5)


def test_embedder_joins_the_teachers_part_and_the_details() -> None:
    net = TINY["embedder"]().eval()
    assert isinstance(net, EmbedderNet)
    x = torch.rand(2, 3, 112, 112)
    with torch.inference_mode():
        alone = export_small.SMALL_NETS["embedder"].wrap(net)(x).numpy()
        taught = torch.nn.functional.normalize(net(x)).numpy()
        np.testing.assert_allclose(
            alone @ lift_matrix() / np.linalg.norm(alone, axis=1, keepdims=True), taught, atol=1e-5
        )
        features = net.features(x).numpy()
        rng = np.random.default_rng(0)
        matrix = rng.standard_normal((DETAILS, features.shape[1])).astype(np.float32)
        offset = rng.standard_normal(DETAILS).astype(np.float32)
        both = export_small.SMALL_NETS["embedder"].wrap(details.with_details(net, matrix, offset))(x).numpy()
    np.testing.assert_allclose(both, join(taught, features @ matrix.T + offset), atol=1e-5)
    np.testing.assert_allclose(teachers_part(both), taught, atol=1e-5)


def test_discriminants_find_what_differs_between_people_and_not_within() -> None:
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(200), 4)
    people = rng.standard_normal((200, 8)) * [3, 3, 0, 0, 0, 0, 0, 0]
    features = people[person] + rng.standard_normal((800, 8)) * [1, 1, 1, 1, 1, 1, 30, 30]
    matrix, offset = details.discriminants(features.astype(np.float32), person, 2)
    found = features @ matrix.T + offset
    assert np.abs(found.mean(0)).max() < 1e-3
    among = np.stack([found[person == one].mean(0) for one in range(200)])
    within = found - among[person]
    assert (among.var(0) > 5 * within.var(0)).all()
    seen = np.corrcoef(np.concatenate([found, people[person][:, :2]], 1).T)[:2, 2:]
    assert (np.square(seen).sum(1) > 0.8).all()  # the two directions, in whatever turn
    with pytest.raises(BadInput, match="two photos"):
        details.discriminants(features.astype(np.float32), np.arange(800), 2)


def test_given_the_teachers_features_every_stage_learns_by_itself() -> None:
    torch.manual_seed(0)
    net = EmbedderNet((8, 8, 8), (1, 1, 1))
    crops = torch.rand(4, 3, 112, 112)
    shapes = [(8, 28, 28), (8, 28, 28), (8, 14, 14), (8, 14, 14), (8, 7, 7), (8, 7, 7)]
    stages = [torch.rand(4, *shape) for shape in shapes]
    batch = embedder.EmbedderBatch(crops, stages, torch.nn.functional.normalize(torch.rand(4, 128)), forced=True)
    assert [tuple(stage(x).shape[1:]) for stage, x in zip(net.stages, [crops, *stages], strict=False)] == shapes
    errors = list(embedder.stage_errors(net, batch))
    errors[1].backward()
    reached = {name.split(".")[1] for name, p in net.named_parameters() if p.grad is not None}
    assert reached == {"1"}
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    before = sum(error.item() for error in errors)
    for _ in range(40):
        optimiser.zero_grad()
        torch.stack(list(embedder.losses(net, batch).values())).sum().backward()
        optimiser.step()
    assert sum(error.item() for error in embedder.stage_errors(net, batch)) < 0.8 * before


def test_the_quick_sloped_relu_is_the_plain_one() -> None:
    x = torch.randn(3, 5, 4, 4, dtype=torch.float64, requires_grad=True)
    unit = SlopedRelu(5).double()
    with torch.no_grad():
        unit.weight.copy_(torch.tensor([0.0, 0.25, 1.0, 1.5, -0.5]).view(5, 1, 1))
    plain = torch.nn.functional.prelu(x, unit.weight.flatten())
    torch.testing.assert_close(unit(x), plain)
    torch.testing.assert_close(unit.eval()(x), plain)
    unit.train()
    weights = torch.rand_like(plain)
    quick = torch.autograd.grad((unit(x) * weights).sum(), [x, unit.weight])
    torch.testing.assert_close(quick, torch.autograd.grad((plain * weights).sum(), [x, unit.weight]))


def test_rounding_spares_what_is_a_place_in_the_picture() -> None:
    net = LandmarkNet((16, 16, 16, 16))
    with torch.autocast("cpu", torch.bfloat16):
        points, _, _ = net(torch.rand(2, 3, 128, 128))
        assert net.features(torch.rand(2, 3, 128, 128)).dtype is torch.bfloat16
    assert points.dtype is torch.float32


def test_landmark_losses_ignore_labels_of_crops_without_a_face() -> None:
    data = landmarks.LandmarkData(drawn_faces(), augment.Backgrounds(None), "train")
    batch = data.batch(np.random.default_rng(0), 8, negative_share=1.0)
    assert batch.visible.sum() == 0
    parts = landmarks.losses(TINY["landmarks"](), batch)
    assert parts["points"] == 0
    assert parts["pose"] == 0
    assert parts["visibility"] > 0


def test_steady_crops_are_as_frequent_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    steady = augment.Jitter(roll_deg=10, scale=0.1, shift=0.05, steady=0.75)
    rolls = np.abs([augment.roll_of(steady.draw(rng, 128)) for _ in range(2000)])
    assert rolls.max() > 9
    assert (rolls <= 3.5).mean() == pytest.approx(0.75 + 0.25 * 0.35, abs=0.03)
    never = augment.Jitter(roll_deg=10, scale=0.1, shift=0.05, steady=0)
    assert (np.abs([augment.roll_of(never.draw(rng, 128)) for _ in range(2000)]) <= 3.5).mean() < 0.4


def test_landmark_labels_follow_the_crop() -> None:
    """The oval's points stay on the border of the drawn red oval, however the crop is moved."""
    data = landmarks.LandmarkData(drawn_faces(), augment.Backgrounds(None), "train")
    for seed in range(8):
        row = data.positive(np.random.default_rng(seed), int(data.chosen[0]), faults=False)
        centre = row.points[-1]  # every point that is not on the oval is its centre
        inside = np.round(row.points[:36] * 0.85 + centre * 0.15).astype(int)
        inside = inside[((inside >= 0) & (inside < 128)).all(1)]
        red = row.crop[inside[:, 1], inside[:, 0]]
        assert (red[:, 0] > 150).mean() > 0.95


@pytest.mark.parametrize(("axis", "column"), [("yaw", 0), ("pitch", 1), ("roll", 2)])
def test_pose_is_read_from_a_turned_mesh(axis: str, column: int) -> None:
    rng = np.random.default_rng(0)
    face = rng.standard_normal((468, 3)) * [30, 40, 15]
    face[:, 0] -= face[:, 0].mean()
    reference = face[landmarks._RIGID] - face[landmarks._RIGID].mean(0)
    angle = np.radians(17)
    c, s = np.cos(angle), np.sin(angle)
    turn = {
        "yaw": [[c, 0, -s], [0, 1, 0], [s, 0, c]],  # z away from the camera: the nose, at -z, moves to +x
        "pitch": [[1, 0, 0], [0, c, s], [0, -s, c]],
        "roll": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }[axis]
    pose = landmarks.head_poses((face @ np.array(turn).T)[None].astype(np.float32), reference)[0]
    expected = np.zeros(3)
    expected[column] = 17
    assert pose == pytest.approx(expected, abs=0.01)


def test_regions_from_mesh_judge_only_what_is_sure() -> None:
    points = np.full((157, 2), 64.0)
    maps = regions.regions_from_mesh(points)
    assert (maps != regions.UNJUDGED).mean() < 0.01


def test_iou_by_class_counts_judged_pixels_only() -> None:
    truth = np.array([0, 0, 1, 1, regions.UNJUDGED])
    found = np.array([0, 1, 1, 1, 8])
    iou = regions.iou_by_class(found, truth)
    assert iou[:2] == pytest.approx([0.5, 2 / 3])
    assert np.isnan(iou[8])


def test_soft_iou_is_the_iou_where_all_is_sure_and_falls_with_doubt() -> None:
    truth = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert regions.soft_iou(truth, truth) == 1
    assert regions.soft_iou(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), truth).item() == pytest.approx(1 / 3)
    assert regions.soft_iou(1 - truth, truth) == 0
    assert regions.soft_iou(torch.zeros(0), torch.zeros(0)) == 0  # nothing there, nothing found
    assert 0.5 < regions.soft_iou(0.9 * truth, truth) < 1


def test_a_drawn_thing_is_judged_where_a_face_was() -> None:
    face = np.zeros((128, 128), np.uint8)
    face[:, :64] = 1
    covered = np.zeros((128, 128), bool)
    covered[32:64] = True
    sample = regions.Sample(
        np.zeros((128, 128, 3), np.uint8), np.where(covered, np.uint8(regions.OTHER), face), covered, face
    )
    batch = regions.pack([sample])

    def drawn_iou(*places: slice) -> float:
        """Of a net that is sure of the true map, but for one place that it takes for skin."""
        found = batch.regions.clone()
        found[0][places] = 1
        net = lambda _: 20 * torch.nn.functional.one_hot(found, 9).permute(0, 3, 1, 2).float()  # noqa: E731
        return regions.losses(net, batch)["drawn_iou"].item()

    assert drawn_iou(slice(0, 0)) == pytest.approx(0, abs=1e-3)
    assert drawn_iou(slice(16, 24), slice(0, 32)) == pytest.approx(0.5, abs=1e-3)
    assert drawn_iou(slice(16, 24), slice(32, 64)) == pytest.approx(0, abs=1e-3)


def test_unexplained_is_one_for_the_mean_and_zero_for_the_target() -> None:
    target = torch.rand(4, 3, 5, 5)
    assert embedder.unexplained(target, target) == 0
    mean = target.mean((0, 2, 3), keepdim=True).expand_as(target)
    assert embedder.unexplained(mean, target).item() == pytest.approx(1, abs=1e-5)


def test_detector_losses_shrink_when_the_answer_is_given() -> None:
    class Oracle(torch.nn.Module):
        def __init__(self, cells: torch.Tensor):
            super().__init__()
            self.cells = cells

        def forward(self, _: torch.Tensor) -> torch.Tensor:
            return self.cells

    positive = torch.tensor([[True, False]])
    boxes = torch.tensor([[[10.0, 10, 40, 50], [0, 0, 0, 0]]])
    points = torch.arange(20.0).view(1, 2, 10)
    batch = detector.DetectorBatch(torch.zeros(1, 3, 32, 32), positive, boxes, points)
    right = torch.cat([torch.tensor([[[9.0], [-9.0]]]), boxes, points], 2)
    wrong = torch.cat([torch.tensor([[[-9.0], [9.0]]]), boxes + 20, points + 9], 2)
    good, bad = (sum(detector.losses(Oracle(cells), batch).values()).item() for cells in (right, wrong))
    assert good < 1e-3
    assert bad > 5
