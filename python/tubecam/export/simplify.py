"""Rewrites ATen operators that the ONNX converter or the engines do not know."""

from __future__ import annotations

import operator

import torch
from torch import fx

from ..errors import ExportError

aten = torch.ops.aten
POOLS = {
    aten.max_pool2d_with_indices.default: aten.max_pool2d.default,
    aten.max_pool3d_with_indices.default: aten.max_pool3d.default,
}
IDENTITIES = {
    aten.clone.default,
    aten.detach.default,
    aten.alias.default,
    aten.lift_fresh_copy.default,
}
VIEWS = {aten.view.default, aten._unsafe_view.default}


def simplify(module: fx.GraphModule) -> None:
    """Changes `module` in place; its values stay the same."""
    graph = module.graph
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        if node.target in POOLS:
            _drop_indices(graph, node)
        elif node.target in IDENTITIES:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.target in VIEWS:  # strides may differ once copies are gone
            node.target = aten.reshape.default
        elif node.target is aten._to_copy.default:
            _plain_cast(graph, node)
    graph.eliminate_dead_code()
    module.recompile()


def _drop_indices(graph: fx.Graph, node: fx.Node) -> None:
    """Max pools that give values only: pool indices are unknown to some engines."""
    values = [u for u in node.users if u.target is operator.getitem and u.args[1] == 0]
    if len(values) < len(node.users):
        raise ExportError("the model reads the indices of a max pool (max unpooling), which has no "
                          "form that every engine runs.")  # fmt: skip
    node.target = POOLS[node.target]
    for user in values:
        user.replace_all_uses_with(node)
        graph.erase_node(user)


def _plain_cast(graph: fx.Graph, node: fx.Node) -> None:
    dtype = node.kwargs.get("dtype")
    if dtype is None:
        node.replace_all_uses_with(node.args[0])
        graph.erase_node(node)
        return
    node.target = aten.to.dtype
    node.args = (node.args[0], dtype)
    node.kwargs = {}
