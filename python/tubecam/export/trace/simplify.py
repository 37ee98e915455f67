"""Rewrites ATen operators that the ONNX converter or the engines do not know."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from torch import fx

from ...errors import ExportError
from ..torch_private import schema_of
from .canonical import canonical
from .formulas import FORMULAS
from .nodes import aten, replace_by
from .norms import single_operators

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
RENAMED = {  # the converter knows the other name, and fewer arguments
    aten._softmax.default: aten.softmax.int,
    aten._log_softmax.default: aten.log_softmax.int,
}


def simplify(module: fx.GraphModule) -> None:
    """Changes `module` in place; its values stay the same."""
    graph = module.graph
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        if node.target in IDENTITIES:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.target is aten.copy_.default:
            _copied(graph, node)
    _functional(graph)
    canonical(module)
    single_operators(module)
    for node in list(graph.nodes):
        if node.target in RULES:
            RULES[node.target](node)
    for node in graph.nodes:
        if node.target is aten.mul.Tensor:
            _rectified(node)
    graph.eliminate_dead_code()
    module.recompile()


def _without_indices(node: fx.Node) -> None:
    """Max pools that give values only: pool indices are unknown to some engines."""
    values = [u for u in node.users if u.target is operator.getitem and u.args[1] == 0]
    if len(values) < len(node.users):
        raise ExportError("the model reads the indices of a max pool (max unpooling), which has no "
                          "form that every engine runs.")  # fmt: skip
    node.target = POOLS[node.target]
    for user in values:
        replace_by(user, node)


def _renamed(node: fx.Node) -> None:
    node.target, node.args = RENAMED[node.target], node.args[:2]


def _grid_sampler(node: fx.Node) -> None:
    node.target = aten.grid_sampler.default


def _plain_cast(node: fx.Node) -> None:
    dtype = node.kwargs.get("dtype")
    if dtype is None:
        replace_by(node, node.args[0])
        return
    node.target = aten.to.dtype
    node.args = (node.args[0], dtype)
    node.kwargs = {}


def _reshaped(node: fx.Node) -> None:
    """Shapes are static: dimensions of one cell that go need not be named."""
    node.args, node.target = (node.args[0], list(node.meta["val"].shape)), aten.reshape.default


def _without_scales(node: fx.Node) -> None:
    """Sizes say all (``resample.forward``); given scales as well, the converter fails."""
    node.args = node.args[:3]


def _by_formula(node: fx.Node) -> None:
    result = FORMULAS[node.target](node)
    if result is not node:
        replace_by(node, result)


RULES: dict[Any, Callable[[fx.Node], None]] = {
    **dict.fromkeys(POOLS, _without_indices),
    **dict.fromkeys(RENAMED, _renamed),
    **dict.fromkeys(FORMULAS, _by_formula),
    aten._to_copy.default: _plain_cast,
    aten.grid_sampler_2d.default: _grid_sampler,
    aten.squeeze.dims: _reshaped,
    aten.upsample_linear1d.default: _without_scales,
    aten.upsample_bilinear2d.default: _without_scales,
    aten.upsample_trilinear3d.default: _without_scales,
}


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
        schema = schema_of(node.target)
        if schema is None or not schema.is_mutable:
            continue
        written = node.args[0]
        plain = _plain_form(schema)
        if plain is None or _shared(written):
            raise ExportError(
                f"{schema.name} writes in place where the trace cannot follow it; use its form "
                "that returns a new tensor."
            )
        node.target = plain
        written.replace_all_uses_with(node, delete_user_cb=lambda user, node=node: user > node)


def _plain_form(schema: Any) -> Any:
    """The operator that returns what another one, of this schema, writes in place."""
    packet = getattr(aten, schema.name.removeprefix("aten::").removesuffix("_"), None)
    if packet is None or not schema.name.endswith("_"):
        return None
    forms = [getattr(packet, name) for name in packet.overloads()]
    kinds = [str(a.type) for a in schema.arguments]
    fitting = (f for f in forms if [str(a.type) for a in schema_of(f).arguments] == kinds)
    return next(fitting, None)


def _shared(node: fx.Node) -> bool:
    """Whether other tensors may show the same memory."""
    near = [node, *node.users]
    return node.op != "call_function" or any(
        r.alias_info and not r.alias_info.is_write
        for n in near
        if n.op == "call_function"
        for r in getattr(schema_of(n.target), "returns", ())
    )
