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
    aten.detach_.default,
    aten.alias.default,
    aten.lift_fresh_copy.default,
}
VIEWS = {aten.view.default, aten._unsafe_view.default}
RENAMED = {
    aten._softmax.default: aten.softmax.int,
    aten._log_softmax.default: aten.log_softmax.int,
}
FILLS = {  # operator → the value that fills it, or the place of that value among the arguments
    "aten.ones_like": 1.0,
    "aten.new_ones": 1.0,
    "aten.zeros_like": 0.0,
    "aten.new_zeros": 0.0,
    "aten.full_like": (1,),
    "aten.new_full": (2,),
    "aten.fill": (1,),
}


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
        elif str(node.target).rpartition(".")[0] in FILLS:
            _filled(node)
        elif node.target is aten.copy_.default:
            _copied(graph, node)
        elif node.target in RENAMED:
            node.target, node.args = RENAMED[node.target], node.args[:2]
        elif node.target in VIEWS:  # strides may differ once copies are gone
            node.target = aten.reshape.default
        elif node.target is aten._to_copy.default:
            _plain_cast(graph, node)
    _functional(graph)
    for node in graph.nodes:
        if node.target is aten.mul.Tensor:
            _rectified(node)
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


def _filled(node: fx.Node) -> None:
    """Shapes are static, so a tensor of one value needs no other tensor."""
    value = FILLS[str(node.target).rpartition(".")[0]]
    if isinstance(value, tuple):
        value = node.args[value[0]]
    if not isinstance(value, fx.Node):
        result = node.meta["val"]
        node.target = aten.full.default
        node.args = (list(result.shape), value)
        node.kwargs = {"dtype": result.dtype}


def _copied(graph: fx.Graph, node: fx.Node) -> None:
    """A copy into fresh memory is its source."""
    fresh, source = node.args[:2]
    result, value = node.meta["val"], source.meta["val"]
    if "aten.empty" in str(fresh.target) and (value.shape, value.dtype) == (
        result.shape, result.dtype,
    ):  # fmt: skip
        node.replace_all_uses_with(source)
        graph.erase_node(node)
        fresh.replace_all_uses_with(source)


def _rectified(node: fx.Node) -> None:
    """Behind the mask of relu(y), y is relu(y): then y itself need not be kept, or even stored."""
    for masked, y in (node.args, node.args[::-1]):
        for mask in _factors(masked):
            relu = _open_where(mask)
            if relu is not None and relu.args[0] is y:
                node.args = (masked, relu)
                return


def _factors(product: object) -> tuple:
    return product.args if getattr(product, "target", None) is aten.mul.Tensor else ()


def _open_where(mask: object) -> fx.Node | None:
    """The ReLU r that `mask` = (r > 0) is made of."""
    if getattr(mask, "target", None) is not aten.to.dtype:
        return None
    above = mask.args[0]
    if above.target is not aten.gt.Scalar or above.args[1] != 0:
        return None
    return above.args[0] if above.args[0].target is aten.relu.default else None


def _functional(graph: fx.Graph) -> None:
    """Writes in place become new tensors: constants are evaluated out of order.

    Autograd's decompositions write into tensors that they have just made; anything that could be
    seen through a view is refused.
    """
    for node in list(graph.nodes):
        schema = getattr(node.target, "_schema", None)
        if schema is None or not schema.is_mutable:
            continue
        written = node.args[0]
        plain = getattr(aten, schema.name.removeprefix("aten::").removesuffix("_"), None)
        if plain is None or not schema.name.endswith("_") or _shared(written):
            raise ExportError(
                f"{schema.name} writes in place where the trace cannot follow it; use its form "
                "that returns a new tensor."
            )
        node.target = getattr(plain, schema.overload_name or "default")
        written.replace_all_uses_with(node, delete_user_cb=lambda user, node=node: user > node)


def _shared(node: fx.Node) -> bool:
    """Whether other tensors may show the same memory."""
    near = [node, *node.users]
    return node.op != "call_function" or any(
        getattr(getattr(n.target, "_schema", None), "returns", ())
        and any(r.alias_info and not r.alias_info.is_write for r in n.target._schema.returns)
        for n in near
        if n.op == "call_function"
    )
