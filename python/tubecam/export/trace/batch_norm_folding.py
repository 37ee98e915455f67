"""Batch normalisation disappears into convolutions; constants are computed once."""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, fx

from .gathers import constant_places
from .graph import Capture
from .nodes import PATHS, add_constant, constant, drop_unused_constants, shape_of

aten = torch.ops.aten
BATCH_NORMS = {
    aten.native_batch_norm.default,
    aten._native_batch_norm_legit.default,
    aten._native_batch_norm_legit_no_training.default,
}
LARGE = 1 << 20  # elements
RANDOM = ("rand", "dropout", "bernoulli", "normal_", "multinomial", "empty")


def fold_constants(module: fx.GraphModule) -> None:
    """Evaluates operators that depend on constants alone (normalised weights, masks, ranges).

    What is much larger than all that it is made of stays an operator, which engines evaluate
    themselves.
    """
    values: dict[fx.Node, Any] = {}
    for node in list(module.graph.nodes):
        if node.op == "get_attr":
            values[node] = getattr(module, str(node.target)).detach()
        elif node.op == "call_function" and _is_constant(node, values):
            args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
            with torch.no_grad():
                values[node] = node.target(*args, **kwargs)
    read: set[fx.Node] = set()  # by what is evaluated later
    for node in reversed(module.graph.nodes):
        stored = node in values and isinstance(values[node], Tensor) and not _spreads(node, values)
        if node not in values or (node in read and not stored):
            read.update(node.all_input_nodes)
        elif node in read and node.op == "call_function":
            node.replace_all_uses_with(add_constant(module, values[node], node))
    constant_places(module)
    _clean(module)


def _is_constant(node: fx.Node, values: dict[fx.Node, Any]) -> bool:
    if any(word in str(node.target) for word in RANDOM):
        return False
    return all(n in values for n in node.all_input_nodes)


def _spreads(node: fx.Node, values: dict[fx.Node, Any]) -> bool:
    """Whether a constant is better made when it is needed than stored."""
    if str(node.target).startswith(("aten.expand", "aten.full")):
        return True
    given = sum(values[n].numel() for n in node.all_input_nodes if isinstance(values[n], Tensor))
    return values[node].numel() > max(4 * given, LARGE)


def fold_batch_norm(captured: Capture, keep: Collection[fx.Node]) -> tuple[int, int]:
    """Folds inference-mode batch normalisation, in float64.

    A normalisation after a convolution is folded into it, as is one before an unpadded
    convolution; any other becomes a multiplication and an addition. The output of `keep` (the
    explained layer) stays as it is.

    Returns
    -------
    folded, kept : int
        How many went into convolutions and how many became affine.
    """
    module = captured.module
    folded = kept = 0
    for node in list(module.graph.nodes):
        if node.op != "call_function" or node.target not in BATCH_NORMS:
            continue
        affine = _affine(module, node)
        if affine is None:
            continue
        result = next(
            (u for u in node.users if u.target is operator.getitem and u.args[1] == 0), None
        )
        if result is None:
            continue
        if _fold_into_previous(module, node, result, affine, keep):
            folded += 1
        elif _fold_into_next(module, node, result, affine, keep):
            folded += 1
        else:
            _replace_by_affine(captured, node, result, affine)
            kept += 1
    _clean(module)
    return folded, kept


def _affine(module: fx.GraphModule, node: fx.Node) -> tuple[Tensor, Tensor] | None:
    """Scale and shift [C] in float64, None when the statistics are those of the batch."""
    no_training = node.target is aten._native_batch_norm_legit_no_training.default
    x, weight, bias, mean, variance, *rest = node.args
    training, epsilon = (False, rest[1]) if no_training else (rest[0], rest[2])
    mean, variance = constant(module, mean), constant(module, variance)
    if training or mean is None or variance is None:
        return None
    scale = (variance.double() + epsilon).rsqrt()
    if weight is not None:
        scale = scale * constant(module, weight).double()
    shift = -mean.double() * scale
    if bias is not None:
        shift = shift + constant(module, bias).double()
    return scale, shift


