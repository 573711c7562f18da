"""An exported graph with some of its nodes exchanged for others that do the same, only sooner.

ONNX Runtime's CPU provider moves the axes of a picture that is taken apart or joined (``pixel_unshuffle``,
``pixel_shuffle``) one number at a time, on one thread: in the nets of the pack that was a fifth to a third of the time.
One axis at a time, it copies whole rows. Parameters keep their names and shapes: what is done to weights are nodes on
constants, which are worked out once, when the session is made.

    python -m vcam.training.cpu_forms models/detector.onnx models/regions.onnx
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import NodeProto, helper, numpy_helper, shape_inference

from vcam.training.pack import register, write_atomically

_TAKEN_APART = [0, 1, 3, 5, 2, 4]  # how pixel_unshuffle moves (B, C, H, r, W, r)
_BLOCK = 16  # the provider reckons channels by so many: a part of fewer would cost as much


class _Rewriting:
    """A graph in the making.

    Attributes:
        given: its nodes as they were, in order; a rewrite may change those that come after the one it replaces.
        nodes: what stands in their place so far.
        constants: initializers to be added.
        shapes: of what nodes make, 0 where a side is not known beforehand.
        weights: shapes of parameters, by the names under which nodes read them.
        makers, readers: of each value.
    """

    def __init__(self, model: onnx.ModelProto):
        graph = model.graph
        self.given = [_copy_of(node) for node in graph.node]
        self.nodes: list[NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shapes = _shapes_of(model)
        self.weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
        for node in self.given:
            if node.op_type == "Cast" and node.input[0] in self.weights:
                self.weights[node.output[0]] = self.weights[node.input[0]]
        self.makers = {name: node for node in self.given for name in node.output}
        self.readers: dict[str, list[NodeProto]] = {}
        for node in self.given:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.outputs = {value.name for value in graph.output}
        self.gone: set[int] = set()

    def add(self, kind: str, inputs: Sequence[str], *outputs: str, **attributes: object) -> str:
        """One node more; returns the name of the first thing it makes."""
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=outputs[0], **attributes))
        return outputs[0]

    def constant(self, values: Sequence[int], name: str) -> str:
        """A list of whole numbers as a constant of the graph."""
        self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def reshaped(self, given: str, shape: Sequence[int], output: str) -> str:
        """The same numbers in another shape."""
        return self.add("Reshape", [given, self.constant(shape, f"{output}_shape")], output)

    def moved(self, given: str, before: Sequence[int], axis: int, output: str) -> str:
        """Numbers of shape ``before``, of whose axes this one and the next change places."""
        axes = list(range(len(before)))
        axes[axis : axis + 2] = axes[axis + 1], axes[axis]
        return self.add("Transpose", [self.reshaped(given, before, f"{output}_before")], output, perm=axes)

    def drop(self, *nodes: NodeProto) -> None:
        """Nodes that are not needed any more."""
        self.gone.update(id(node) for node in nodes)

    def reader(self, name: str, kind: str) -> NodeProto | None:
        """Who reads this value, if it is one node, of this kind, and nobody outside."""
        readers = self.readers.get(name, [])
        alone = len(readers) == 1 and name not in self.outputs and readers[0].op_type == kind
        return readers[0] if alone else None


def with_cpu_forms(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a graph that computes the same function, to rounding, in forms that ONNX Runtime's CPU provider likes.

    A picture taken apart before a convolution becomes ``SpaceToDepth``, and the weights' inputs change places; other
    ones become two moves of one axis, and so does ``DepthToSpace``. A convolution that is only split becomes several,
    and a softmax over channels is spelt out.
    """
    work = _Rewriting(model)
    for node in work.given:
        if not any(rewrite(work, node) for rewrite in (_taken_apart, _joined, _split, _softmax)):
            work.nodes.append(node)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:]
    changed.graph.node.extend(node for node in work.nodes if id(node) not in work.gone)
    changed.graph.initializer.extend(work.constants)
    _leave_out_unread(changed.graph)
    onnx.checker.check_model(changed)
    return changed


