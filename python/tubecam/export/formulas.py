"""Operators that ONNX lacks at opset 17, in terms of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx

from .nodes import aten, call


def _like(node: fx.Node) -> Callable[..., fx.Node]:
    """Makes calls in front of `node` whose results have its shape and type."""
    return lambda target, *args: call(node, target, args, node.meta["val"])


def expm1(node: fx.Node) -> fx.Node:
    do = _like(node)
    return do(aten.sub.Tensor, do(aten.exp.default, node.args[0]), 1.0)


def elu(node: fx.Node) -> fx.Node:
    """scale·x, scale·α·(exp(rate·x) − 1) below zero: with a scale SELU, with a rate CELU."""
    x, alpha, scale, rate = (*node.args, *(1.0, 1.0, 1.0)[len(node.args) - 1 :])
    do = _like(node)
    y = do(aten.elu.default, x if rate == 1 else do(aten.mul.Tensor, x, rate), alpha * rate)
    return y if scale == rate else do(aten.mul.Tensor, y, scale / rate)


FORMULAS: dict[Any, Callable[[fx.Node], fx.Node]] = {
    aten.expm1.default: expm1,
    aten.elu.default: elu,
}
