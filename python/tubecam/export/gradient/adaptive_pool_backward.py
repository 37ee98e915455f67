"""Adaptive pools of any size: cell i of c sees what lies from ⌊i·n/c⌋ to ⌈(i + 1)·n/c⌉.

Notes
-----
*Maxima.* The greatest of a box is the greatest along one axis after the other. Along each, windows
of one length lie side by side: where sizes do not divide, a choice of cells makes them so, a
window's last cell standing in for what it lacks. Of equal cells the first one takes the gradient,
as in torch: the first in the last axis, then in the one before it, is the first of the box.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .pool_backward import apply_matrices
from .slice_backward import collected

aten = torch.ops.aten


def window(i: int, size: int, cells: int) -> tuple[int, int]:
    """First cell and the one behind the last that cell `i` of `cells` sees."""
    return (i * size) // cells, -(-((i + 1) * size) // cells)


def adaptive_matrix(size: int, cells: int) -> np.ndarray:
    """[cells, size] matrix of 1-D adaptive average pooling."""
    rows = np.zeros((cells, size))
    for i in range(cells):
        first, last = window(i, size, cells)
        rows[i, first:last] = 1.0 / (last - first)
    return rows


def average(x: Tensor, output: Sequence[int]) -> Tensor:
    """Adaptive average pool: a plain one where sizes divide, else matrix products."""
    sizes = x.shape[-len(output) :]
    if all(n % cells == 0 for n, cells in zip(sizes, output, strict=True)):
        kernel = [n // cells for n, cells in zip(sizes, output, strict=True)]
        pool = aten.avg_pool3d if len(output) == 3 else aten.avg_pool2d
        return pool.default(x, kernel, kernel)
    pairs = zip(sizes, output, strict=True)
    return apply_matrices(x, [adaptive_matrix(n, cells) for n, cells in pairs])


def average_backward(grad: Tensor, x: Tensor) -> Tensor:
    """Gradient of 2-D and 3-D adaptive average pools."""
    d = 3 if x.dim() == 5 else 2
    pairs = zip(x.shape[-d:], grad.shape[-d:], strict=True)
    return apply_matrices(grad, [adaptive_matrix(n, cells).T for n, cells in pairs])


def maximum(x: Tensor, output: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Adaptive max pool; the indices that torch gives besides are not computed, and are zeros."""
    for dim, cells in _axes(x, output):
        x = _windows(x, dim, cells).amax(dim + 1)
    return x, torch.zeros_like(x, dtype=torch.int64)


def maximum_backward(grad: Tensor, x: Tensor, indices: Tensor) -> Tensor:
    """Gradient of 2-D and 3-D adaptive max pools."""
    stages = []
    for dim, cells in _axes(x, grad.shape[2:]):
        seen = _windows(x, dim, cells)
        stages.append((x, seen, dim))
        x = seen.amax(dim + 1)
    for before, seen, dim in reversed(stages):
        shares = first_greatest(seen, dim + 1) * grad.unsqueeze(dim + 1)
        grad = _collected(shares, before.shape[dim], dim)
    return grad


def first_greatest(x: Tensor, dim: int) -> Tensor:
    """1 at the first of the greatest cells along `dim`, 0 elsewhere."""
    shape = [-1 if d == dim else 1 for d in range(x.dim())]
    places = torch.arange(x.shape[dim]).to(x.dtype).reshape(shape)
    beyond = (x != x.amax(dim, keepdim=True)).to(x.dtype) * x.shape[dim]
    place = (places + beyond).amin(dim, keepdim=True)
    return (places == place).to(x.dtype)


def _axes(x: Tensor, output: Sequence[int]) -> list[tuple[int, int]]:
    """The axes that are pooled, the last one first, with the number of their cells."""
    first = x.dim() - len(output)
    return [(first + i, output[i]) for i in reversed(range(len(output)))]


def _places(size: int, cells: int) -> list[int]:
    """Which cells the windows see, those of one window after those of another."""
    spans = [window(i, size, cells) for i in range(cells)]
    longest = max(last - first for first, last in spans)
    return [min(first + k, last - 1) for first, last in spans for k in range(longest)]


def _windows(x: Tensor, dim: int, cells: int) -> Tensor:
    """[…, n, …] → […, cells, window, …]."""
    places = _places(x.shape[dim], cells)
    if places != list(range(x.shape[dim])):
        x = aten.index_select.default(x, dim, torch.tensor(places))
    return x.reshape([*x.shape[:dim], cells, -1, *x.shape[dim + 1 :]])


def _collected(shares: Tensor, size: int, dim: int) -> Tensor:
    """The sum of what each cell got in every window that saw it."""
    cells = shares.shape[dim]
    flat = shares.reshape([*shares.shape[:dim], -1, *shares.shape[dim + 2 :]])
    places = _places(size, cells)
    return flat if places == list(range(size)) else collected(flat, size, dim, places)
