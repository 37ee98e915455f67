"""Composite operators, taken apart into those that have rules.

A normalisation divides what was centred by a deviation: with these as operators of their own, every
method treats it by the rules that it has for sums, products and powers anyway.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from torch import fx

from ..torch_private import FakeTensorMode, FakeTensorProp
from ..trace.graph import Capture
from ..trace.nodes import MODULE, PATHS, base_name, shape_of
from ..trace.operators import aten

_SHOWING = {"reshape", "expand", "clone", "alias", "detach"}
Value = Any  # a proxy, which records what is done to it in the graph


def take_apart(captured: Capture) -> None:
    """Rewrites the captured graph; its values stay the same."""
    module = captured.module
    replaced = [_replace(captured, node) for node in list(module.graph.nodes)]
    if not any(replaced):
        return
    module.graph.eliminate_dead_code()
    module.recompile()
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        clip = mode.from_tensor(captured.clip.meta["val"])
        FakeTensorProp(module, mode).propagate_dont_convert_inputs(clip)


def _replace(captured: Capture, node: fx.Node) -> bool:
    apart = _APART.get(base_name(node)) if node.op == "call_function" else None
    result = _only_result(node)
    if apart is None or result is None:
        return False
    graph = captured.module.graph
    tracer = fx.proxy.GraphAppendingTracer(graph)
    before = node.prev
    with graph.inserting_before(node):
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda n: fx.Proxy(n, tracer))
        made = apart(node, *args, **kwargs)
    if made is None:
        return False
    while (before := before.next) is not node:
        before.meta[MODULE] = node.meta.get(MODULE, "")
    made.node.meta.setdefault("val", result.meta["val"])
    made.node.meta.setdefault(PATHS, []).extend(result.meta.get(PATHS, ()))
    result.replace_all_uses_with(made.node)
    if captured.logits is result:
        captured.logits = made.node
    return True


def _only_result(node: fx.Node) -> fx.Node | None:
    """The node, or the first of several results where no other is read."""
    if shape_of(node) is not None:
        return node
    read = [u for u in node.users if u.target is operator.getitem and u.users]
    return read[0] if len(read) == 1 == len(node.users) and read[0].args[1] == 0 else None


def _normalised(x: Value, dims: Sequence[int], eps: float) -> Value:
    """(x − μ)/√(σ² + eps)."""
    centred = aten.sub.Tensor(x, aten.mean.dim(x, dims, True))
    variance = aten.mean.dim(aten.mul.Tensor(centred, centred), dims, True)
    return aten.mul.Tensor(centred, aten.rsqrt.default(aten.add.Tensor(variance, eps)))


def _affine(x: Value, weight: Value, bias: Value, shape: Sequence[int] | None = None) -> Value:
    for value, apply in ((weight, aten.mul.Tensor), (bias, aten.add.Tensor)):
        if value is not None:
            x = apply(x, value if shape is None else aten.reshape.default(value, list(shape)))
    return x


def _layer_norm(
    node: fx.Node, x: Value, shape: Sequence[int], weight: Value, bias: Value, eps: float
) -> Value:
    dims = list(range(-len(shape), 0))
    return _affine(_normalised(x, dims, eps), weight, bias)


def _group_norm(node: fx.Node, x: Value, weight: Value, bias: Value, *sizes: Any) -> Value:
    n, channels, _, groups, eps = sizes
    shape = shape_of(node.args[0])
    y = _normalised(aten.reshape.default(x, [n, groups, -1]), [-1], eps)
    each = [1, channels] + [1] * (len(shape) - 2)
    return _affine(aten.reshape.default(y, list(shape)), weight, bias, each)


def _batch_norm(node: fx.Node, x: Value, weight: Value, bias: Value, *rest: Any) -> Value | None:
    """By the clip's own statistics; one of running ones is affine, and folded."""
    *_, training, _, eps = rest
    shape = shape_of(node.args[0])
    if not training:
        return None
    dims = [0, *range(2, len(shape))]
    return _affine(_normalised(x, dims, eps), weight, bias, [1, -1] + [1] * (len(shape) - 2))


def _variance(
    node: fx.Node, x: Value, dims: Sequence[int] | None = None, *, correction: float | None = 1,
    keepdim: bool = False,
) -> Value:  # fmt: skip
    shape = shape_of(node.args[0])
    dims = list(range(len(shape))) if not dims else list(dims)
    centred = aten.sub.Tensor(x, aten.mean.dim(x, dims, True))
    count = math.prod(shape[d] for d in dims)
    variance = aten.mean.dim(aten.mul.Tensor(centred, centred), dims, keepdim)
    return aten.mul.Tensor(variance, count / (count - (1 if correction is None else correction)))


def _deviation(node: fx.Node, *args: Any, **options: Any) -> Value:
    return aten.sqrt.default(_variance(node, *args, **options))


