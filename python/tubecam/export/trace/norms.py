"""Normalisations as one operator each, which engines compute without overflow in half precision.

LayerNorm is LayerNormalization (opset 17). What normalises over groups, instances, or a batch of
clips is InstanceNormalization of the same values in another shape. Their statistics are computed
beside, where a gradient reads them.
"""

from __future__ import annotations

import math
import operator

from torch import Tensor, fx

from .nodes import aten, call, replace_by, reshape

BATCH_NORMS = {  # the argument that makes it take the statistics of its input
    aten.native_batch_norm.default: 5,
    aten._native_batch_norm_legit.default: 5,
    aten._native_batch_norm_legit.no_stats: 3,
    aten._native_batch_norm_legit_functional.default: 5,
}


def single_operators(module: fx.GraphModule) -> None:
    """Replaces the normalisations that compute their statistics, in place."""
    for node in list(module.graph.nodes):
        if node.target is aten.native_layer_norm.default:
            _layer_norm(node)
        elif node.target is aten.native_group_norm.default:
            _group_norm(node)
        elif node.target in BATCH_NORMS and node.args[BATCH_NORMS[node.target]]:
            _batch_norm(node)
    module.graph.eliminate_dead_code()


def _layer_norm(node: fx.Node) -> None:
    x, shape, weight, bias, epsilon = node.args
    value = x.meta["val"]
    dims = list(range(value.dim() - len(shape), value.dim()))
    result = call(node, aten.layer_norm.default, (x, shape, weight, bias, epsilon), value)
    _results(node, result, *_statistics(node, x, dims, epsilon))


def _group_norm(node: fx.Node) -> None:
    x, weight, bias, n, channels, _, groups, epsilon = node.args
    shape = list(x.meta["val"].shape)
    grouped = reshape(node, x, [n, groups, math.prod(shape) // (n * groups)])
    result = reshape(node, _instance_norm(node, grouped, epsilon), shape)
    result = _affine(node, result, weight, bias)
    means = [reshape(node, s, [n, groups]) for s in _statistics(node, grouped, [2], epsilon)]
    _results(node, result, *means)


def _batch_norm(node: fx.Node) -> None:
    """Over all but the channels, by what the values themselves are."""
    x, weight, bias = node.args[:3]
    shape, epsilon = list(x.meta["val"].shape), node.args[BATCH_NORMS[node.target] + 2]
    n, channels, *cells = shape
    together = _swapped(node, x) if n > 1 else x
    together = reshape(node, together, [1, channels, n * math.prod(cells)])
    result = _instance_norm(node, together, epsilon)
    if n > 1:
        result = _swapped(node, reshape(node, result, [channels, n, *cells]))
    result = _affine(node, reshape(node, result, shape), weight, bias)
    means = [reshape(node, s, [channels]) for s in _statistics(node, together, [2], epsilon)]
    _results(node, result, *means)


def _swapped(node: fx.Node, x: fx.Node) -> fx.Node:
    return call(node, aten.transpose.int, (x, 0, 1), x.meta["val"].transpose(0, 1))


def _instance_norm(node: fx.Node, x: fx.Node, epsilon: float) -> fx.Node:
    args = (x, None, None, None, None, True, 0.0, epsilon, False)
    return call(node, aten.instance_norm.default, args, x.meta["val"])


def _affine(node: fx.Node, x: fx.Node, weight: fx.Node | None, bias: fx.Node | None) -> fx.Node:
    value = x.meta["val"]
    shape = [1, -1] + [1] * (value.dim() - 2)
    for target, factor in ((aten.mul.Tensor, weight), (aten.add.Tensor, bias)):
        if factor is not None:
            shape[1] = factor.meta["val"].numel()
            x = call(node, target, (x, reshape(node, factor, shape)), value)
    return x


def _statistics(
    node: fx.Node, x: fx.Node, dims: list[int], epsilon: float
) -> tuple[fx.Node, fx.Node]:
    """Mean and reciprocal of the deviation, with the reduced dimensions kept."""
    value = x.meta["val"]
    mean = _mean(node, x, dims)
    apart = call(node, aten.sub.Tensor, (x, mean), value)
    variance = _mean(node, call(node, aten.mul.Tensor, (apart, apart), value), dims)
    lifted = call(node, aten.add.Tensor, (variance, epsilon), mean.meta["val"])
    return mean, call(node, aten.rsqrt.default, (lifted,), mean.meta["val"])


def _mean(node: fx.Node, x: fx.Node, dims: list[int]) -> fx.Node:
    value: Tensor = x.meta["val"]
    return call(node, aten.mean.dim, (x, dims, True), value.mean(dims, keepdim=True))


def _results(node: fx.Node, *results: fx.Node) -> None:
    """Readers of the operator's results read these."""
    for user in list(node.users):
        if user.target is operator.getitem:
            replace_by(user, results[user.args[1]])
