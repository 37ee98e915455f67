"""The cells of a tensor along one axis of the clip: how many, where, and which value is whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .spread import Spread

HALF, SOME = 0.5, 0.75


class UnevenError(Exception):
    """Values lie on the clip, but not as one whole, even grid."""


@dataclass(frozen=True)
class GridAxis:
    """One axis of a grid.

    Attributes
    ----------
    dims : list of int
        The tensor's dimensions along which it runs.
    level : int64 Tensor
        The cell that each value belongs to, −1 for none; of the tensor's rank, size 1 elsewhere.
    at, low, high : float64 Tensor [n]
        Where the n cells lie, and the first and last position that they see.
    pitch : float, optional
        Of a single cell, how far the next one would lie.
    known : bool
        Not summed or selected away: a single cell is one that strides left.
    length : int
        Slices or pixels of the clip.
    """

    dims: list[int]
    level: Tensor
    at: Tensor
    low: Tensor
    high: Tensor
    pitch: float | None
    known: bool
    length: int

    @staticmethod
    def by_place(spread: Spread, length: int) -> GridAxis:
        """Each place is a cell: for values in any order.

        Raises
        ------
        UnevenError
            The places are not evenly spaced.
        """
        placed = ~spread.centre.isnan()
        level = torch.full_like(spread.centre, -1, dtype=torch.long)
        rounded = spread.centre[placed].mul(1e6).round()
        level[placed] = rounded.unique(return_inverse=True)[1]
        axis = _axis(spread, level, length)
        if axis.line is None and axis.causal.line is None:
            raise UnevenError("cells that are not evenly spaced")
        return axis

    @staticmethod
    def by_index(spread: Spread, length: int) -> GridAxis:
        """Each value along a dimension of the axis' own is a cell, wherever a few of them lie.

        Raises
        ------
        UnevenError
            Most of them do not lie in that order.
        """
        if len(spread.dims) > 1 or bool(spread.centre.isnan().any()):
            raise UnevenError("cells that are not evenly spaced")
        n = spread.centre.numel()
        axis = _axis(spread, torch.arange(n).reshape(spread.centre.shape), length)
        if axis.line is None and _correlation(torch.arange(n).double(), axis.at) < HALF:
            raise UnevenError("cells in no order")
        return axis

    @property
    def causal(self) -> GridAxis:
        """In time, on the newest slice that cells see where the first one sees none but its own."""
        return replace(self, at=self.high) if abs(float(self.high[0])) < 1e-6 else self

    @property
    def size(self) -> int:
        return len(self.at)

    @property
    def in_order(self) -> bool:
        """One value a cell, first to last."""
        return torch.equal(self.level.flatten(), torch.arange(self.size))

    def along(self, placing: list[int], shape: Sequence[int]) -> Tensor:
        """`level` along the placing dimensions, in their order."""
        sizes = [shape[d] if d in placing else 1 for d in range(len(shape))]
        rest = [d for d in range(len(shape)) if d not in placing]
        return self.level.expand(sizes).permute(*rest, *placing)

    @property
    def line(self) -> tuple[float, float] | None:
        """Stride and offset of evenly spaced cells, some at a border aside; None of others."""
        n = self.size
        if n == 1:
            return abs(self.pitch or 0.0) or float(self.length), float(self.at[0])
        steps = torch.arange(n, dtype=torch.float64)
        jump = float(self.at.diff().median())
        ends = float(self.at[-1] - self.at[0]) / (n - 1)
        for stride, offset, share, within in (
            (ends, float(self.at[0]), 1.0, 1.0),
            (*_least_squares(steps, self.at), 1.0, HALF),
            (jump, float((self.at - steps * jump).median()), SOME, HALF),
        ):
            near = (self.at - offset - steps * stride).abs() <= within * stride + 1e-9
            if stride > 0 and near.double().mean() >= share:
                return stride, offset
        return None

    @property
    def by_size(self) -> tuple[float, float]:
        """The same of cells that share the clip evenly."""
        stride = self.length / self.size
        return stride, (stride - 1) / 2

    @property
    def field(self) -> float:
        """Slices or pixels that a cell sees, at most the clip's."""
        return min(float((self.high - self.low).max()) + 1, float(self.length))


def _axis(spread: Spread, level: Tensor, length: int) -> GridAxis:
    inverse = level[level >= 0]
    empty = torch.zeros(int(inverse.max()) + 1, dtype=torch.float64)
    at, low, high = (
        empty.scatter_reduce(0, inverse, x.expand(level.shape)[level >= 0], how, include_self=False)
        for x, how in ((spread.centre, "mean"), (spread.low, "amin"), (spread.high, "amax"))
    )
    known = len(at) > 1 or length == 1 or (spread.pitch is not None and not spread.selected)
    return GridAxis(sorted(spread.dims), level, at, low, high, spread.pitch, known, length)


def _least_squares(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Slope and intercept."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    return slope, float(y.mean() - slope * x.mean())


def _correlation(x: Tensor, y: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([x, y]))[0, 1])
