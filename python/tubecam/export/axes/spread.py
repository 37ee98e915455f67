"""Where a tensor's values lie along one axis of the clip.

Notes
-----
*Broadcasting.* The tensors here have the rank of the value that they describe and size 1 along
each dimension that their numbers do not depend on: the row of [1, C, t, h, w] is [1, 1, 1, h, 1],
that of tokens [1, N, D] is [1, N, 1].

*No place.* NaN stands where a value lies nowhere: a class token, a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """Positions on the clip, in slices or input pixels, whole numbers being their centres.

    Attributes
    ----------
    centre, low, high : float64 Tensor
        Where a value lies, and the first and last position that it depends on. Padding counts as
        if the clip went on, so that fields are as wide at the border as inside.
    pitch : float, optional
        Of one cell that is left of several, how far the next one would lie.
    selected : bool
        It was selected or mixed of them, not left by the stride of a window.
    """

    centre: Tensor
    low: Tensor
    high: Tensor
    pitch: float | None = None
    selected: bool = False

    @cached_property
    def dims(self) -> frozenset[int]:
        """The dimensions along which the place differs."""
        return frozenset(d for d, n in enumerate(self.centre.shape) if n > 1)

    @cached_property
    def nowhere(self) -> bool:
        """No value of the tensor has a place."""
        return bool(self.centre.isnan().all())

    @property
    def step(self) -> float | None:
        """From one place to the next, None where there is one."""
        places = self.centre[~self.centre.isnan()].unique()
        return float(places[-1] - places[0]) / (len(places) - 1) if len(places) > 1 else None

    def each(self, function: Callable[[Tensor], Tensor]) -> Spread:
        """The same function of all three tensors, which then are as small as they can be."""
        moved = (compact(function(x)) for x in (self.centre, self.low, self.high))
        return Spread(*moved, self.pitch, self.selected)

    def of_rank(self, rank: int) -> Spread:
        """With further dimensions in front, as broadcasting adds them."""
        missing = rank - self.centre.dim()
        return self if missing == 0 else self.each(lambda x: x[(None,) * missing])

    def widened(self, other: Spread) -> Spread:
        """Which depends on all that `other` depends on, too."""
        low, high = torch.fmin(self.low, other.low), torch.fmax(self.high, other.high)
        return replace(self, low=compact(low), high=compact(high))


Spreads = tuple[Spread, ...]
"""Several where a tensor is about pairs: attention scores lie at their query and at their key."""


def compact(x: Tensor) -> Tensor:
    """`x` with size 1 wherever its numbers repeat."""
    for dim, size in enumerate(x.shape):
        if size > 1 and _repeats(x, dim):
            x = x.narrow(dim, 0, 1)
    return x


def _repeats(x: Tensor, dim: int) -> bool:
    if x.stride(dim) == 0:
        return True
    first, last = x.narrow(dim, 0, 1), x.narrow(dim, x.shape[dim] - 1, 1)
    return _same(first, last) and _same(x, first)


def _same(a: Tensor, b: Tensor) -> bool:
    return bool(((a == b) | (a.isnan() & b.isnan())).all())


def combined(spreads: Iterable[Spread]) -> Spreads:
    """Of a value made of values at these places, each of the result's rank.

    What has one place everywhere says nothing beside what differs. Places that differ along
    dimensions of their own stay apart.
    """
    every = list(spreads)
    found: list[Spread] = []
    for spread in [s for s in every if s.dims] or every:
        alike = (i for i, s in enumerate(found) if s.dims <= spread.dims or spread.dims <= s.dims)
        at = next(alike, None)
        if at is None:
            found.append(spread)
        else:
            found[at] = merged(found[at], spread)
    return tuple(sorted(found, key=lambda s: min(s.dims, default=0)))


def merged(a: Spread, b: Spread) -> Spread:
    """What sees less knows better where it is: a shortcut, or a state's newest input.

    Of two states, which have one place each, the one that has seen all that the other has is newer.
    """
    if a is b:
        return a
    wider = (a.high - a.low) - (b.high - b.low)
    if not a.dims | b.dims:
        nested = (a.low <= b.low) & (b.high <= a.high) | (b.low <= a.low) & (a.high <= b.high)
        wider = torch.where(nested, -wider, wider)
    of_a, of_b = (wider < 0) | b.centre.isnan(), (wider > 0) | a.centre.isnan()
    between = torch.where(of_b, b.centre, (a.centre + b.centre) / 2)
    centre = compact(torch.where(of_a, a.centre, between))
    pitch = b.pitch if a.pitch is None else a.pitch
    return Spread(centre, a.low, a.high, pitch, a.selected and b.selected).widened(b)


def reduced(spread: Spread, dims: Sequence[int]) -> Spread:
    """Over some dimensions, which stay with size 1: where most lie, or else what sees least."""
    low, high = (compact(x) for x in (_least(spread.low, dims), -_least(-spread.high, dims)))
    if not spread.dims & set(dims):
        return replace(spread, low=low, high=high)
    width = spread.high - spread.low
    narrow = torch.where(width <= _least(width, dims), spread.centre, torch.nan)
    (below, above), least = _middle(spread.centre, dims), _middle(narrow, dims)
    centre = compact(torch.where(below == above, below, (least[0] + least[1]) / 2))
    pitch = spread.step if spread.pitch is None else spread.pitch
    return Spread(centre, low, high, pitch, True)


def _least(x: Tensor, dims: Sequence[int]) -> Tensor:
    dims = [d for d in dims if x.shape[d] > 1]
    least = x.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf).amin(dims, True)
    return torch.where(least == torch.inf, torch.nan, least) if dims else x


def _middle(x: Tensor, dims: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The two values, or twice the one, in the middle of what has a place."""
    dims = [d for d in dims if x.shape[d] > 1]
    last = x.movedim(dims, list(range(-len(dims), 0))).flatten(-len(dims)).sort(-1).values
    count = (~last.isnan()).sum(-1, keepdim=True)
    shape = [1 if d in dims else n for d, n in enumerate(x.shape)]
    below, above = (
        last.gather(-1, i.clamp(0, last.shape[-1] - 1)).reshape(shape)
        for i in ((count - 1) // 2, count // 2)
    )
    return below, above


def slid(spread: Spread, dim: int, first: Tensor, last: Tensor, step: float) -> Spread:
    """After sliding windows along one dimension.

    Parameters
    ----------
    first, last : float64 Tensor [n]
        The source indices between which each of n results lies. They may be fractions, and beyond
        the source it goes on as at its border.
    step : float
        How far apart in indices two results lie.
    """
    ends = [
        torch.stack([_at(x, dim, i) for i in (first.floor(), last.ceil())])
        for x in (spread.low, spread.high)
    ]
    taps = [_at(spread.centre, dim, i) for i in ((first + last) / 2, first, last)]
    centre = torch.where(taps[0].isnan(), torch.stack(taps).nanmean(0), taps[0])
    found = replace(
        spread, centre=compact(centre), low=compact(ends[0].amin(0)), high=compact(ends[1].amax(0))
    )
    if len(first) > 1 or dim not in spread.dims:
        return found
    return replace(found, pitch=(spread.step or 1.0) * step, selected=False)


def _at(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """`x` at fractional indices, linear between its entries and beyond them."""
    n = x.shape[dim]
    if n == 1:
        return x
    before = index.floor().clamp(0, n - 2).long()
    a, b = x.index_select(dim, before), x.index_select(dim, before + 1)
    share = (index - before).reshape([-1 if d == dim else 1 for d in range(x.dim())])
    return torch.where(share == 0, a, torch.where(share == 1, b, a + (b - a) * share))
