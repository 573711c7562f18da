"""Graphs in the forms that the CPU likes: the same function, and none of the nodes that were slow."""

from collections import Counter

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from vcam.training.cpu_forms import main, with_cpu_forms  # noqa: E402
from vcam.training.export import generator_graphs, to_onnx  # noqa: E402
from vcam.training.export_small import SMALL_NETS, export_small, graph_of  # noqa: E402
from vcam.training.networks import TINY, AeiNet  # noqa: E402

pytestmark = pytest.mark.train


class Taken(nn.Module):
    """Taken apart for a convolution, and, if told so, for somebody else too."""

    def __init__(self, side: int, *, shared: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(3 * side**2, 16, 3, 1, 1)
        self.side, self.shared = side, shared

    def forward(self, x):
        apart = functional.pixel_unshuffle(x, self.side)
        made = self.conv(apart)
        return made + apart.mean(1, keepdim=True) if self.shared else made


class Joined(nn.Module):
    """A picture joined, twice in two ways."""

    def forward(self, x):
        return functional.pixel_shuffle(x, 4), functional.pixel_shuffle(x, 2)


class Divided(nn.Module):
    """A convolution in two parts."""

    def __init__(self, *parts: int):
        super().__init__()
        self.conv = nn.Conv2d(3, sum(parts), 3, 1, 1)
        self.parts = parts

    def forward(self, x):
        return self.conv(x).split(self.parts, 1)


class Shares(nn.Module):
    """Probabilities of channels whose logits are far apart."""

    def forward(self, x):
        return torch.softmax(90 * x, 1)


def outputs_of(model, given):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


def picture(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def changed(module, *shape, outputs=1):
    """A module's graph in the CPU's forms, after it was seen to be the same function."""
    torch.manual_seed(0)
    given = picture(1, *shape)
    graph = to_onnx(module, {"x": torch.from_numpy(given)}, tuple(f"y{i}" for i in range(outputs)))
    rewritten = with_cpu_forms(graph)
    for wanted, found in zip(outputs_of(graph, {"x": given}), outputs_of(rewritten, {"x": given}), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert kinds(with_cpu_forms(rewritten)) == kinds(rewritten)  # nothing is left to be done
    return rewritten


@pytest.mark.parametrize("side", [2, 4])
def test_a_picture_taken_apart_for_a_convolution_keeps_its_channels_place_by_place(side):
    graph = changed(Taken(side), 3, 32, 64)
    assert kinds(graph)["SpaceToDepth"] == 1
    assert {tuple(t.dims) for t in graph.graph.initializer if t.name == "conv.weight"} == {(16, 3 * side**2, 3, 3)}


def test_a_picture_taken_apart_for_others_too_keeps_its_channels():
    counted = kinds(changed(Taken(2, shared=True), 3, 32, 64))
    assert not counted["SpaceToDepth"]
    assert counted["Transpose"] == 2


def test_a_picture_is_joined_by_two_moves():
    counted = kinds(changed(Joined(), 32, 8, 16, outputs=2))
    assert not counted["DepthToSpace"]
    assert counted["Transpose"] == 4


def test_a_convolution_that_is_split_becomes_two_where_that_saves_work():
    assert kinds(changed(Divided(16, 32), 3, 8, 8, outputs=2))["Conv"] == 2
    assert kinds(changed(Divided(12, 4), 3, 8, 8, outputs=2))["Conv"] == 1


def test_a_softmax_over_channels_is_spelt_out_and_does_not_overflow():
    assert not kinds(changed(Shares(), 9, 8, 8))["Softmax"]


@pytest.mark.parametrize("name", ["detector", "landmarks", "embedder", "regions"])
def test_a_small_net_is_the_same_function(name):
    torch.manual_seed(0)
    row = SMALL_NETS[name]
    graph = graph_of(name, row.build())
    rewritten = with_cpu_forms(graph)
    shapes = [row.shape, (1, 3, 64, 96)] if name == "detector" else [row.shape]
    for shape in shapes:
        given = {row.input: picture(*shape)}
        for wanted, found in zip(outputs_of(graph, given), outputs_of(rewritten, given), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1, np.abs(wanted).max()))
    slow = [n for n in rewritten.graph.node if n.op_type == "Transpose" and len(n.attribute[0].ints) == 6]
    assert not slow
    assert not kinds(rewritten)["DepthToSpace"] + kinds(rewritten)["Softmax"]


def test_the_generator_is_the_same_function_and_only_what_must_is_still_split():
    torch.manual_seed(0)
    graph = generator_graphs(AeiNet(TINY).eval())["generator"]
    rewritten = with_cpu_forms(graph)
    style = next(v for v in graph.graph.input if v.name == "style").type.tensor_type.shape.dim[1].dim_value
    given = {"target": picture(1, 3, 256, 256), "style": picture(1, style)}
    for wanted, found in zip(outputs_of(graph, given), outputs_of(rewritten, given), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert not kinds(rewritten)["DepthToSpace"]
    assert kinds(rewritten)["Conv"] > kinds(graph)["Conv"]


def test_files_of_a_pack_are_given_these_forms_and_entered_again(tmp_path):
    path = export_small("regions", SMALL_NETS["regions"].build(), tmp_path)
    listing = (tmp_path / "pack.json").read_text()
    main([str(path)])
    assert (tmp_path / "pack.json").read_text() == listing  # the export had given them already
