"""What measuring and the made-up people rest on: the fixed pairs, the lattice's measure, identities of nobody."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from training.faces_by_hand import face_landmarks  # noqa: E402
from vcam import topology as topo  # noqa: E402
from vcam.errors import BadInput  # noqa: E402
from vcam.training import identity_judge, judge, nobody  # noqa: E402
from vcam.training.networks import TINY, AeiNet  # noqa: E402
from vcam.training.pack import register  # noqa: E402


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_the_pairs_are_two_hundred_and_never_of_one_person() -> None:
    with judge.PAIRS.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 200
    for row in rows:
        person = {role: row[role].split("__")[0] for role in row}
        assert person["source"] == person["source2"] != person["target"]
        assert row["source"] != row["source2"]


def test_a_picture_missing_from_the_cache_is_named(tmp_path: Path) -> None:
    listing = tmp_path / "pairs.csv"
    listing.write_text("source,source2,target\na.webp,b.webp,c.webp\n")
    empty = np.empty(0)
    faces = judge.Faces(*[empty] * 6, *[np.array([], str)] * 4)
    with pytest.raises(BadInput, match=r"a\.webp"):
        judge.load_pairs(faces, listing)


def test_a_lattice_of_four_pixels_is_seen() -> None:
    rng = np.random.default_rng(0)
    plain = rng.integers(90, 160, (4, 128, 128, 3), dtype=np.uint8)
    lattice = plain.copy()
    lattice[:, ::4, ::4] += 60
    assert judge._lattice(lattice) > 3 * judge._lattice(plain)


def test_a_source_is_found_again_only_before_everybody_else() -> None:
    people = unit(40, 16)
    asked = people[:4] + 0.1 * unit(4, 16, seed=1)
    assert identity_judge.retrieved(asked, people[:4], people[4:]).all()
    assert not identity_judge.retrieved(asked, people[4:8], people[:4]).any()


def test_one_pair_of_strangers_in_a_thousand_passes_for_one_person() -> None:
    people = unit(400, 64)
    threshold = identity_judge.far_distance(people, 1e-3)
    apart = identity_judge.all_distances(people, people)[np.triu_indices(400, 1)]
    assert (apart <= threshold).mean() == pytest.approx(1e-3, rel=0.05)
    assert identity_judge.share_within(people, people, threshold) == 1


def test_the_others_play_no_part_in_the_pairs() -> None:
    identity = np.array([f"p{i // 2}" for i in range(40)])
    pairs = judge.Pairs(np.array([0, 2]), np.array([1, 3]), np.array([10, 12]))
    faces = SimpleNamespace(identity=identity, set=np.array(["celeba_wild"] * 30 + ["generated"] * 10))
    others = judge.strangers_of(faces, pairs, 100)
    assert set(identity[others]) == {f"p{i}" for i in range(15)} - {"p0", "p1", "p5", "p6"}  # the last are GAN-made
    assert len(set(identity[others])) == len(others)
    assert len(judge.strangers_of(faces, pairs, 3)) == 3


def test_the_gaze_is_where_the_eye_is_dark() -> None:
    landmarks = np.zeros((1, topo.COUNT, 2), np.float32)
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    for eye, x in ((topo.EYE_LEFT, 45), (topo.EYE_RIGHT, 83)):
        landmarks[0, eye] = np.stack([x + 10 * np.cos(turns), 60 + 4 * np.sin(turns)], 1)

    def looking(shift: float) -> np.ndarray:
        big = np.full((512, 512, 3), 225, np.uint8)
        for x in (45, 83):
            cv2.circle(big, (round((x + shift) * 4), 242), 12, (40, 30, 20), -1)
        return cv2.resize(big, (128, 128), interpolation=cv2.INTER_AREA)[None]

    straight = looking(0)
    assert judge.gaze_error(straight, straight, landmarks) == 0
    assert judge.gaze_error(looking(2), straight, landmarks) == pytest.approx(10, abs=1)  # 2 of 20 px
    assert judge.gaze_error(looking(1) // 2, straight, landmarks) == pytest.approx(5, abs=1)  # in weaker light too
    landmarks[:, :, 1] = 60  # closed
    assert np.isnan(judge.gaze_error(straight, straight, landmarks))


def test_without_dlib_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(BadInput, match="pip install dlib-bin"):
        identity_judge.DlibJudge(tmp_path, identity_judge.Portraits(*[np.empty(0, np.uint8)] * 3))


def test_a_further_judge_sees_faces_as_it_learnt_them_and_its_vectors_are_of_unit_length(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    weight = rng.normal(0, 1, (512, 3, 112, 112)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["input", "w"], ["c"]), helper.make_node("Flatten", ["c"], ["output"])]
    value = helper.make_tensor_value_info
    shapes = [value("input", TensorProto.FLOAT, [1, 3, 112, 112])], [value("output", TensorProto.FLOAT, [1, 512])]
    graph = helper.make_graph(nodes, "toy", *shapes, [numpy_helper.from_array(weight, "w")])
    path = tmp_path / "fr_feature.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    crops = rng.integers(0, 255, (2, 112, 112, 3), dtype=np.uint8)
    assert list(identity_judge.further_judges(tmp_path)) == ["mobile"]
    found = identity_judge.further_judges(tmp_path)["mobile"].describe(
        identity_judge.Portraits(np.empty((2, 0), np.uint8), np.empty((2, 4), int), crops)
    )
    blobs = ((crops[..., ::-1].astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2)
    wanted = np.einsum("nchw,kchw->nk", blobs, weight, optimize=True)
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-4)


class Told:
    """A judge that is told the vectors: the boxes are rows of a table."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table

    def describe(self, portraits: identity_judge.Portraits) -> np.ndarray:
        return self.table[portraits.boxes[:, 0]]

    def directions(self, descriptors: np.ndarray) -> np.ndarray:
        return descriptors


