"""Which attentions run over a clip's cells, and how the head reads the last tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from ...errors import ExportError
from ..axes.follow_rules import Place
from ..axes.receptive_field import Cells, Geometry, cells_of
from ..axes.token_layout import TokenGrid
from ..layers.candidates import Candidates
from ..trace.graph import Capture, run_nodes, split_at
from ..trace.nodes import base_name, shape_of

_SOFTMAX = {"_softmax", "_safe_softmax", "softmax"}
_ADVICE = "Take gradcam or gradient-x-input, which need none."


@dataclass(frozen=True)
class Attentions:
    """Of a transformer whose attentions are square, over all its tokens.

    Attributes
    ----------
    nodes : list of Node
        The softmaxes in order, [sequences, heads, n, n] each, or [heads, n, n] of one sequence.
    grid : (t, h, w)
    geometry : Geometry
        Of the tokens before anything is mixed.
    cells : int64 Tensor [t·h·w]
        Which tokens they are; of divided attention, of a slice's sequence.
    read : float64 Tensor [n]
        How the head reads the last tokens; sums to 1.
    divided : bool
        Each block attends over time, each place for itself, and then over space, each slice for
        itself with a copy of the class token in front, the copies being averaged afterwards
        (Bertasius et al. 2021, "divided space-time attention"). Else over all tokens at once.
    """

    nodes: list[fx.Node]
    grid: tuple[int, int, int]
    geometry: Geometry
    cells: Tensor
    read: Tensor
    divided: bool


def attentions_of(captured: Capture, clip: Tensor, stated: TokenGrid | None) -> Attentions:
    """Finds them by the places of the tensors.

    Raises
    ------
    ExportError
        There is none over the clip's cells, or they run over other things than all tokens.
    """
    candidates = Candidates(captured, stated)
    nodes = [n for n in candidates.places.found if _attends(n, candidates.places.of(n))]
    sides = [_tokens(n, candidates) for n in nodes]
    if not sides or None in sides or len(candidates.places.mixing) != len(nodes):
        raise _unknown(nodes)
    (first, geometry), (last, _) = sides[0], sides[-1]
    found = _joint(nodes, [cells for cells, _ in sides]) or _divided(nodes, last)
    if found is None or any(cells.grid != first.grid for cells, _ in sides):
        raise _unknown(nodes)
    cells, divided = found
    read = _read(captured, candidates.places.mixing[-1], clip)
    count = int((read[cells] > 0).sum())
    if count not in (0, len(cells), int((read > 0).sum() == 1)) or (divided and count):
        raise _unknown(nodes)
    return Attentions(nodes, first.grid, geometry, cells, read, divided)


def _joint(nodes: list[fx.Node], sides: list[Cells]) -> tuple[Tensor, bool] | None:
    """The cells among the tokens of attentions over all of them."""
    last = sides[-1]
    tokens = math.prod(last.grid) + last.others
    alike = all(_same(cells.index, last.index) for cells in sides)
    if not alike or {_sequences(n) for n in nodes} != {(1, tokens)}:
        return None
    every = torch.arange(tokens)
    return (every if last.index is None else every[last.index]), False


def _divided(nodes: list[fx.Node], last: Cells) -> tuple[Tensor, bool] | None:
    """The cells among the tokens of a slice, where attentions are over time and space in turn."""
    t, h, w = last.grid
    cells = torch.arange(1, 1 + h * w)
    every = (torch.arange(t)[:, None] * (1 + h * w) + cells).flatten()
    pairs = [(h * w, t), (t, 1 + h * w)] * (len(nodes) // 2)
    if [_sequences(n) for n in nodes] != pairs or not _same(last.index, every):
        return None
    return cells, True


def _attends(node: fx.Node, place: Place | None) -> bool:
    """A softmax over keys that lie somewhere."""
    if (
        place is None
        or base_name(node) not in _SOFTMAX
        or node.args[1] not in (-1, _rank(node) - 1)
    ):
        return False
    return any(_rank(node) - 1 in spread.dims for spreads in place for spread in spreads)


def _rank(node: fx.Node) -> int:
    return len(shape_of(node))


def _sequences(node: fx.Node) -> tuple[int, int]:
    """How many there are, and the tokens in each."""
    shape = shape_of(node)
    return (shape[0] if len(shape) == 4 else 1), shape[-1]


def _tokens(node: fx.Node, candidates: Candidates) -> tuple[Cells, Geometry] | None:
    """Of the queries, which have to be those of the keys."""
    place, shape = candidates.places.of(node), shape_of(node)
    if len(shape) not in (3, 4) or shape[-1] != shape[-2]:
        return None
    sides = [_side(place, shape, -2, candidates), _side(place, shape, -1, candidates)]
    (queries, geometry), (keys, _) = sides if None not in sides else [(None, None)] * 2
    if queries is None or queries.grid != keys.grid or not _same(queries.index, keys.index):
        return None
    return queries, geometry


def _side(
    place: Place, shape: Sequence[int], dim: int, candidates: Candidates
) -> tuple[Cells, Geometry] | None:
    """The cells along one of the two last dimensions, and along the sequences."""
    rank = len(shape)
    other = {rank - 1, rank - 2} - {rank + dim}
    found = [[s for s in spreads if not s.dims & other] for spreads in place]
    if not all(found):
        return None
    one = tuple((max(spreads, key=lambda s: rank + dim in s.dims),) for spreads in found)
    heads = {rank - 3} | other
    return cells_of(one, [1 if d in heads else n for d, n in enumerate(shape)], candidates.clip)


def _same(a: slice | Tensor | None, b: slice | Tensor | None) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b


def _read(captured: Capture, product: fx.Node, clip: Tensor) -> Tensor:
    """The tokens that the head reads of the last attention's result: all alike, 0 of the others."""
    before, after = split_at(captured, product)
    values: dict[fx.Node, Tensor] = {captured.clip: clip}
    with torch.no_grad():
        run_nodes(captured.module, before, values)
    values[product] = values[product].detach().requires_grad_()
    with torch.enable_grad():
        run_nodes(captured.module, after, values)
        random = torch.Generator().manual_seed(5)
        logits = values[captured.logits]
        loss = (logits * torch.randn(logits.shape, generator=random)).sum()
        (gradient,) = torch.autograd.grad(loss, values[product])
    reached = gradient.movedim(-2, 0).flatten(1).abs().sum(1) > 0
    return reached.double() / reached.sum()


def _unknown(nodes: list[fx.Node]) -> ExportError:
    if not nodes:
        return ExportError(
            "attention-rollout follows attentions over the clip's time, height and width, and this "
            f"model has none that can be followed. {_ADVICE}"
        )
    seen = ", ".join(dict.fromkeys("x".join(map(str, shape_of(n))) for n in nodes))
    return ExportError(
        "attention-rollout needs attentions from all tokens to all, or divided ones over time "
        f"and space, and a head that reads the class token or the mean; this model's are {seen}. "
        f"{_ADVICE}"
    )
