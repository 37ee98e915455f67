"""What a graph asks of a machine, and the same graph without its explanation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ..libraries.extras import needed_for

# Their outputs pass through memory; engines fuse what lies between them.
_HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True)
class Work:
    """Of one run: multiply–adds, and bytes that heavy operators read and write at least."""

    macs: float
    bytes: float


def check_available() -> None:
    """Finds before the run that onnx is missing."""
    _onnx()


def load(path: str | Path):
    """The ONNX model, with the shape of every tensor inferred."""
    onnx = _onnx()
    return onnx.shape_inference.infer_shapes(onnx.load(str(path)), data_prop=True)


def work(model) -> Work:
    """Multiply–adds and bytes, from the shapes of convolutions and matrix products.

    Element-wise operators count for nothing: they are fused. Transforms such as Winograd's save
    multiplications, so that an engine may beat these.
    """
    shapes, sizes = _shapes(model)
    macs = moved = 0.0
    for node in model.graph.node:
        if node.op_type in _HEAVY and all(n in shapes for n in (*node.input[:2], node.output[0])):
            macs += _macs(node, shapes)
            names = [n for n in (*node.input, *node.output) if n in shapes]
            moved += sum(math.prod(shapes[n]) * sizes.get(n, 4) for n in names)
    return Work(macs, moved)


def _macs(node, shapes: dict[str, list[int]]) -> float:
    first, second, out = (shapes[n] for n in (*node.input[:2], node.output[0]))
    if node.op_type == "Conv":  # weight [out, in / groups, kernel…]
        return math.prod(out) * math.prod(second[1:])
    if node.op_type == "ConvTranspose":  # weight [in, out / groups, kernel…]
        return math.prod(first) * math.prod(second[1:])
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return math.prod(out) * (first[0] if transposed else first[-1])


def _shapes(model) -> tuple[dict[str, list[int]], dict[str, int]]:
    onnx, shapes, sizes = _onnx(), {}, {}
    graph = model.graph
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if all(d > 0 for d in dims):
            shapes[value.name] = dims
    for tensor in graph.initializer:
        shapes[tensor.name] = list(tensor.dims)
        sizes[tensor.name] = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return shapes, sizes


def _onnx():
    with needed_for("the bench, which takes graphs apart,", "bench"):
        import onnx
        import onnx.utils
    return onnx
