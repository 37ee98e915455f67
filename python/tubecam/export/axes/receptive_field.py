"""How a tensor's cells lie on the clip: which of its values are a cell's, in what order, and where.

A cell is centred on the centre of its receptive field: a convolution or pool with kernel k,
stride s, padding p and dilation d maps (stride S, offset O) to
``(S·s, O + S·((k − 1)·d/2 − p))``. Pixel centres are whole numbers.

A causal network's cells, which see no later slice than their own, are placed in time on the newest
slice that they see: its shortcuts carry that slice itself and what lies before it only fades in, so
that the middle of everything that is seen would lie seconds behind what the cell answers to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .axis import GridAxis, UnevenError
from .follow_rules import Place
from .spread import Spread, reduced

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Geometry:
    """Cell i is centred on ``offset + stride · i``, order t, y, x; slices and input pixels.

    Attributes
    ----------
    stride, offset : (t, y, x)
    field : (t, y, x)
        The receptive field: slices, rows and columns that a cell can depend on, at most the clip's.
        What reaches every cell alike, as through squeeze-and-excitation, does not count.
    exact : bool
        False where cells see places far apart, so that their number alone says where they lie.
    """

    stride: Three
    offset: Three
    field: Three
    exact: bool = True

    def later(self, slices: float) -> Geometry:
        """Of cells that lie that much later, as optical flow to the next slice does."""
        return replace(self, offset=(self.offset[0] + slices, *self.offset[1:]))


@dataclass(frozen=True)
class Cells:
    """A tensor as cells [1, C, t, h, w].

    Attributes
    ----------
    grid : (t, h, w)
    channels : int
    order : tuple of int
        The tensor's dimensions as they come first to last: of size 1, channels, and those that
        place a value.
    index : slice or int64 Tensor, optional
        Which of the placed values are cells, and in which order; None: all of them, as they come.
    others : int
        Values that are no cells: class and register tokens.
    timed : bool
        Time was not summed or selected away; one cell in time is then one that strides left.
    """

    grid: tuple[int, int, int]
    channels: int
    order: tuple[int, ...]
    index: slice | Tensor | None
    others: int
    timed: bool

    def volume(self, x: Tensor) -> Tensor:
        """The tensor as [1, C, t, h, w]."""
        if self.order != tuple(range(x.dim())):
            x = x.permute(self.order)
        if self.index is not None:
            flat = x.reshape(self.channels, -1)
            row = isinstance(self.index, slice)
            x = flat[:, self.index] if row else flat.index_select(1, self.index)
        shape = (1, self.channels, *self.grid)
        return x if x.shape == shape else x.reshape(shape)


def cells_of(
    place: Place, shape: Sequence[int], clip: Sequence[int]
) -> tuple[Cells, Geometry] | None:
    """How a tensor at `place` is cells of a clip of T×H×W; None where it is not.

    Values beside each other along one dimension, channels, belong to one cell.

    Raises
    ------
    UnevenError
        They do not make a grid.
    """
    if any(len(spreads) != 1 or spreads[0].nowhere for spreads in place):
        return None
    spreads = [one for (one,) in place]
    placing = {d for spread in spreads for d in spread.dims}
    wide = [d for d, n in enumerate(shape) if n > 1 and d not in placing]
    if not placing or len(wide) > 1:
        return None
    try:
        return _grid(spreads, placing, wide, shape, clip)
    except UnevenError:
        channels = {1, len(shape) - 1} & placing if len(shape) > 2 and not wide else ()
        for channel in channels:  # of neighbouring places
            with contextlib.suppress(UnevenError):
                return _grid(spreads, placing - {channel}, [channel], shape, clip)
        raise


def _grid(
    spreads: list[Spread], dims: set[int], wide: list[int], shape: Sequence[int],
    clip: Sequence[int],
) -> tuple[Cells, Geometry]:  # fmt: skip
    """With the dimensions that place a value, and the one of the channels, if there are several."""
    spreads = [reduced(spread, wide) for spread in spreads]
    every = range(len(shape))  # what is seen may differ where places do not
    spreads = [reduced(s, [d for d in every if d not in s.dims]) for s in spreads]
    first = {d: next((i for i, s in enumerate(spreads) if d in s.dims), 3) for d in dims}
    placing = sorted(dims, key=lambda d: (first[d], d))
    try:
        axes = [GridAxis.by_place(s, n) for s, n in zip(spreads, clip, strict=True)]
        index, others = _ordered(axes, placing, shape)
    except UnevenError:
        axes = [GridAxis.by_index(s, n) for s, n in zip(spreads, clip, strict=True)]
        index, others = _ordered(axes, placing, shape)
    if others and len(placing) == sum(len(spread.dims) for spread in spreads):
        raise UnevenError("a border of constants")
    grid = tuple(axis.size for axis in axes)
    channels = shape[wide[0]] if wide else 1
    order = _order(shape, [*wide, *placing])
    return Cells(grid, channels, order, index, others, axes[0].known), _geometry(axes)


def _order(shape: Sequence[int], sized: list[int]) -> tuple[int, ...]:
    """Dimensions of size 1 stay where they are if the others do."""
    if sized == sorted(sized):
        return tuple(range(len(shape)))
    return (*(d for d in range(len(shape)) if d not in sized), *sized)


def _ordered(
    axes: list[GridAxis], placing: list[int], shape: Sequence[int]
) -> tuple[slice | Tensor | None, int]:
    """Which values are cells in the order t, y, x, and how many are none; None: all as they come.

    Raises
    ------
    UnevenError
        They are not a whole grid.
    """
    runs = [d for axis in axes for d in axis.dims]
    if runs == placing and all(axis.in_order for axis in axes):
        return None, 0
    t, y, x = (axis.along(placing, shape) for axis in axes)
    placed = (t >= 0) & (y >= 0) & (x >= 0)
    number = ((t * axes[1].size + y) * axes[2].size + x).flatten()
    positions = placed.flatten().nonzero().flatten()
    order = number[positions].argsort()
    cells = axes[0].size * axes[1].size * axes[2].size
    if not torch.equal(number[positions][order], torch.arange(cells)):
        raise UnevenError("a part of a grid, or several")
    index, others = positions[order], placed.numel() - cells
    start = int(index[0])
    if not torch.equal(index, torch.arange(start, start + cells)):
        return index, others
    return (slice(start, start + cells) if others else None), others


def _geometry(axes: list[GridAxis]) -> Geometry:
    axes = [axes[0].causal, *axes[1:]]
    lines = [axis.line or axis.by_size for axis in axes]
    exact = all(axis.line for axis in axes)
    stride, offset, field = (
        tuple(round(v, 6) for v in values)
        for values in (*zip(*lines, strict=True), [axis.field for axis in axes])
    )
    return Geometry(stride, offset, field, exact)
