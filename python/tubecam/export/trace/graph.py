"""A captured forward pass, and walks over its nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from .nodes import PATHS


@dataclass
class Capture:
    """A forward pass, clip → logits.

    Attributes
    ----------
    module : GraphModule
        ATen operators only; parameters are its attributes.
    clip, logits : Node
        The one input, [1, T, 3, H, W], and the result, [1, K].
    """

    module: fx.GraphModule
    clip: fx.Node
    logits: fx.Node

    def find(self, path: str) -> fx.Node | None:
        """The node that a module path, or else its own name, names; None where there is none."""
        nodes = list(self.module.graph.nodes)
        named = (n for n in nodes if path in n.meta.get(PATHS, ()))
        return next(named, next((n for n in nodes if n.name == path), None))

    def paths(self) -> list[str]:
        """Every module path that can be named, in the order of execution."""
        return [path for n in self.module.graph.nodes for path in n.meta.get(PATHS, ())]

    def copy(self) -> Capture:
        """The same graph, to be changed; the tensors are shared."""
        graph, copies = fx.Graph(), {}
        graph.output(graph.graph_copy(self.module.graph, copies))
        for node, copied in copies.items():
            if PATHS in node.meta:
                copied.meta[PATHS] = list(node.meta[PATHS])
        module = fx.GraphModule(self.module, graph)
        module._constants_added = getattr(self.module, "_constants_added", 0)
        return Capture(module, copies[self.clip], copies[self.logits])


def ancestors(node: fx.Node) -> set[fx.Node]:
    """`node` and everything that it is computed from."""
    return _reach([node], lambda n: n.all_input_nodes)


def descendants(node: fx.Node) -> set[fx.Node]:
    """`node` and everything that is computed from it."""
    return _reach([node], lambda n: list(n.users))


def _reach(start: list[fx.Node], step) -> set[fx.Node]:
    seen: set[fx.Node] = set()
    waiting = list(start)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(step(node))
    return seen


def run_nodes(module: fx.GraphModule, nodes: Iterable[fx.Node], values: dict, dtype=None) -> None:
    """Evaluates `nodes` in order into `values`.

    Where `dtype` is given, constants and what the model makes of another type are cast to it.
    """
    for node in nodes:
        if node in values:
            continue
        if node.op == "get_attr":
            values[node] = _cast(getattr(module, str(node.target)), dtype)
        elif node.op == "call_function":
            args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
            if dtype is not None and getattr(kwargs.get("dtype"), "is_floating_point", False):
                kwargs = {**kwargs, "dtype": dtype}
            values[node] = _cast(node.target(*args, **kwargs), dtype)


def _cast(value, dtype: torch.dtype | None):
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.to(dtype) if floating and dtype is not None else value


def split_at(captured: Capture, *layers: fx.Node) -> tuple[list[fx.Node], list[fx.Node]]:
    """Nodes that depend on no layer's output, the layers among them, and those behind."""
    needed = ancestors(captured.logits)
    after = _reach(list(layers), lambda n: list(n.users)) - set(layers)
    ordered = [n for n in captured.module.graph.nodes if n in needed]
    return [n for n in ordered if n not in after], [n for n in ordered if n in after]
