"""How convolutions, pools and resampling move places: windows that slide along dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..trace.nodes import shape_of
from .follow_rules import LostPlaceError, Place, Placed, Step, each
from .spread import reduced, slid


def convolved(step: Step) -> Place:
    """All channels are mixed; grouped ones are taken for mixed, too."""
    _, weight, _, stride, padding, dilation, transposed = step.node.args[:7]
    if weight in step.places and any(s.dims for axis in step.places[weight] for s in axis):
        raise LostPlaceError("its kernel is a part of the clip")
    place = each(step.source, lambda s: reduced(s, [1]))
    kernel = shape_of(weight)[2:]
    if transposed:
        return _transposed(place, step.shape, kernel, stride, padding, dilation)
    return _windows(place, step.shape, kernel, stride, padding, dilation)


def pooled(step: Step) -> Placed:
    """Windows over the last dimensions; of max pools a second result says where."""
    kernel, stride, padding, dilation = (
        step.argument(name) for name in ("kernel_size", "stride", "padding", "dilation")
    )
    place = _windows(step.source, step.shape, kernel, stride or kernel, padding or 0, dilation or 1)
    return place if isinstance(step.node.meta["val"], Tensor) else [place, None]


def pooled_to_size(step: Step) -> Placed:
    """Adaptive pools: result i takes from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉ − 1."""
    place, old = step.source, shape_of(step.node.args[0])
    for dim in range(len(old) - len(step.argument("output_size")), len(old)):
        n, m = old[dim], step.shape[dim]
        first, last = (_range(m) * n / m).floor(), ((_range(m) + 1) * n / m).ceil() - 1
        place = _slide(place, dim, first, last, n / m)
    return place if isinstance(step.node.meta["val"], Tensor) else [place, None]


def resampled(step: Step) -> Place:
    """Interpolation with half-pixel centres, or with aligned corners."""
    place, old = step.source, shape_of(step.node.args[0])
    for dim in range(2, len(old)):
        n, m = old[dim], step.shape[dim]
        at = (_range(m) + 0.5) * n / m - 0.5
        if step.argument("align_corners") and m > 1:
            at = _range(m) * (n - 1) / (m - 1)
        place = _slide(place, dim, at, at, n / m)
    return place


def padded(step: Step) -> Place:
    """As if the clip went on, whatever it is filled with."""
    pads, rank = step.node.args[1], len(step.shape)
    place = step.source
    for i in range(len(pads) // 2):
        dim = rank - 1 - i
        at = _range(step.shape[dim]) - pads[2 * i]
        place = _slide(place, dim, at, at, 1)
    return place


def _range(n: int) -> Tensor:
    return torch.arange(n, dtype=torch.float64)


def _slide(place: Place, dim: int, first: Tensor, last: Tensor, step: float) -> Place:
    return each(place, lambda s: slid(s, dim, first, last, step))


def _dimensions(shape: Sequence[int], count: int, *given: Any) -> Iterator[tuple[int, ...]]:
    """Each of the last dimensions with its own of the given numbers."""
    lists = [[v] if isinstance(v, int) else list(v) for v in given]
    for i in range(count):
        yield len(shape) - count + i, *(v[i] if len(v) > 1 else v[0] for v in lists)


def _windows(
    place: Place, shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Place:
    for dim, k, s, p, d in _dimensions(shape, len(kernel), kernel, stride, padding, dilation):
        first = _range(shape[dim]) * s - p
        place = _slide(place, dim, first, first + (k - 1) * d, s)
    return place


def _transposed(
    place: Place, shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Place:
    """Result o is made of the sources i with o = i·s − p + tap·d."""
    for dim, k, s, p, d in _dimensions(shape, len(kernel), kernel, stride, padding, dilation):
        last = (_range(shape[dim]) + p) / s
        place = _slide(place, dim, last - (k - 1) * d / s, last, 1 / s)
    return place
