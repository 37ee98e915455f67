"""The grid that a user states of cells that cannot be followed: ``TxHxW+N``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import UsageError
from .follow_rules import Place
from .spread import Spread, compact


@dataclass(frozen=True)
class TokenGrid:
    """Cells that share a clip evenly, in the order of time, rows and columns.

    Attributes
    ----------
    grid : (t, h, w)
    others : int
        Class and register tokens in front of them.
    """

    grid: tuple[int, int, int]
    others: int = 0

    def __str__(self) -> str:
        return "x".join(map(str, self.grid)) + (f"+{self.others}" if self.others else "")

    def place(self, shape: Sequence[int], clip: Sequence[int]) -> Place | None:
        """Of a tensor of a T×H×W clip.

        That is tokens [1, N, D] or [1, D, N], cells [1, D, t, h, w] or [1, t, h, w, D], or frames
        [t, D, h, w] or [t, h, w, D]. None where no such tensor has that shape.
        """
        cells = torch.cartesian_prod(*(torch.arange(float(n)) for n in self.grid)).double()
        front = torch.full((self.others, 3), torch.nan, dtype=torch.float64)
        rows = torch.cat([front, cells])
        sizes = self._placing(tuple(shape), len(rows))
        if sizes is None:
            return None
        return tuple(
            (_spread(rows[:, axis].reshape(sizes), clip[axis] / self.grid[axis]),)
            for axis in range(3)
        )

    def _placing(self, shape: tuple[int, ...], tokens: int) -> tuple[int, ...] | None:
        """`shape` with 1 for its channels."""
        if len(shape) == 3 and shape[0] == 1 and shape.count(tokens) == 1:
            return tuple(n if n == tokens else 1 for n in shape)
        t, h, w = self.grid
        for sizes, channels in (((1, 1, t, h, w), 1), ((1, t, h, w, 1), 4), ((t, 1, h, w), 1),
                                ((t, h, w, 1), 3)):  # fmt: skip
            if not self.others and (*shape[:channels], 1, *shape[channels + 1 :]) == sizes:
                return sizes
        return None


def _spread(index: Tensor, size: float) -> Spread:
    """Of cells of that many slices or pixels each."""
    low, high = index * size, (index + 1) * size - 1
    return Spread(compact((low + high) / 2), compact(low), compact(high), size)


def token_grid(text: str) -> TokenGrid:
    """Reads ``8x14x14+1``; UsageError where it is not of that form."""
    found = re.fullmatch(r"(\d{1,3})x(\d{1,4})x(\d{1,4})(?:\+(\d{1,4}))?", text.strip().lower())
    sizes = [int(n) for n in found.groups(default="0")] if found else [0]
    if min(sizes[:3]) < 1:
        raise UsageError(
            f"tokens {text!r} is not of the form TxHxW or TxHxW+N, as in 8x14x14+1: tokens in time,"
            " height and width, and how many that are no cells (class, registers) stand in front."
        )
    return TokenGrid((sizes[0], sizes[1], sizes[2]), sizes[3])
