"""Whole numbers that an ONNX graph computes from constants alone, as constants.

The converter writes a padding as a chain of eight operators. Engines fold it, but neither shape
inference nor a reader of the file sees through it.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

FOLDED = {"Cast", "Concat", "ConstantOfShape", "Identity", "Reshape", "Slice", "Transpose"}
SMALL = 64  # elements: sizes, places and paddings


def fold_integers(model: onnx.ModelProto) -> None:
    """Replaces such chains by initializers, in place, and drops what nothing reads any more."""
    graph = model.graph
    known = {t.name: numpy_helper.to_array(t) for t in graph.initializer if _is_small(t)}
    results = {output.name for output in graph.output}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            if _is_small(node.attribute[0].t):
                known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type in FOLDED and all(name in known for name in node.input if name):
            (value,) = _run(node, known)
            if np.issubdtype(value.dtype, np.integer) and not results.intersection(node.output):
                known[node.output[0]] = value
    kept = [node for node in graph.node if node.output[0] not in known]
    read = {name for node in kept for name in node.input}
    for at in reversed(range(len(graph.initializer))):
        if graph.initializer[at].name in known:
            del graph.initializer[at]
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value, order="C"), name)
        for name, value in known.items()
        if name in read
    )
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)


def without_copies(model: onnx.ModelProto) -> None:
    """Readers of an initializer's copy (Identity) read the initializer itself, in place.

    Some parsers take the weights and biases of a convolution from initializers alone.
    """
    graph = model.graph
    results = {output.name for output in graph.output}
    same = {t.name: t.name for t in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in same and node.output[0] not in results:
            same[node.output[0]] = same[node.input[0]]
            continue
        for place, name in enumerate(node.input):
            node.input[place] = same.get(name, name)
        kept.append(onnx.NodeProto.FromString(node.SerializeToString()))
    del graph.node[:]
    graph.node.extend(kept)


def drop_unread(model: onnx.ModelProto) -> None:
    """Removes initializers that no node reads, in place."""
    read = {name for node in model.graph.node for name in node.input}
    for at in reversed(range(len(model.graph.initializer))):
        if model.graph.initializer[at].name not in read:
            del model.graph.initializer[at]


def _is_small(tensor: onnx.TensorProto) -> bool:
    whole = tensor.data_type in (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
    return whole and np.prod(tensor.dims) <= SMALL


def _run(node: onnx.NodeProto, known: dict[str, np.ndarray]) -> list[np.ndarray]:
    feeds = {name: known[name] for name in node.input if name}
    return ReferenceEvaluator(node).run(None, feeds)
