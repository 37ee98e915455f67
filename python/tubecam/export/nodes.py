"""Changing a graph node by node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from .capture import MODULE, PATHS, add_constant

aten = torch.ops.aten


def call(before: fx.Node, target: Any, args: tuple[Any, ...], value: Tensor, **kwargs: Any) -> fx.Node:
    """A new call in front of `before`; `value` has the shape and type of its result."""
    with before.graph.inserting_before(before):
        node = before.graph.call_function(target, args, kwargs)
    node.meta["val"] = value
    if MODULE in before.meta:
        node.meta[MODULE] = before.meta[MODULE]
    return node


def replace_by(node: fx.Node, other: fx.Node) -> None:
    """All readers of `node` read `other`, which then stands for the same module paths, too."""
    paths = [*other.meta.get(PATHS, ()), *node.meta.get(PATHS, ())]
    if paths:
        other.meta[PATHS] = paths
    node.replace_all_uses_with(other)
    node.graph.erase_node(node)


def choose(module: fx.GraphModule, before: fx.Node, x: fx.Node, dim: int, index: Tensor) -> fx.Node:
    """``index_select`` of constant places."""
    value = x.meta["val"]
    shape = [*value.shape[:dim], len(index), *value.shape[dim + 1 :]]
    places = add_constant(module, index, before)
    return call(before, aten.index_select.default, (x, dim, places), value.new_empty(shape))


def join(before: fx.Node, parts: list[fx.Node], dim: int) -> fx.Node:
    """Their concatenation; a single part is itself."""
    if len(parts) == 1:
        return parts[0]
    values = [part.meta["val"] for part in parts]
    shape = list(values[0].shape)
    shape[dim] = sum(value.shape[dim] for value in values)
    return call(before, aten.cat.default, (parts, dim), values[0].new_empty(shape))


def reshape(before: fx.Node, x: fx.Node, shape: list[int]) -> fx.Node:
    """The same values in another shape."""
    value = x.meta["val"]
    if list(value.shape) == shape:
        return x
    return call(before, aten.reshape.default, (x, shape), value.new_empty(shape))
