"""Gradients of slices and of repeated edges, writes into slices: paddings and concatenations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import ExportError
from .backward import insert_zeros

aten = torch.ops.aten


def slice_backward(
    grad: Tensor, sizes: Sequence[int], dim: int, start: int, end: int, step: int
) -> Tensor:
    """The slice's gradient at its place among zeros."""
    dim %= len(sizes)
    start, _ = _range(sizes[dim], start, end)
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


def slice_scatter(
    x: Tensor,
    source: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """`x` with `source` in place of one of its slices."""
    dim %= x.dim()
    first, last = _range(x.shape[dim], start, end)
    if step == 1:
        before = aten.slice.Tensor(x, dim, 0, first)
        after = aten.slice.Tensor(x, dim, last, x.shape[dim])
        return torch.cat([p for p in (before, source, after) if p.shape[dim]], dim)
    place = slice_backward(torch.ones_like(source), x.shape, dim, first, last, step)
    return x * (1 - place) + slice_backward(source, x.shape, dim, first, last, step)


def select_scatter(x: Tensor, source: Tensor, dim: int, index: int) -> Tensor:
    """`x` with `source` in place of one of its elements along `dim`."""
    dim %= x.dim()
    index %= x.shape[dim]
    return slice_scatter(x, source.unsqueeze(dim), dim, index, index + 1)


def replication_pad_backward(grad: Tensor, x: Tensor, padding: Sequence[int]) -> Tensor:
    """Along each padded axis, what the repeats of an edge received goes to that edge."""
    for i in range(len(padding) // 2):
        dim, (before, after) = x.dim() - 1 - i, padding[2 * i : 2 * i + 2]
        if before < 0 or after < 0:
            raise ExportError("a replicating padding that crops has no gradient here; slice first.")
        grad = _to_the_edges(grad, dim, before, after)
    return grad


def _to_the_edges(grad: Tensor, dim: int, before: int, after: int) -> Tensor:
    whole = grad.shape[dim]
    if whole - before - after == 1:  # one cell, which is both edges
        return grad.sum(dim, keepdim=True)
    parts = [(0, before + 1), (before + 1, whole - after - 1), (whole - after - 1, whole)]
    low, middle, high = (aten.slice.Tensor(grad, dim, *part) for part in parts)
    low, high = (edge.sum(dim, keepdim=True) for edge in (low, high))
    return torch.cat([p for p in (low, middle, high) if p.shape[dim]], dim)


def _range(size: int, start: int | None, end: int | None) -> tuple[int, int]:
    first, last, _ = slice(start, end).indices(size)
    return first, max(first, last)


def _padded(x: Tensor, dim: int, before: int, size: int) -> Tensor:
    after = size - before - x.shape[dim]
    pads = [0, 0] * (x.dim() - 1 - dim) + [before, after]
    return aten.constant_pad_nd.default(x, pads, 0.0) if before or after else x
