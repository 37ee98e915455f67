"""What the graph says about a layer: whether its cells reach the logits, and what reads them.

Notes
-----
*Where tokens are read.* A transformer whose head reads a class token looks at the cells for the
last time in its last attention, whose input is the tensor to explain; behind it the cells go
nowhere. One that averages its last tokens is read there, like a convolutional network before its
pooling. A pooling by attention reads the tokens that its keys and values are made of.
"""

from __future__ import annotations

import functools
import math

from torch import fx

from ..axes.follow import Places
from ..axes.follow_rules import FACTORS, Placed
from ..trace.graph import Capture
from ..trace.nodes import base_name, shape_of, tensors_of

# Operators whose result is their input's values, or a part of them.
VIEWS = {
    "view", "_unsafe_view", "reshape", "permute", "transpose", "t", "clone", "expand", "slice",
    "select", "detach", "alias", "squeeze", "unsqueeze", "_to_copy",
}  # fmt: skip

WEIGHING = {*FACTORS, "convolution"}
SPLITS = {"split", "split_with_sizes", "unsafe_split", "unbind", "chunk"}


def telling(captured: Capture, places: Places) -> set[fx.Node]:
    """Nodes with cells that reach the logits: none behind the last attention on a class token.

    What only says which values are taken, an index, does not reach them.
    """
    found = {captured.logits}
    for node in reversed(list(captured.module.graph.nodes)):
        for user in (u for u in node.users if u.op == "output" or tensors_of(u, floating=True)):
            unread = user not in places.lost and _nowhere(places.found.get(user))
            if user in places.mixing or (user in found and not unread):
                found.add(node)
    return found


def _nowhere(place: Placed | None) -> bool:
    """Class tokens alone, or constants."""
    several = place if isinstance(place, list) else [place]
    return all(s.nowhere for one in several if one for spreads in one for s in spreads)


def entry(captured: Capture, places: Places, attention: fx.Node) -> fx.Node:
    """The tensor that the scores and values of an attention are made of.

    `attention` is their product. Where one projection makes queries, keys and values at once, it is
    that projection's input.
    """
    above = _dominators(captured, places)
    scores, values = (attention.args[i] for i in FACTORS.get(base_name(attention), (0, 1)))
    common = _tensor(_meet(scores, values, above), above)
    sizes = [math.prod(shape_of(n)) for n in (common, scores, values)]
    projected = sizes[0] > (max(sizes[1:]) if base_name(attention) == "mul" else sizes[2])
    return _unprojected(common, above) if projected else common


def _tensor(node: fx.Node, above: dict[fx.Node, fx.Node]) -> fx.Node:
    """Of several results the first, which is the one of normalisations; of parts their whole."""
    if shape_of(node) is not None:
        return node
    if base_name(node) in SPLITS:
        return above[node]
    return next(user for user in node.users if user in above and user.args[1] == 0)


def _dominators(captured: Capture, places: Places) -> dict[fx.Node, fx.Node]:
    """Node → the last one before it through which all cells reach it, in the graph's order."""
    found = {captured.clip: captured.clip}
    for node in captured.module.graph.nodes:
        inputs = [n for n in node.all_input_nodes if n in found and node is not captured.clip]
        if inputs and _placed(places.found.get(node)):
            found[node] = functools.reduce(functools.partial(_meet, above=found), inputs)
    return found


def _meet(a: fx.Node, b: fx.Node, above: dict[fx.Node, fx.Node]) -> fx.Node:
    """The last node that dominates both."""
    order = {node: i for i, node in enumerate(above)}
    while a is not b:
        a, b = (above[a], b) if order[a] > order[b] else (a, above[b])
    return a


def _placed(place: Placed | None) -> bool:
    several = place if isinstance(place, list) else [place]
    return any(s.dims for one in several if one for spreads in one for s in spreads)


def _unprojected(node: fx.Node, above: dict[fx.Node, fx.Node]) -> fx.Node:
    """What a linear layer took that gives `node`; `node` itself where none does."""
    result = _behind_views(node)
    if base_name(result) == "add" and len([n for n in result.all_input_nodes if n in above]) == 1:
        result = _behind_views(above[result])  # a bias
    if base_name(result) not in WEIGHING:
        return node
    return _behind_views(above[result])


def _behind_views(node: fx.Node) -> fx.Node:
    while base_name(node) in VIEWS:
        node = node.args[0]
    return node


def unpooled(node: fx.Node) -> fx.Node | None:
    """What a pool took that gives averages, or so many maxima; None where no such pool gave it."""
    pool = node.args[0] if base_name(node) == "getitem" else node
    fits = any(kind in base_name(pool) for kind in ("avg_pool", "adaptive_max_pool"))
    return pool.args[0] if fits else None
