"""Reading and writing at places that are constants: choices from what is there.

Engines differ in their scatter operators, and in what these do with places that occur twice. Where
places are constants each result cell knows where it comes from, so one choice (``index_select``)
from what was there and what is written does the same in any engine. Its gradient is made of such
choices, too: a place that was read r times collects r of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, fx

from .nodes import aten, call, choose, constant, join, replace_by, reshape, shape_of

WRITES = {aten.index_put.default, aten.index_put_.default, aten._unsafe_index_put.default}
READS = {aten.index.Tensor, aten._unsafe_index.Tensor}


def constant_places(module: fx.GraphModule) -> None:
    """Replaces reads and writes by index whose indices are constants, in place."""
    for node in list(module.graph.nodes):
        if node.target in READS | WRITES:
            indices = [None if i is None else constant(module, i) for i in node.args[1]]
            known = all(i is None or v is not None for i, v in zip(node.args[1], indices))
            if known and node.target in READS:
                _read(module, node, indices)
            elif known:
                _write(module, node, indices)
    module.graph.eliminate_dead_code()


def _along(shape: tuple[int, ...], indices: list[Tensor | None]) -> tuple[int, Tensor] | None:
    """The dimension and the places in it where only one dimension is indexed, by whole numbers."""
    dims = [d for d, index in enumerate(indices) if index is not None]
    if len(dims) != 1 or indices[dims[0]].dtype == torch.bool:
        return None
    (dim,) = dims
    return dim, indices[dim].flatten() % shape[dim]


def _flat(shape: tuple[int, ...], indices: list[Tensor | None]) -> Tensor:
    """Places in the flattened tensor, in the shape of what is read or written there."""
    everything = torch.arange(torch.Size(shape).numel()).reshape(shape)
    return everything[tuple(slice(None) if i is None else i for i in indices)]


def _read(module: fx.GraphModule, node: fx.Node, indices: list[Tensor | None]) -> None:
    x, shape = node.args[0], shape_of(node.args[0])
    along = _along(shape, indices)
    if along is None:
        flat = reshape(node, x, [torch.Size(shape).numel()])
        chosen = choose(module, node, flat, 0, _flat(shape, indices).flatten())
    else:
        chosen = choose(module, node, x, *along)
    replace_by(node, reshape(node, chosen, list(shape_of(node))))


def _write(module: fx.GraphModule, node: fx.Node, indices: list[Tensor | None]) -> None:
    x, _, source = node.args[:3]
    shape, flat = list(shape_of(x)), _flat(shape_of(x), indices)
    if flat.shape != shape_of(source):
        value = source.meta["val"].new_empty(flat.shape)
        source = call(node, aten.expand.default, (source, list(flat.shape)), value)
    dim, places = _along(tuple(shape), indices) or (0, flat.flatten())
    if len(places) != flat.shape[dim] or flat.dim() != len(shape):  # no single axis is written
        dim, places = 0, flat.flatten()
        x = reshape(node, x, [math.prod(shape)])
        source = reshape(node, source, [flat.numel()])
    write = added if len(node.args) > 3 and node.args[3] else overwritten
    result = write(module, node, x, source, dim, places.tolist())
    replace_by(node, reshape(node, result, shape))


def overwritten(
    module: fx.GraphModule, before: fx.Node, x: fx.Node, source: fx.Node, dim: int,
    places: Sequence[int],
) -> fx.Node:  # fmt: skip
    """`x` with slices of `source` at `places`; the last one where a place occurs twice."""
    size = shape_of(x)[dim]
    origin = list(range(size))
    for at, place in enumerate(places):
        origin[place] = size + at
    return choose(module, before, join(before, [x, source], dim), dim, torch.tensor(origin))


def added(
    module: fx.GraphModule, before: fx.Node, x: fx.Node, source: fx.Node, dim: int,
    places: Sequence[int],
) -> fx.Node:  # fmt: skip
    """`x` with slices of `source` added at `places`, as often as a place occurs."""
    value = source.meta["val"].narrow(dim, 0, 1)
    nothing = call(before, aten.full.default, (list(value.shape), 0.0), value, dtype=value.dtype)
    padded = join(before, [source, nothing], dim)
    terms = [] if _is_zero(x) else [x]
    for origin in _rounds(places, shape_of(x)[dim]):
        terms.append(choose(module, before, padded, dim, torch.tensor(origin)))
    total = terms[0]
    for term in terms[1:]:
        total = call(before, aten.add.Tensor, (total, term), x.meta["val"])
    return total


def _rounds(places: Sequence[int], size: int) -> list[list[int]]:
    """Where each place occurs for the first, the second … time; behind the last where no more."""
    rounds: list[list[int]] = []
    seen = [0] * size
    for at, place in enumerate(places):
        if seen[place] == len(rounds):
            rounds.append([len(places)] * size)
        rounds[seen[place]][place] = at
        seen[place] += 1
    return rounds


def _is_zero(node: fx.Node) -> bool:
    return node.target is aten.full.default and node.args[1] == 0