def _shapes_of(model: onnx.ModelProto) -> dict[str, list[int]]:
    """The shapes of all values that can be foretold, 0 where a side cannot.

    Where all inputs have known sides, those that are reckoned on the way are found by running the graph.
    """
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    given = {v.name: np.zeros(shapes[v.name], np.float32) for v in model.graph.input}
    unknown = [n for node in model.graph.node for n in node.output if not all(shapes.get(n, [0]))]
    if not unknown or not all(array.size for array in given.values()):
        return shapes
    told = onnx.ModelProto()
    told.CopyFrom(model)
    del told.graph.output[:]
    told.graph.output.extend(onnx.ValueInfoProto(name=name) for name in unknown)
    session = ort.InferenceSession(told.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(unknown, given)
    return shapes | {name: list(np.shape(array)) for name, array in zip(unknown, found, strict=True)}


def _copy_of(node: NodeProto) -> NodeProto:
    copied = NodeProto()
    copied.CopyFrom(node)
    return copied


def _attribute(node: NodeProto, name: str, default: object = None) -> object:
    found = [helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return found[0] if found else default


def _taken_apart(work: _Rewriting, node: NodeProto) -> bool:
    """A ``pixel_unshuffle``, found at its Transpose: what is before and after it only names the axes."""
    if node.op_type != "Transpose" or _attribute(node, "perm") != _TAKEN_APART:
        return False
    _, channels, height, side, width, _ = work.shapes[node.input[0]]
    chain, picture, output = _renamed_axes(work, node)
    readers = work.readers.get(output, [])
    if channels and side and all(_is_convolution(work, reader) for reader in readers):
        work.add("SpaceToDepth", [picture], output, blocksize=side)
        for reader in readers:
            _change_places(work, reader, channels, side)
    elif channels and height and width:
        rows = work.moved(picture, [channels, height, side, width * side], 1, f"{output}_rows")
        cells = work.moved(rows, [channels * side, height * width, side], 1, f"{output}_cells")
        work.reshaped(cells, [1, channels * side**2, height, width], output)
    else:
        return False
    work.drop(*chain)
    return True


def _renamed_axes(work: _Rewriting, node: NodeProto) -> tuple[list[NodeProto], str, str]:
    """The nodes round this one that only give axes other names, the value of four axes before them, and that after."""
    chain, given, made = [], node.input[0], node.output[0]
    while len(work.shapes[given]) != 4:
        chain.append(work.makers[given])
        given = chain[-1].input[0]
    while len(work.shapes[made]) != 4:
        (reader,) = work.readers[made]
        chain.append(reader)
        made = reader.output[0]
    return chain, given, made


def _is_convolution(work: _Rewriting, node: NodeProto) -> bool:
    """Whether it is one of all channels, with weights that are known."""
    return node.op_type == "Conv" and node.input[1] in work.weights and _attribute(node, "group", 1) == 1


def _change_places(work: _Rewriting, convolution: NodeProto, channels: int, side: int) -> None:
    """Let a convolution read channels place by place, as ``SpaceToDepth`` leaves them, not channel by channel."""
    name = convolution.input[1]
    outputs, inputs, *kernel = work.weights[name]
    moved = work.moved(name, [outputs, channels, side**2, *kernel], 1, f"{name}_moved")
    convolution.input[1] = work.reshaped(moved, [outputs, inputs, *kernel], f"{name}_by_place")


def _joined(work: _Rewriting, node: NodeProto) -> bool:
    """``DepthToSpace`` as ``pixel_shuffle`` does it."""
    if node.op_type != "DepthToSpace" or _attribute(node, "mode") != b"CRD":
        return False
    shape = work.shapes.get(node.input[0], [])
    if len(shape) != 4 or not all(shape):
        return False
    side, output = int(_attribute(node, "blocksize")), node.output[0]  # type: ignore[call-overload]
    _, inputs, height, width = shape
    channels = inputs // side**2
    rows = work.moved(node.input[0], [channels, side * side, height, width], 1, f"{output}_rows")
    cells = work.moved(rows, [channels * height * side, side, width], 1, f"{output}_cells")
    work.reshaped(cells, [1, channels, height * side, width * side], output)
    return True


def _split(work: _Rewriting, node: NodeProto) -> bool:
    """A convolution whose channels are split and not read otherwise: its weights are split instead."""
    if node.op_type != "Conv" or not _is_convolution(work, node) or len(node.input) != 3:
        return False
    split = work.reader(node.output[0], "Split")
    if split is None or _attribute(split, "axis") != 1:
        return False
    channels = [work.shapes[name][1] for name in split.output]
    if any(count % _BLOCK for count in channels):
        return False
    sizes = work.constant(channels, f"{split.output[0]}_sizes")
    parts = [[f"{name}_{i}" for i in range(len(split.output))] for name in node.input[1:]]
    for name, names in zip(node.input[1:], parts, strict=True):
        work.add("Split", [name, sizes], *names, axis=0)
    same = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    for output, weight, bias in zip(split.output, *parts, strict=True):
        work.add("Conv", [node.input[0], weight, bias], output, **same)
    work.drop(split)
    return True


def _softmax(work: _Rewriting, node: NodeProto) -> bool:
    """A softmax over the channels of pictures, whose axes the provider would move to and fro."""
    given, output = (node.input[0], node.output[0]) if node.op_type == "Softmax" else ("", "")
    if not given or _attribute(node, "axis") != 1 or len(work.shapes.get(given, [])) != 4:
        return False
    most = work.add("ReduceMax", [given], f"{output}_most", axes=[1])
    powers = work.add("Exp", [work.add("Sub", [given, most], f"{output}_less")], f"{output}_powers")
    total = work.add("ReduceSum", [powers, work.constant([1], f"{output}_axes")], f"{output}_sum")
    work.add("Div", [powers, total], output)
    return True


def _leave_out_unread(graph: onnx.GraphProto) -> None:
    """Without the constants and nodes that led only to what was replaced."""
    nodes = list(graph.node)
    while True:
        read = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
        kept = [node for node in nodes if read & set(node.output)]
        if len(kept) == len(nodes):
            break
        nodes = kept
    tensors = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def main(argv: Sequence[str] | None = None) -> None:
    """Give files of the pack these forms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", type=Path, nargs="+", metavar="NAME.onnx", help="in the folder of the pack")
    for path in parser.parse_args(argv).graphs:
        write_atomically(path, with_cpu_forms(onnx.load(str(path))).SerializeToString())
        register(path.parent, path.stem, path.name)


if __name__ == "__main__":
    main()
