"""Changing a graph node by node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from ..torch_private import schema_of

PATHS = "paths"  # key of Node.meta: the module paths whose output this node is
MODULE = "module"  # and the innermost module that this node stands in: "head.act (GELU)"
aten = torch.ops.aten


def base_name(node: fx.Node) -> str:
    """``relu`` of ``aten.relu.default``; the target's own name for anything else."""
    schema = schema_of(node.target)
    if schema is not None:
        return schema.name.removeprefix("aten::")
    return getattr(node.target, "__name__", str(node.target))


def operator_at(node: fx.Node) -> str:
    """``aten.cumsum in temporal.2 (Cumulative)``."""
    where = node.meta.get(MODULE)
    return f"aten.{base_name(node)}" + (f" in {where}" if where else "")


def call(
    before: fx.Node, target: Any, args: tuple[Any, ...], value: Tensor, **kwargs: Any
) -> fx.Node:
    """A new call in front of `before`; `value` has the shape and type of its result."""
    with before.graph.inserting_before(before):
        node = before.graph.call_function(target, args, kwargs)
    node.meta["val"] = value
    node.meta[MODULE] = before.meta.get(MODULE, "")
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


def constant(module: fx.GraphModule, argument: Any) -> Tensor | None:
    """The value of a get_attr node, None for any other argument."""
    if isinstance(argument, fx.Node) and argument.op == "get_attr":
        return getattr(module, str(argument.target)).detach()
    return None


def add_constant(module: fx.GraphModule, value: Tensor, before: fx.Node) -> fx.Node:
    """Registers `value` as a buffer and returns a node that reads it."""
    index = getattr(module, "_constants_added", 0)
    module._constants_added = index + 1
    name = f"constant_{index}"
    module.register_buffer(name, value.detach().clone().contiguous())
    with module.graph.inserting_before(before):
        node = module.graph.get_attr(name)
    node.meta["val"] = value
    return node


def drop_unused_constants(module: fx.GraphModule) -> None:
    """Deletes attributes that no node reads."""
    used = {str(n.target) for n in module.graph.nodes if n.op == "get_attr"}
    for table in (module._parameters, module._buffers):
        for name in [n for n in table if n not in used]:
            del table[name]


def tensors_of(node: fx.Node, floating: bool = False) -> list[Tensor]:
    """Stand-ins for a node's value, or for its several values; all, or those with derivatives."""
    value = node.meta.get("val")
    values = value if isinstance(value, (tuple, list)) else (value,)
    found = [v for v in values if isinstance(v, Tensor)]
    return [v for v in found if v.is_floating_point()] if floating else found


def shape_of(node: Any) -> tuple[int, ...] | None:
    """The static shape of a node's value, None where it is not one tensor."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return tuple(value.shape) if isinstance(value, Tensor) else None


def slice_range(size: int, start: int | None, end: int | None) -> tuple[int, int]:
    """First and behind the last cell of a slice of `size` cells."""
    first, last, _ = slice(start, end).indices(size)
    return first, max(first, last)
