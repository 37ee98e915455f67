"""The table by which a trace replaces operators that engines do not run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import core_aten_decompositions

from . import pools, scatter
from .backward import FormChooser, convolution_backward

aten = torch.ops.aten


def decompositions(choose: FormChooser) -> dict[Any, Callable[..., Any]]:
    """Core ATen decompositions with this package's in front.

    Each function receives what autograd would have called. `choose` names the form of every
    convolution's gradient.
    """
    table = dict(_core())
    table.update(
        {
            aten.convolution_backward.default: convolution_backward(choose),
            aten.max_pool2d_with_indices_backward.default: pools.max_pool_backward,
            aten.max_pool3d_with_indices_backward.default: pools.max_pool_backward,
            aten.avg_pool2d_backward.default: pools.avg_pool_backward,
            aten.avg_pool3d_backward.default: pools.avg_pool_backward,
            aten._adaptive_avg_pool2d_backward.default: pools.adaptive_avg_pool_backward,
            aten._adaptive_avg_pool3d_backward.default: pools.adaptive_avg_pool_backward,
            aten._adaptive_avg_pool2d.default: pools.adaptive_avg_pool,
            aten._adaptive_avg_pool3d.default: pools.adaptive_avg_pool,
            aten.hardsigmoid_backward.default: _hardsigmoid_backward,
            aten.slice_backward.default: scatter.slice_backward,
            aten.select_backward.default: scatter.select_backward,
            aten.replication_pad2d_backward.default: scatter.replication_pad_backward,
            aten.replication_pad3d_backward.default: scatter.replication_pad_backward,
            aten.slice_scatter.default: scatter.slice_scatter,
            aten.select_scatter.default: scatter.select_scatter,
        }
    )
    return table


def _hardsigmoid_backward(grad: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """A sixth of it between −3 and 3, by one comparison: ONNX 17 has no `and` of bits."""
    return grad * (x.abs() < 3).to(grad.dtype) / 6


@functools.cache
def _core() -> dict[Any, Callable[..., Any]]:
    return dict(core_aten_decompositions())
