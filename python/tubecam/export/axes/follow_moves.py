"""How operators that only put values elsewhere move places: they are run on them.

Where an input is about pairs, one way of the pairs is followed after the other: scores lie at their
queries, and at their keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, fx

from ..trace.nodes import base_name, shape_of
from .follow_rules import LostPlaceError, Placed, Step
from .spread import Spread, Spreads, combined, compact

PARTS = ("centre", "low", "high")
Chosen = Mapping[fx.Node, Spread]  # of the inputs that have a place


def moved(step: Step) -> Placed:
    """The operator's results on its inputs' places; constants have none."""
    if any(not n.meta["val"].is_floating_point() for n in step.places):
        raise LostPlaceError("what it puts where depends on the clip")
    axes = [_axis(step, axis) for axis in range(3)]
    if isinstance(step.node.meta["val"], Tensor):
        return tuple(axis[0] for axis in axes)
    return list(zip(*axes, strict=True))


def _axis(step: Step, axis: int) -> list[Spreads]:
    """Of one axis of the clip, for each result."""
    given = {node: place[axis] for node, place in step.places.items() if place[axis]}
    ways = max(given.values(), key=len, default=())
    found = [_run(step, _of_way(given, way)) for way in ways]
    value = step.node.meta["val"]
    results = 1 if isinstance(value, Tensor) else len(value)
    return [combined(spreads[i] for spreads in found) for i in range(results)]


def _of_way(given: Mapping[fx.Node, Spreads], way: Spread) -> Chosen:
    """Each input's spread along the same dimensions, or one that has a single place."""
    fit = {
        node: next((s for s in spreads if s is way or _same_way(s, way)), None)
        for node, spreads in given.items()
    }
    return {node: spread for node, spread in fit.items() if spread is not None}


def _same_way(a: Spread, b: Spread) -> bool:
    return not a.dims or not b.dims or bool(a.dims & b.dims)


def _run(step: Step, chosen: Chosen) -> list[Spread]:
    """The results, from one spread of each input."""
    parts = [_evaluated(step, chosen, part) for part in PARTS]
    first = next(iter(chosen.values()))
    pitch, selected = (first.step, True) if first.dims else (first.pitch, first.selected)
    found = []
    for three in zip(*parts, strict=True):
        spread = Spread(*map(compact, three))
        still = spread.dims and selected
        found.append(spread if still else replace(spread, pitch=pitch, selected=selected))
    return found


def _evaluated(step: Step, chosen: Chosen, part: str) -> list[Tensor]:
    tensors = [n for n in step.node.all_input_nodes if n.meta["val"].is_floating_point()]
    given = {n: getattr(chosen[n], part) if n in chosen else _blank(n) for n in tensors}
    if part == "centre" and base_name(step.node) == "cat":
        given = _told_apart(step, given)
    sizes = _joined(step, given) or {node: shape_of(node) for node in tensors}

    def laid_out(node: fx.Node) -> Tensor:
        return given[node].expand(sizes[node]) if node in given else step.value(node)

    args, kwargs = fx.map_arg((step.node.args, step.node.kwargs), laid_out)
    result = step.node.target(*args, **kwargs)
    return [result] if isinstance(result, Tensor) else list(result)


def _blank(node: fx.Node) -> Tensor:
    return torch.full((1,) * len(shape_of(node)), torch.nan, dtype=torch.float64)


def _told_apart(step: Step, given: dict[fx.Node, Tensor]) -> dict[fx.Node, Tensor]:
    """Without the places of channels mixed over the cells, beside others that were not."""
    dim = (step.argument("dim") or 0) % len(step.shape)
    varied = {d for x in given.values() for d, n in enumerate(x.shape) if n > 1 and d != dim}
    alike = [n for n, x in given.items() if varied and all(x.shape[d] == 1 for d in varied)]
    return {**given, **{n: torch.full_like(given[n], torch.nan) for n in alike}}


def _joined(step: Step, given: Mapping[fx.Node, Tensor]) -> dict[fx.Node, Sequence[int]] | None:
    """cat and stack need their inputs at full size along their own dimension alone."""
    name = base_name(step.node)
    if name not in ("cat", "stack"):
        return None
    common = [max(sizes) for sizes in zip(*(x.shape for x in given.values()), strict=True)]
    if name == "stack":
        return dict.fromkeys(given, common)
    dim = (step.argument("dim") or 0) % len(common)
    return {node: [*common[:dim], shape_of(node)[dim], *common[dim + 1 :]] for node in given}