def _norm(
    node: fx.Node, x: Value, order: float = 2, dims: Sequence[int] | None = None,
    keepdim: bool = False, *, dtype: Any = None,
) -> Value | None:  # fmt: skip
    dims = list(range(len(shape_of(node.args[0])))) if dims is None else list(dims)
    if order == 1:
        return aten.sum.dim_IntList(aten.abs.default(x), dims, keepdim)
    if order == 2:
        return aten.sqrt.default(aten.sum.dim_IntList(aten.mul.Tensor(x, x), dims, keepdim))
    return None


def _gated(node: fx.Node, x: Value, dim: int = -1) -> Value:
    half = shape_of(node.args[0])[dim] // 2
    value, gate = (aten.slice.Tensor(x, dim, i * half, (i + 1) * half) for i in range(2))
    return aten.mul.Tensor(value, aten.sigmoid.default(gate))


def _quotient(node: fx.Node, e: Value, total: Value, **options: Any) -> Value | None:
    """A softmax that is written out: exponentials over their sum, maybe less the greatest score."""
    exponentials, summed = _under(node.args[0]), _under(node.args[1])
    if getattr(summed, "target", None) is not aten.sum.dim_IntList or options:
        return None
    source, dims, *keep = summed.args
    same = _under(source) is exponentials and base_name(exponentials) == "exp"
    if not same or len(dims) != 1 or keep != [True]:
        return None
    scores = _under(exponentials.args[0])
    if base_name(scores) == "sub" and base_name(_under(scores.args[1])) == "amax":
        scores = scores.args[0]
    return aten._softmax.default(fx.Proxy(scores, e.tracer), dims[0], False)


def _under(node: Any) -> Any:
    """What the node shows the values of, in the same shape or, if repeated, in that before."""
    found = under = node
    while isinstance(under, fx.Node) and base_name(under) in _SHOWING:
        repeats = base_name(under) == "expand"
        under = under.args[0]
        if repeats or shape_of(under) == shape_of(found):
            found = under
    return found


def _matrices(
    node: fx.Node, added: Value, a: Value, b: Value, *, beta: float = 1, alpha: float = 1
) -> Value | None:
    """Of two matrices that both depend on the clip, as far as that can be seen here."""
    if base_name(node) == "addmm" and "get_attr" in {n.op for n in node.args[1:3]}:
        return None
    times = aten.mm.default if base_name(node) == "addmm" else aten.bmm.default
    products, added = (
        v if k == 1 else aten.mul.Tensor(v, k) for v, k in ((times(a, b), alpha), (added, beta))
    )
    return aten.add.Tensor(products, added)


def _minimum(node: fx.Node, x: Value, y: Value) -> Value:
    return aten.neg.default(aten.maximum.default(aten.neg.default(x), aten.neg.default(y)))


def _least(node: fx.Node, x: Value, dims: Any = None, keepdim: bool = False) -> Value:
    return aten.neg.default(_greatest(node, aten.neg.default(x), dims, keepdim))


def _greatest(node: fx.Node, x: Value, dims: Any = None, keepdim: bool = False) -> Value:
    dims = [] if dims is None else [dims] if isinstance(dims, int) else list(dims)
    return aten.amax.default(x, dims, keepdim)


def _log_softmax(node: fx.Node, x: Value, dim: int, *rest: Any) -> Value:
    return aten.sub.Tensor(x, aten.logsumexp.default(x, [dim], True))


def _log_sigmoid(node: fx.Node, x: Value) -> Value:
    return aten.neg.default(aten.softplus.default(aten.neg.default(x)))


def _between(node: fx.Node, a: Value, b: Value, weight: Value) -> Value:
    return aten.add.Tensor(a, aten.mul.Tensor(aten.sub.Tensor(b, a), weight))


def _added_product(node: fx.Node, x: Value, a: Value, b: Value, *, value: float = 1) -> Value:
    times = aten.mul.Tensor if base_name(node) == "addcmul" else aten.div.Tensor
    return aten.add.Tensor(x, aten.mul.Tensor(times(a, b), value))


def _itself(node: fx.Node, x: Value) -> Value:
    return x


_APART: dict[str, Callable[..., Value | None]] = {
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit": _batch_norm,
    "var": _variance,
    "std": _deviation,
    "linalg_vector_norm": _norm,
    "glu": _gated,
    "div": _quotient,
    "addmm": _matrices,
    "baddbmm": _matrices,
    "max": _greatest,
    "amin": _least,
    "min": _least,
    "minimum": _minimum,
    "_log_softmax": _log_softmax,
    "log_sigmoid_forward": _log_sigmoid,
    "lerp": _between,
    "addcmul": _added_product,
    "addcdiv": _added_product,
    "detach": _itself,
}
