"""Gradients of slices and of repeated edges, writes into slices: paddings and concatenations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import ExportError
from ..trace.nodes import slice_range
from .conv_backward import insert_zeros

aten = torch.ops.aten


def slice_backward(
    grad: Tensor, sizes: Sequence[int], dim: int, start: int, end: int, step: int
) -> Tensor:
    """The slice's gradient at its place among zeros."""
    dim %= len(sizes)
    start, _ = slice_range(sizes[dim], start, end)
    if step > 1:
        moved = grad.transpose(dim, -1)
        spread = insert_zeros(moved.reshape(1, -1, grad.shape[dim]), [step])
        spread = aten.slice.Tensor(spread, 2, 0, (grad.shape[dim] - 1) * step + 1)
        grad = spread.reshape([*moved.shape[:-1], -1]).transpose(dim, -1)
    return _padded(grad, dim, start, sizes[dim])


def select_backward(grad: Tensor, sizes: Sequence[int], dim: int, index: int) -> Tensor:
    """The element's gradient at its place among zeros."""
    dim %= len(sizes)
    return _padded(grad.unsqueeze(dim), dim, index % sizes[dim], sizes[dim])


def replication_pad_backward(grad: Tensor, x: Tensor, padding: Sequence[int]) -> Tensor:
    """Along each padded axis, what the repeats of an edge received goes to that edge."""
    for i in range(len(padding) // 2):
        dim, (before, after) = x.dim() - 1 - i, padding[2 * i : 2 * i + 2]
        if before < 0 or after < 0:
            raise ExportError("a replicating padding that crops has no gradient here; slice first.")
        grad = _to_the_edges(grad, dim, before, after)
    return grad


def reflection_pad_backward(grad: Tensor, x: Tensor, padding: Sequence[int]) -> Tensor:
    """Along each padded axis, a cell collects what its mirror images received."""
    for i in range(len(padding) // 2):
        dim, (before, after) = x.dim() - 1 - i, padding[2 * i : 2 * i + 2]
        last = x.shape[dim] - 1
        places = [last - abs(last - abs(at)) for at in range(-before, last + 1 + after)]
        grad = collected(grad, last + 1, dim, places)
    return grad


def collected(x: Tensor, size: int, dim: int, places: Sequence[int]) -> Tensor:
    """The sum, for each of `size` cells along `dim`, of the slices of `x` that belong there."""
    zeros = x.new_zeros([*x.shape[:dim], size, *x.shape[dim + 1 :]])
    return aten.index_add.default(zeros, dim, torch.tensor(places), x)


def _to_the_edges(grad: Tensor, dim: int, before: int, after: int) -> Tensor:
    whole = grad.shape[dim]
    if whole - before - after == 1:  # one cell, which is both edges
        return grad.sum(dim, keepdim=True)
    parts = [(0, before + 1), (before + 1, whole - after - 1), (whole - after - 1, whole)]
    low, middle, high = (aten.slice.Tensor(grad, dim, *part) for part in parts)
    low, high = (edge.sum(dim, keepdim=True) for edge in (low, high))
    return torch.cat([p for p in (low, middle, high) if p.shape[dim]], dim)


def _padded(x: Tensor, dim: int, before: int, size: int) -> Tensor:
    after = size - before - x.shape[dim]
    pads = [0, 0] * (x.dim() - 1 - dim) + [before, after]
    return aten.constant_pad_nd.default(x, pads, 0.0) if before or after else x


MOST_PLACES = 64  # that are written one after another


def scatter_places(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`x` with `source` at a few places along `dim`, as the gradients of maxima are written.

    Raises
    ------
    ExportError
        More than 64 places along `dim` are written that depend on data.
    """
    if index.dim() == 0:  # of a tensor without dimensions
        return source.expand(x.shape)
    dim %= x.dim()
    count = index.shape[dim]
    if count > MOST_PLACES:
        raise ExportError(f"{count} places along one axis are written that depend on the clip.")
    places = torch.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.dim())])
    for k in range(count):
        at, value = (aten.slice.Tensor(a, dim, k, k + 1) for a in (index, source))
        x = torch.where(places == at, value, x)
    return x
