"""Operators that ONNX lacks at opset 17, in terms of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from .nodes import aten, base_name, call, tensors_of


def _like(node: fx.Node) -> Callable[..., fx.Node]:
    """Makes calls in front of `node` whose results have its shape and type."""
    return lambda target, *args: call(node, target, args, node.meta["val"])


def expm1(node: fx.Node) -> fx.Node:
    do = _like(node)
    return do(aten.sub.Tensor, do(aten.exp.default, node.args[0]), 1.0)


def exp2(node: fx.Node) -> fx.Node:
    do = _like(node)
    return do(aten.exp.default, do(aten.mul.Tensor, node.args[0], math.log(2)))


def logical(node: fx.Node) -> fx.Node:
    """Bits of truth values are truth values."""
    name = base_name(node).replace("bitwise", "logical")
    whole = not all(tensors_of(n)[0].dtype == torch.bool for n in node.all_input_nodes)
    return node if whole else call(node, getattr(aten, name).default, node.args, node.meta["val"])


def elu(node: fx.Node) -> fx.Node:
    """scale·x, scale·α·(exp(rate·x) − 1) below zero: with a scale SELU, with a rate CELU."""
    x, alpha, scale, rate = (*node.args, *(1.0, 1.0, 1.0)[len(node.args) - 1 :])
    do = _like(node)
    y = do(aten.elu.default, x if rate == 1 else do(aten.mul.Tensor, x, rate), alpha * rate)
    return y if scale == rate else do(aten.mul.Tensor, y, scale / rate)


def vector_norm(node: fx.Node) -> fx.Node:
    """Of order 2 as it is; the converter leaves the dimensions of any other one out."""
    x, order, dims, keep = (*node.args, *(2, None, False)[len(node.args) - 1 :])
    if order == 2:
        return node
    value, result = x.meta["val"], node.meta["val"]
    dims = list(range(value.dim())) if dims is None else dims
    size = call(node, aten.abs.default, (x,), value)
    if abs(order) == math.inf:
        end = aten.amax.default if order > 0 else aten.amin.default
        return call(node, end, (size, dims, keep), result)
    powers = size if order == 1 else call(node, aten.pow.Tensor_Scalar, (size, order), value)
    total = call(node, aten.sum.dim_IntList, (powers, dims, keep), result)
    return total if order == 1 else call(node, aten.pow.Tensor_Scalar, (total, 1 / order), result)


FORMULAS: dict[Any, Callable[[fx.Node], fx.Node]] = {
    aten.expm1.default: expm1,
    aten.exp2.default: exp2,
    aten.bitwise_not.default: logical,
    aten.bitwise_and.Tensor: logical,
    aten.bitwise_or.Tensor: logical,
    aten.bitwise_xor.Tensor: logical,
    aten.elu.default: elu,
    aten.linalg_vector_norm.default: vector_norm,
}
