"""How operators move places: one rule a family of operators.

A rule takes a :class:`Step` and gives the place of the result; of several results a list, with None
for one that has no place of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, fx

from ..torch_private import schema_of
from ..trace.nodes import base_name, shape_of
from .spread import Spread, Spreads, combined, reduced

Place = tuple[Spreads, ...]  # of t, y and x
Placed = Place | list[Place | None]


class LostPlaceError(Exception):
    """A rule does not fit this operator."""


@dataclass(frozen=True)
class Step:
    """One operator of the graph.

    Attributes
    ----------
    places : mapping
        Of its inputs that depend on the clip.
    value : callable
        Evaluates an input that does not.
    """

    node: fx.Node
    places: Mapping[fx.Node, Place]
    value: Callable[[fx.Node], Tensor]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result, or the first of several."""
        value = self.node.meta["val"]
        return tuple((value if isinstance(value, Tensor) else value[0]).shape)

    @property
    def source(self) -> Place:
        """Of the first argument; what else an operator reads then has no say in the place."""
        place = self.places.get(self.node.args[0])
        if place is None:
            raise LostPlaceError("its first argument does not depend on the clip")
        return place

    def argument(self, name: str) -> Any:
        """By its name in the operator's schema; None where it has none or it was not given."""
        for i, known in enumerate(schema_of(self.node.target).arguments):
            if known.name == name:
                given = self.node.args[i : i + 1] or [self.node.kwargs.get(name)]
                return known.default_value if given[0] is None else given[0]
        return None


def each(place: Place, function: Callable[[Spread], Spread]) -> Place:
    """The same for every axis."""
    return tuple(combined(function(spread) for spread in spreads) for spreads in place)


def pointwise(step: Step) -> Place:
    """A value is made of one of each input.

    What is broadcast beside an input of full size, a gate or a shift, reaches many cells alike and
    says nothing of their places.
    """
    rank = len(step.shape)
    full = {n: place for n, place in step.places.items() if shape_of(n) == step.shape}
    if len(full) == 1:
        return next(iter(full.values()))
    axes = []
    for axis in range(3):
        inputs = [s.of_rank(rank) for place in (full or step.places).values() for s in place[axis]]
        mixed = [spread for spread in inputs if full and not spread.dims]
        axes.append(tuple(_widened(spread, mixed) for spread in combined(inputs)))
    return tuple(axes)


def _widened(spread: Spread, mixed: list[Spread]) -> Spread:
    """Sees also what was mixed over the places where the spread has many."""
    for other in mixed if spread.dims else ():
        spread = spread.widened(other)
    return spread


def kept(step: Step) -> Placed:
    """Normalisations: the first result lies where the first argument does."""
    value = step.node.meta["val"]
    if isinstance(value, Tensor):
        return step.source
    return [step.source, *[None] * (len(value) - 1)]


def nowhere(step: Step) -> Place:
    """Zeros of the shape of something."""
    return ((), (), ())


def gathered(step: Step) -> Placed:
    """Any operator on values that were summed over the whole clip: they lie where that does."""
    value = step.node.meta["val"]
    sizes = [1] * len(step.shape)
    place = tuple(
        combined(
            spread.each(lambda x: x.reshape(sizes))
            for given in step.places.values()
            for spread in given[axis]
        )
        for axis in range(3)
    )
    return place if isinstance(value, Tensor) else [place] * len(value)


def viewed(step: Step) -> Place:
    """A view splits and joins dimensions, in groups of equal size."""
    (source,) = step.places
    old, new = shape_of(source), step.shape
    groups = list(_groups(old, new))
    return each(step.source, lambda s: s.each(lambda x: _view(x, old, new, groups)))


def _groups(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """The shortest runs of dimensions of equal product."""
    a = b = 0
    while a < len(old) or b < len(new):
        start, have, want = (a, b), 1, 1
        while have != want or (a, b) == start:
            if a < len(old) and (have < want or (a, b) == start or b == len(new)):
                have, a = have * old[a], a + 1
            else:
                want, b = want * new[b], b + 1
        yield slice(start[0], a), slice(start[1], b)


def _view(
    x: Tensor, old: Sequence[int], new: Sequence[int], groups: list[tuple[slice, slice]]
) -> Tensor:
    """Only groups along which something differs are laid out."""
    whole, result = list(x.shape), [1] * len(new)
    for of_old, of_new in groups:
        if max(x.shape[of_old], default=1) > 1:
            whole[of_old], result[of_new] = old[of_old], new[of_new]
    return x.expand(whole).reshape(result)


def summed(step: Step) -> Placed:
    """Reductions."""
    rank = len(shape_of(step.node.args[0]))
    given = step.argument("dim")
    dims = [given] if isinstance(given, int) else list(given or range(rank))
    dims = [d % rank for d in dims]
    place = each(step.source, lambda s: reduced(s, dims))
    if not step.argument("keepdim"):
        place = each(place, lambda s: s.each(lambda x: x.squeeze(dims)))
    several = not isinstance(step.node.meta["val"], Tensor)
    return [place, None] if several else place


def scanned(step: Step) -> Place:
    """Running sums: what lies before is seen, too."""
    dim = step.argument("dim")

    def scan(spread: Spread) -> Spread:
        low, high = spread.low.cummin(dim).values, spread.high.cummax(dim).values
        return replace(spread, low=low, high=high)

    return each(step.source, scan)


def halved(step: Step) -> Place:
    """Of a gated linear unit, two halves of the channels."""
    dim = step.argument("dim") % len(step.shape)
    if any(dim in spread.dims for spreads in step.source for spread in spreads):
        raise LostPlaceError("it halves a clip axis")
    return step.source


# Matrix products, and which of their arguments are the factors.
FACTORS = {"mm": (0, 1), "bmm": (0, 1), "addmm": (1, 2), "baddbmm": (1, 2)}


def multiplied(step: Step) -> Place:
    """A matrix product: rows lie where the left factor's do, columns where the right one's do.

    Of scores times values, [query, key] · [key, channel], the queries' places are left, and see all
    that the keys and values see.
    """
    left, right = (step.places.get(step.node.args[i]) for i in FACTORS[base_name(step.node)])
    added = step.places.get(step.node.args[0]) if len(step.node.args) == 3 else None
    axes = []
    for axis in range(3):
        found = product(
            left[axis] if left else (), right[axis] if right else (), bool(left and right)
        )
        bias = [s.of_rank(len(step.shape)) for s in added[axis]] if added else []
        axes.append(combined([*found, *bias]))
    return tuple(axes)


def product(left: Spreads, right: Spreads, both: bool) -> Spreads:
    """[…, i, k] · […, k, j] → […, i, j]; `both` depend on the clip."""
    free, contracted = [], []
    for spreads, back in ((left, 1), (right, 2)):
        for spread in spreads:
            dim = spread.centre.dim() - back
            mixed = dim in spread.dims or not spread.dims
            (contracted if mixed else free).append(reduced(spread, [dim]))
    found = combined(free or contracted)
    for other in contracted if both and free else ():
        found = tuple(spread.widened(other) for spread in found)
    return found