def _fold_into_previous(
    module: fx.GraphModule,
    node: fx.Node,
    result: fx.Node,
    affine: tuple[Tensor, Tensor],
    keep: Collection[fx.Node],
) -> bool:
    conv = node.args[0]
    if not _foldable_conv(module, conv) or conv in keep or len(conv.users) != 1:
        return False
    scale, shift = affine
    weight, bias = _weights(module, conv)
    transposed, groups = conv.args[6], conv.args[8]
    if transposed:  # [in, out/g, k…]: output channels vary within a group
        inputs, outputs, *kernel = weight.shape
        grouped = weight.reshape([groups, inputs // groups, outputs, *kernel])
        factor = scale.reshape([groups, 1, outputs] + [1] * len(kernel))
        weight = (grouped * factor).reshape(weight.shape)
    else:
        weight = weight * scale.reshape([-1] + [1] * (weight.dim() - 1))
    shift = shift if bias is None else shift + bias * scale
    _set_weights(module, conv, weight, shift)
    conv.meta[PATHS] = list(result.meta.get(PATHS, ()))
    result.replace_all_uses_with(conv)
    return True


def _fold_into_next(
    module: fx.GraphModule,
    node: fx.Node,
    result: fx.Node,
    affine: tuple[Tensor, Tensor],
    keep: Collection[fx.Node],
) -> bool:
    """Only without padding: a padded zero is not normalised."""
    conv = next(iter(result.users), None)
    alone = len(result.users) == 1 and result not in keep and conv.args[0] is result
    if not alone or not _foldable_conv(module, conv) or conv.args[6] or any(conv.args[4]):
        return False
    scale, shift = affine
    weight, bias = _weights(module, conv)
    outputs, inputs, *kernel = weight.shape
    groups = conv.args[8]
    per_group = [groups, 1, inputs] + [1] * len(kernel)
    grouped = weight.reshape([groups, outputs // groups, inputs, *kernel])
    moved = (grouped * shift.reshape(per_group)).flatten(2).sum(2).flatten()
    weight = (grouped * scale.reshape(per_group)).reshape(weight.shape)
    _set_weights(module, conv, weight, moved if bias is None else moved + bias)
    result.replace_all_uses_with(node.args[0])
    return True


def _foldable_conv(module: fx.GraphModule, conv: Any) -> bool:
    return (
        isinstance(conv, fx.Node)
        and conv.target is aten.convolution.default
        and constant(module, conv.args[1]) is not None
        and (conv.args[2] is None or constant(module, conv.args[2]) is not None)
    )


def _weights(module: fx.GraphModule, conv: fx.Node) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a foldable convolution, float64."""
    weight, bias = constant(module, conv.args[1]), constant(module, conv.args[2])
    return weight.double(), None if bias is None else bias.double()


def _set_weights(module: fx.GraphModule, conv: fx.Node, weight: Tensor, bias: Tensor) -> None:
    dtype = constant(module, conv.args[1]).dtype
    args = list(conv.args)
    args[1] = add_constant(module, weight.to(dtype), conv)
    args[2] = add_constant(module, bias.to(dtype), conv)
    conv.args = tuple(args)


def _replace_by_affine(
    captured: Capture, node: fx.Node, result: fx.Node, affine: tuple[Tensor, Tensor]
) -> None:
    module = captured.module
    value = result.meta["val"]
    rank = len(shape_of(result) or ())
    scale, shift = (
        add_constant(module, v.reshape([1, -1] + [1] * (rank - 2)).to(value.dtype), node)
        for v in affine
    )
    with module.graph.inserting_before(result):
        scaled = module.graph.call_function(aten.mul.Tensor, (node.args[0], scale))
        moved = module.graph.call_function(aten.add.Tensor, (scaled, shift))
    scaled.meta["val"] = moved.meta["val"] = value
    moved.meta[PATHS] = list(result.meta.get(PATHS, ()))
    result.replace_all_uses_with(moved)
    if captured.logits is result:
        captured.logits = moved


def _clean(module: fx.GraphModule) -> None:
    module.graph.eliminate_dead_code()
    drop_unused_constants(module)
    module.recompile()
