"""The frozen nets that losses look through: what each of them says of a picture is what its own file says."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from vcam.errors import BadInput, ModelMissing  # noqa: E402
from vcam.training.batch import Batch  # noqa: E402
from vcam.training.grids import sampled, sampling_grid  # noqa: E402
from vcam.training.guides import EXPRESSION, Guides  # noqa: E402
from vcam.training.identity_space import DETAILS_SHARE, lift  # noqa: E402
from vcam.training.losses import details_cosine, emotion_loss, recognised_losses  # noqa: E402
from vcam.training.recognisers import recognisers_in  # noqa: E402
from vcam.training.teachers import Teacher  # noqa: E402
from vcam.training.tfjs import read_tfjs  # noqa: E402

MODELS = Path(__file__).parents[2] / "models"
WHOLE = torch.eye(2, 3)[None]


def toy_teacher(path: Path, side: int, sums: int, outputs: int) -> None:
    """A net with as many sums as a teacher has residual stages, and a vector at its end."""
    rng = np.random.default_rng(0)

    def constant(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.1, shape).astype(np.float32), name)

    nodes = [helper.make_node("Conv", ["x", "w"], ["h0"], strides=[8, 8])]
    nodes += [helper.make_node("Add", [f"h{i}", f"h{i}"], [f"h{i + 1}"]) for i in range(sums)]
    nodes += [
        helper.make_node("GlobalAveragePool", [f"h{sums}"], ["mean"]),
        helper.make_node("Conv", ["mean", "v"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    shapes = value("x", TensorProto.FLOAT, [1, 3, side, side]), value("y", TensorProto.FLOAT, [1, outputs, 1, 1])
    weights = [constant("w", 4, 3, 8, 8), constant("v", outputs, 4, 1, 1)]
    graph = helper.make_graph(nodes, "toy", [shapes[0]], [shapes[1]], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def coded(value: bytes) -> str:
    return b64encode(value).decode()


def node(name: str, op: str, *inputs: str, padding: bytes = b"SAME", **sides: int) -> dict[str, Any]:
    windows = {key: {"list": {"i": ["1", str(side), str(side), "1"]}} for key, side in sides.items()}
    return {"name": name, "op": op, "input": list(inputs), "attr": windows | {"padding": {"s": coded(padding)}}}


def picture_node(side: int, channels: int) -> dict[str, Any]:
    found = node("face", "Placeholder")
    found["attr"]["shape"] = {"shape": {"dim": [{"size": str(n)} for n in (-1, side, side, channels)]}}
    return found


def write_tfjs(
    path: Path, nodes: list[dict[str, Any]], arrays: dict[str, np.ndarray], stored: str, **changes: Any
) -> Path:
    """A TensorFlow.js net: its graph and, beside it, its weights, stored as they may be."""
    entries = [{"name": name, "shape": list(a.shape), "dtype": "float32"} for name, a in arrays.items()]
    if stored != "float32":
        entries = [entry | {"quantization": {"dtype": stored}} for entry in entries]
    model = {"modelTopology": {"node": nodes}, "weightsManifest": [{"paths": [f"{path.stem}.bin"], "weights": entries}]}
    path.with_suffix(".bin").write_bytes(b"".join(a.astype(stored).tobytes() for a in arrays.values()))
    path.write_text(json.dumps(model | changes), encoding="utf-8")
    return path


def toy_emotion(folder: Path, **changes: Any) -> Path:
    """64 px of grey to seven scores."""
    rng = np.random.default_rng(1)
    kernels = {"first": (3, 3, 1, 8), "bias": (8,), "deep": (3, 3, 8, 1), "last": (1, 1, 8, 7), "axes": (2,)}
    first = node("a", "_FusedConv2D", "face", "first", "bias", padding=b"VALID", strides=2)
    first["attr"]["fused_ops"] = {"list": {"s": [coded(b"BiasAdd"), coded(b"Relu")]}}
    nodes = [
        picture_node(64, 1),
        node("axes", "Const"),
        first,
        node("b", "DepthwiseConv2dNative", "a", "deep", strides=1),
        node("c", "Relu", "b"),
        node("d", "AddV2", "a", "c"),
        node("e", "MaxPool", "d", strides=2, ksize=3),
        node("f", "_FusedConv2D", "e", "last", strides=1),
        node("g", "Mean", "f", "axes"),
        node("h", "Softmax", "g"),
    ]
    arrays = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in kernels.items()}
    return write_tfjs(folder / "emotion.json", nodes, arrays, "float32", **changes)


def toy_recogniser(folder: Path) -> Path:
    """A picture to 1024 features, with more behind them that nobody wants."""
    rng = np.random.default_rng(2)
    kernels = {"first": (4, 4, 3, 1024), "gain": (1024,), "offset": (1024,), "six": (), "none": (), "axes": (2,)}
    arrays = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in kernels.items()}
    arrays |= {"six": np.float32(6).reshape(()), "none": np.float32(0).reshape(())}
    arrays["first"] /= 100
    nodes = [
        picture_node(224, 3),
        node("a", "Conv2D", "face", "first", strides=16),
        node("b", "Mul", "a", "gain"),
        node("c", "Add", "b", "offset"),
        node("d", "Relu", "c"),
        node("e", "Minimum", "d", "six"),
        node("f", "Maximum", "e", "none"),
        node("global_pooling/Mean", "Mean", "f", "axes"),
        node("age", "_FusedMatMul", "global_pooling/Mean"),
    ]
    return write_tfjs(folder / "faceres.json", nodes, arrays, "float16")


@pytest.fixture
def guides(tmp_path: Path) -> Guides:
    toy_teacher(tmp_path / "liguiyuan_mfn.onnx", 112, 12, 128)
    toy_teacher(tmp_path / "FaceMesh.onnx", 192, 0, 1404)
    toy_emotion(tmp_path)
    toy_recogniser(tmp_path)
    return Guides(tmp_path, MODELS, tmp_path)


def pictures(count: int, seed: int) -> torch.Tensor:
    """Smooth random pictures (B, 3, 128, 128) in -1..1."""
    noise = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(noise, size=128, mode="bicubic").clamp(-1, 1)


def test_the_second_half_of_the_identities_is_our_own_embedders(guides: Guides) -> None:
    seen, grid = pictures(3, 0), sampling_grid(WHOLE.repeat(3, 1, 1), 112)
    plain = torch.tensor([[1.0, 0.0, 1.0]]).repeat(3, 1)
    found, details = guides.embed_by_turns(seen, grid, plain)
    torch.testing.assert_close(found[:2], guides.embed(seen[:2], grid[:2], plain[:2])[0])
    crop = seen[2:, :, :112, :112].numpy()
    (embedding,) = ort.InferenceSession(MODELS / "embedder.onnx").run(None, {"crop": crop})
    joined = (1 - DETAILS_SHARE) ** 0.5 * lift(found[2:].numpy()) + DETAILS_SHARE**0.5 * details.numpy()
    np.testing.assert_allclose(joined, embedding / np.linalg.norm(embedding), atol=2e-3)
    torch.testing.assert_close(details_cosine(details, torch.from_numpy(embedding)), torch.ones(1), atol=2e-3, rtol=0)


def test_our_own_landmarks_stand_beside_the_meshs_in_the_same_unit(guides: Guides) -> None:
    seen = pictures(2, 1)
    scale = WHOLE * (128 / 192)
    scale[:, :, 2] = (128 / 192 - 1) / 2  # the middle of a pixel stays one
    by_mesh, ours = guides.expressions(seen, sampling_grid(scale.repeat(2, 1, 1), 192))
    assert by_mesh.shape == ours.shape
    session = ort.InferenceSession(MODELS / "landmarks.onnx")
    points = np.concatenate([session.run(["landmarks"], {"crop": one[None].numpy()})[0] for one in seen])
    np.testing.assert_allclose(ours.numpy() * 10 * 128 / 192, points[:, EXPRESSION], atol=0.5)


def test_an_expression_that_is_kept_costs_nothing_and_another_does(guides: Guides) -> None:
    seen, grid = pictures(2, 2), sampling_grid((WHOLE * (128 / 192)).repeat(2, 1, 1), 192)
    said = guides.emotions(seen, grid)
    torch.testing.assert_close(said.exp().sum(1), torch.ones(2))
    assert float(emotion_loss(guides, seen, seen, grid)) == pytest.approx(0, abs=1e-6)
    other = pictures(2, 3).requires_grad_()
    loss = emotion_loss(guides, other, seen, grid)
    loss.backward()
    assert loss.item() > 0
    assert other.grad is not None
    assert other.grad.abs().sum() > 0


def test_who_is_worn_is_recognised_by_a_picture_and_mixtures_are_left_out(guides: Guides) -> None:
    people = pictures(4, 4)
    grid = sampling_grid(WHOLE.repeat(4, 1, 1), 112)
    (recogniser,) = guides.recognisers
    recogniser.learn_common(people, grid)
    seen = recogniser(people, grid)
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(4))
    assert (seen @ seen.T)[0, 1] < 0.5  # seen from their mean, people differ
    nothing = {field.name: torch.zeros(4, 1) for field in fields(Batch)}
    batch = Batch(**(nothing | {"sources": people, "source_grid": grid, "embedder_grid": grid, "reverse": 0}))
    alone = replace(batch, single=torch.tensor([1.0, 1.0, 1.0, 1.0]))
    targets = people.roll(1, 0)
    unlike, like_before = recognised_losses(guides, people, targets, alone)
    assert unlike.item() == pytest.approx(0, abs=1e-5)
    others = people.clone()
    others[3] = people[0]  # the last two are judged, this one alone is wrong
    wrong = 1 - (seen[0] @ seen[3]).item()
    assert wrong / 2 > 0.2
    assert recognised_losses(guides, others, targets, alone)[0].item() == pytest.approx(wrong**2 / 2, rel=1e-4)
    mixed = replace(batch, single=torch.tensor([1.0, 1.0, 1.0, 0.0]))
    assert recognised_losses(guides, others, targets, mixed)[0].item() == pytest.approx(0, abs=1e-5)
    assert recognised_losses(guides, targets, targets, alone)[1].item() == pytest.approx(1, abs=1e-5)
    assert like_before.item() < 0.5


def test_every_recogniser_that_is_there_is_heard_as_it_wants_to_be_shown_faces(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"faceres\.json or face_recognition_sface"):
        recognisers_in(tmp_path)
    toy_recogniser(tmp_path)
    assert [one.look.file for one in recognisers_in(tmp_path)] == ["faceres.json"]
    toy_teacher(tmp_path / "face_recognition_sface_2021dec.onnx", 112, 0, 128)
    mobilenet, sface = recognisers_in(tmp_path)
    people, grid = pictures(2, 5), sampling_grid(WHOLE.repeat(2, 1, 1), 112)
    shown = sampled(people, grid)
    raw = sface.net((shown + 1) * 127.5)[0]
    torch.testing.assert_close(sface(people, grid), torch.nn.functional.normalize(raw, dim=1))
    by_mobilenet = mobilenet(people, grid)
    assert by_mobilenet.shape == (2, 1024)
    assert sface.look.all
    assert not mobilenet.look.all


def test_rounded_recognisers_say_nearly_the_same(tmp_path: Path, guides: Guides) -> None:
    people, grid = pictures(2, 5), sampling_grid(WHOLE.repeat(2, 1, 1), 112)
    (exact,), (rounded,) = guides.recognisers, Guides(tmp_path, MODELS, tmp_path, rounded=True).recognisers
    assert 0 < float((rounded(people, grid) - exact(people, grid)).abs().max()) < 0.02


def test_stored_halves_and_bounds_are_read(tmp_path: Path) -> None:
    path = toy_recogniser(tmp_path)
    graph = read_tfjs(path, "global_pooling/Mean")
    onnx.checker.check_model(graph)
    faces = np.random.default_rng(3).uniform(-100, 100, (2, 3, 224, 224)).astype(np.float32)
    (found,) = ort.InferenceSession(graph.SerializeToString()).run(None, {"face": faces})
    by_teacher, _ = Teacher(path, "global_pooling/Mean")(torch.from_numpy(faces))
    np.testing.assert_allclose(by_teacher.numpy(), found.reshape(2, 1024), rtol=1e-3, atol=1e-3)
    assert found.min() >= 0
    assert found.max() <= 6


def test_a_tensorflow_js_net_is_read_with_the_pads_tensorflow_would_make(tmp_path: Path) -> None:
    path = toy_emotion(tmp_path)
    graph = read_tfjs(path)
    onnx.checker.check_model(graph)
    faces = np.random.default_rng(2).uniform(-1, 1, (3, 1, 64, 64)).astype(np.float32)
    (found,) = ort.InferenceSession(graph.SerializeToString()).run(None, {"face": faces})
    weights = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.graph.initializer
    }
    functional = torch.nn.functional
    a = functional.relu(functional.conv2d(torch.from_numpy(faces), weights["a/weight"], weights["a/bias"], 2))  # 31 px
    d = a + functional.relu(functional.conv2d(a, weights["b/weight"], padding=1, groups=8))
    e = functional.max_pool2d(d, 3, 2, 1)  # 31 -> 16: one more row on either side
    wanted = functional.conv2d(e, weights["f/weight"]).mean((2, 3))
    np.testing.assert_allclose(found.reshape(3, 7), wanted.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"modelTopology": {"node": [{"name": "x", "op": "LSTM", "input": []}]}}, "LSTM node, which is not understood"),
        ({"weightsManifest": [{"paths": ["emotion.bin"]}]}, "not a TensorFlow.js graph model"),
    ],
)
def test_a_net_that_cannot_be_read_is_one_sentence(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read_tfjs(toy_emotion(tmp_path, **changes))


def test_a_missing_net_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"emotion\.json is not there"):
        read_tfjs(tmp_path / "emotion.json")
    with pytest.raises(ModelMissing, match=r"emotion\.json is not there: a TensorFlow"):
        Teacher(tmp_path / "emotion.json")
