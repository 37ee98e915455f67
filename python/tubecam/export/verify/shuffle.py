"""A captured model with the weights of its last layers in another order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, fx

from ..trace.graph import Capture, ancestors
from ..trace.operators import moving_nodes, weight_places

SEED = 97


def weights_from_the_end(
    captured: Capture, most: int, behind: Iterable[fx.Node] | None = None
) -> list[fx.Node]:
    """The constants that the last operators with weights multiply by, the last one first.

    behind: the operators that are looked at; None: all.
    """
    moving = moving_nodes(captured.clip, captured.logits)
    known = set(moving)
    looked_at = known if behind is None else known & set(behind)
    found: dict[fx.Node, None] = {}
    for node in reversed(moving):
        inputs = [n for n in node.all_input_nodes if n in known]
        if node in looked_at and weight_places(node, inputs) is not None:
            weight = _weight(captured, node, known)
            found |= {weight: None} if weight is not None else {}
        if len(found) == most:
            break
    return list(found)


def _weight(captured: Capture, node: fx.Node, moving: set[fx.Node]) -> fx.Node | None:
    constants = [
        n
        for argument in node.all_input_nodes
        if argument not in moving
        for n in ancestors(argument)
        if n.op == "get_attr"
    ]
    return max(constants, key=lambda n: _constant(captured, n).numel(), default=None)


@contextlib.contextmanager
def shuffled(captured: Capture, weights: Sequence[fx.Node]) -> Iterator[None]:
    """The entries of each of `weights` in another order, always the same one."""
    values = [_constant(captured, node) for node in weights]
    before = [value.detach().clone() for value in values]
    random = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for value in values:
            order = torch.randperm(value.numel(), generator=random)
            value.copy_(value.flatten()[order].reshape(value.shape))
    try:
        yield
    finally:
        with torch.no_grad():
            for value, old in zip(values, before, strict=True):
                value.copy_(old)


def _constant(captured: Capture, node: fx.Node) -> Tensor:
    return getattr(captured.module, str(node.target))
