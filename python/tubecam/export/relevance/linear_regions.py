"""What float32 decides: which side of a ReLU, which winner of a maximum.

Notes
-----
*Linear regions.* A gradient jumps where an input of a ReLU crosses zero. A network has millions of
them, so that some always lie within rounding of zero, and two correct computations decide them
differently. The engine's decisions are therefore read from the very graph that is exported, and the
reference is evaluated in float64 in the same linear region: its tensors at these nodes are replaced
by the engine's. That each was within rounding of what it replaced is measured too, so that a wrong
forward pass cannot hide behind its own decisions.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from ..trace.graph import run_nodes
from ..trace.nodes import base_name, shape_of
from ..trace.operators import HOMOGENEOUS, MAXIMUM, carries
from . import rules, weighted
from .rules import Rule

# What comes out says where the input lay, so that engines may fuse them with what is in front.
_TELLING = {"relu", "leaky_relu", "hardtanh", "clamp", "clamp_min", "clamp_max"}
# These do not: what goes in is watched.
_BENT = {
    "hardswish", "hardsigmoid", "hardshrink", "softshrink", "threshold", "elu", "celu", "prelu",
    "_prelu_kernel", "abs", "sign", "sgn", "linalg_vector_norm", "minimum", "min", "amin", "median",
    "topk", "sort", "kthvalue",
}  # fmt: skip
# f(x)/x has no jump at zero.
_SMOOTH = {"silu", "gelu", "tanh", "mish", "erf", "hardswish", "hardtanh", "celu", "sin", "log1p"}
_JUMPS = (rules.chain, rules.rectified, rules.guided, rules.product)


def deciding_nodes(
    table: dict[fx.Node, Rule | None], kinds: Mapping[fx.Node, str | None], safe: set[fx.Node]
) -> list[fx.Node]:
    """Nodes whose values choose between branches of some rule, in the order of execution.

    Parameters
    ----------
    table : dict
        The rule of every operator that relevance passes.
    kinds : mapping
        The kind of every operator between the clip and the logits.
    safe : set of Node
        Nodes that hold the clip's own values, which are no decision, or values never below zero.
    """
    found: set[fx.Node] = set()
    for node, kind in kinds.items():
        inputs = [n for n in node.all_input_nodes if n in kinds]
        if node in table:
            found.update(_deciding(node, kind, table[node], inputs, safe))
        if any(_compares(user) for user in node.users):
            found.add(node)
    return [n for n in kinds if n in found and shape_of(n) is not None]


def _deciding(
    node: fx.Node, kind: str | None, rule: Rule | None, inputs: list[fx.Node], safe: set[fx.Node]
) -> list[fx.Node]:
    """Of one operator."""
    name, jumps = base_name(node), rule in _JUMPS
    if jumps and _tells(node):
        return [node]
    bent = jumps and (kind in (MAXIMUM, HOMOGENEOUS) or name in _BENT | _TELLING)
    if bent or rule is rules.winners:
        return inputs
    signed = rule is rules.rescaled and name not in _SMOOTH
    if signed or rule in (weighted.z_plus, weighted.excited, *weighted.GAMMA):
        return [n for n in inputs if n not in safe]
    return []


def _compares(node: fx.Node) -> bool:
    """A comparison, or an index: what comes of it chooses."""
    operates = node.op == "call_function" and node.target is not operator.getitem
    return operates and not carries(node)


def _tells(node: fx.Node) -> bool:
    """Whether what comes out says on which side of each end, which are numbers, the input lay."""
    ends = [*node.args[1:], *node.kwargs.values()]
    return base_name(node) in _TELLING and not any(isinstance(end, fx.Node) for end in ends)


def run_decided(
    module: fx.GraphModule,
    nodes: Sequence[fx.Node],
    values: dict[fx.Node, Any],
    decided: dict[str, Tensor],
    dtype: torch.dtype,
    keep: Collection[fx.Node],
) -> float:
    """Evaluates `nodes` into `values` in the linear region that `decided` (by name) lies in.

    What is not in `keep` is let go of once no node needs it.

    Returns
    -------
    float
        The largest |replaced − replacement| over the largest |replaced|, over all nodes.
    """
    worst = 0.0
    last = {read: node for node in nodes for read in node.all_input_nodes}
    for node in nodes:
        run_nodes(module, [node], values, dtype)
        if node.name in decided:
            value, given = values[node].detach(), decided[node.name].to(dtype)
            scale = float(value.abs().max())
            worst = max(worst, float((value - given).abs().max()) / scale if scale else 0.0)
            values[node] = _moved(node, values, given)
        for read in node.all_input_nodes:
            if last[read] is node and read not in keep:
                values.pop(read, None)
    return worst


def _moved(node: fx.Node, values: dict[fx.Node, Any], given: Tensor) -> Tensor:
    """The value `given`, with the derivative that the operator has there."""
    value = values[node]
    if _tells(node):
        source = node.all_input_nodes[0]
        x = values[source]
        told = _told(node, given) + (x - x.detach())
        moved = {n: values[n] for n in node.all_input_nodes} | {source: told}
        args, kwargs = fx.map_arg((node.args, node.kwargs), moved.__getitem__)
        value = node.target(*args, **kwargs)
    return given + (value - value.detach())


def _told(node: fx.Node, given: Tensor) -> Tensor:
    """An input that gives what came out: well beyond an end where that is what came out."""
    low, high = _ends(node)
    if low is not None:
        given = torch.where(given <= _single(low), given - 1, given)
    if high is not None:
        given = torch.where(given >= _single(high), given + 1, given)
    return given


def _ends(node: fx.Node) -> tuple[float | None, float | None]:
    name, numbers = base_name(node), [*node.args[1:], *node.kwargs.values()]
    if name == "clamp_max":
        return None, numbers[0]
    if "clamp" in name:
        low, high = (*node.args[1:], None, None)[:2]
        return node.kwargs.get("min", low), node.kwargs.get("max", high)
    return tuple(numbers or (-1.0, 1.0)) if name == "hardtanh" else (None, None)


def _single(number: float) -> float:
    """As the engine, which computes in float32, knows it."""
    return torch.tensor(number, dtype=torch.float32).item()