def test_a_lineup_tells_whose_face_is_seen() -> None:
    table = unit(300, 64)
    table[3] = table[0] + 0.05 * unit(64, seed=3)  # another photo of the first
    table /= np.linalg.norm(table, axis=1, keepdims=True)

    def people(*rows: int) -> identity_judge.Portraits:
        return identity_judge.Portraits(np.empty(0), np.array(rows)[:, None].repeat(4, 1), np.empty(0))

    judge = Told(table)
    others = people(*range(10, 300))
    lineup = identity_judge.Lineup(judge, people(0, 1), people(3, 2), people(4, 5), others)
    lines = lineup.references()
    assert lines["same_person_verified"] == lines["top1_other_photo"] == 0.5  # the second's photo shows somebody else
    figures = lineup.figures(people(0, 5))  # one swap is its source, the other its target
    assert figures["verified"] == figures["top1"] == figures["nearer_source"] == 0.5
    assert figures["verified_other_photo"] == 0.5
    assert figures["source"] == pytest.approx((1 + table[5] @ table[1]) / 2, abs=1e-5)
    assert figures["target"] == pytest.approx((table[0] @ table[4] + 1) / 2, abs=1e-5)
    np.testing.assert_allclose(lineup.likeness(people(0, 7), people(3, 7)), [table[0] @ table[3], 1], atol=1e-5)


def test_swapping_keeps_the_size_and_the_range() -> None:
    torch.manual_seed(0)
    targets = np.random.default_rng(0).integers(0, 255, (3, 256, 256, 3), dtype=np.uint8)
    swaps = judge.swap_with(AeiNet(TINY).eval())(targets, unit(3, 512), unit(3, 512, seed=1))
    assert swaps.shape == targets.shape
    assert swaps.dtype == np.uint8


def test_a_made_up_identity_is_near_its_group_and_far_from_everybody() -> None:
    known = unit(3000, 128)
    mean = 0.3 * unit(128, seed=1)
    vector, nearest = nobody.draw_identity(mean, 0.08 * np.eye(128, dtype=np.float32), known, np.random.default_rng(2))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert nearest == pytest.approx(float((known @ vector).max()), abs=1e-6)
    assert nearest < nobody.FAR
    assert vector @ mean / np.linalg.norm(mean) > 0.2


def test_a_stain_and_a_line_at_the_brow_are_blemishes_and_a_shadow_is_not() -> None:
    shape = face_landmarks()[:, :2]
    canvas = np.full((256, 256, 3), 150, np.uint8)
    assert nobody.blemishes(canvas, canvas, shape) == 0
    shadow, stained, lined = (canvas.copy() for _ in range(3))
    shadow -= 20
    x, y = (2 * shape[topo.NOSE_TIP]).astype(int)
    stained[y : y + 24, x + 20 : x + 44, 0] += 40
    x, y = (2 * shape[topo.BROW_LEFT].mean(0)).astype(int)
    lined[y - 8 : y - 4, x - 12 : x + 12] += 40
    plain, stain, line = (nobody.blemishes(picture, canvas, shape) for picture in (shadow, stained, lined))
    assert plain < 0.01
    assert min(stain, line) > 0.05


def test_where_everybody_is_near_nobody_is_found() -> None:
    known = np.eye(4, dtype=np.float32)[[0, 1, 2, 3]]
    everywhere = np.concatenate([known, -known])
    with pytest.raises(BadInput, match="try another seed"):
        nobody.draw_identity(known[0], 0.1 * np.eye(4, dtype=np.float32), everywhere, np.random.default_rng(0))


def test_a_made_up_picture_is_the_canvas_outside_the_mask() -> None:
    torch.manual_seed(0)
    net = AeiNet(TINY).eval()
    torch.nn.init.constant_(net.generator.head.join.bias, -100.0)  # mask logit: nothing is swapped
    canvas = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    assert np.array_equal(nobody.render(net, canvas, unit(512)), canvas)


def test_the_packs_list_is_sorted_and_replaced_by_name(tmp_path: Path) -> None:
    for name, content in (("regions", b"1"), ("detector", b"22"), ("regions", b"333")):
        (tmp_path / f"{name}.onnx").write_bytes(content)
        register(tmp_path, name, f"{name}.onnx")
    rows = json.loads((tmp_path / "pack.json").read_text())["nets"]
    assert [(row["name"], row["bytes"]) for row in rows] == [("detector", 2), ("regions", 3)]
    assert all(set(row) == {"name", "file", "sha256", "bytes", "licence"} for row in rows)


def test_a_face_is_looked_at_six_times_three_of_them_mirrored() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    looks = list(judge._looks(picture))
    assert len(looks) == 6
    assert np.array_equal(looks[0], picture)
    for plain, mirrored in zip(looks[::2], looks[1::2], strict=True):
        assert np.array_equal(plain[:, ::-1], mirrored)
    assert not np.array_equal(looks[2], looks[4])
