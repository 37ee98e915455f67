"""The table operator → forward operators, by which a trace with its derivatives is written.

Notes
-----
*Who differentiates what.* Derivatives are autograd's own formulas: a trace records the operators
that they call. Those that engines run stay as they are. Of the others, `core_aten_decompositions`
(torch's own definitions) rewrites elementwise functions, normalisations, softmax, products, and
reductions; the rows below stand in front of these. They are what sliding windows, places and sizes
need: no pool indices, no scatters, no transposed convolutions beside the model's own.

*Behind the trace*, reads and writes at constant places become choices (``gathers.py``), and
normalisations one operator each (``norms.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..torch_private import core_aten_decompositions
from . import adaptive_pool_backward, pool_backward, resample_backward, slice_backward
from .conv_backward import FormChooser
from .convolution import convolution, convolution_backward

aten = torch.ops.aten
Table = dict[Any, Callable[..., Any]]


def decompositions(choose: FormChooser) -> Table:
    """Core ATen decompositions with this package's in front.

    Each function receives what autograd would have called. `choose` names the form of every
    convolution's gradient.
    """
    return {
        **_core(),
        **_own(),
        aten.convolution.default: convolution(choose),
        aten.convolution_backward.default: convolution_backward(choose),
    }


def _own() -> Table:
    return {
        # Forward operators that engines do not run, or not all alike.
        aten.avg_pool2d.default: pool_backward.avg_pool,
        aten.avg_pool3d.default: pool_backward.avg_pool,
        aten._adaptive_avg_pool2d.default: adaptive_pool_backward.average,
        aten._adaptive_avg_pool3d.default: adaptive_pool_backward.average,
        aten.adaptive_max_pool2d.default: adaptive_pool_backward.maximum,
        aten.adaptive_max_pool3d.default: adaptive_pool_backward.maximum,
        # Gradients of pools.
        aten.avg_pool2d_backward.default: pool_backward.avg_pool_backward,
        aten.avg_pool3d_backward.default: pool_backward.avg_pool_backward,
        aten.max_pool2d_with_indices_backward.default: pool_backward.max_pool_backward,
        aten.max_pool3d_with_indices_backward.default: pool_backward.max_pool_backward,
        aten._adaptive_avg_pool2d_backward.default: adaptive_pool_backward.average_backward,
        aten._adaptive_avg_pool3d_backward.default: adaptive_pool_backward.average_backward,
        aten.adaptive_max_pool2d_backward.default: adaptive_pool_backward.maximum_backward,
        aten.adaptive_max_pool3d_backward.default: adaptive_pool_backward.maximum_backward,
        # Interpolation and its gradients.
        **resample_backward.rows(),
        # Gradients of slices, and of edges that repeat or mirror what is inside.
        aten.slice_backward.default: slice_backward.slice_backward,
        aten.select_backward.default: slice_backward.select_backward,
        aten.replication_pad1d_backward.default: slice_backward.replication_pad_backward,
        aten.replication_pad2d_backward.default: slice_backward.replication_pad_backward,
        aten.replication_pad3d_backward.default: slice_backward.replication_pad_backward,
        aten.reflection_pad1d_backward.default: slice_backward.reflection_pad_backward,
        aten.reflection_pad2d_backward.default: slice_backward.reflection_pad_backward,
        aten.reflection_pad3d_backward.default: slice_backward.reflection_pad_backward,
        aten.scatter.src: slice_backward.scatter_places,
        # Gradients of activations with kinks, where torch's form has no ONNX operator.
        aten.hardsigmoid_backward.default: _hardsigmoid_backward,
        aten.hardshrink_backward.default: _shrink_backward,
        aten.softshrink_backward.default: _shrink_backward,
    }


def _hardsigmoid_backward(grad: Tensor, x: Tensor) -> Tensor:
    """A sixth of it between −3 and 3, by one comparison: ONNX 17 has no `and` of bits."""
    return grad * (x.abs() < 3).to(grad.dtype) / 6


def _shrink_backward(grad: Tensor, x: Tensor, threshold: float = 0.5) -> Tensor:
    """Nothing between −threshold and threshold."""
    return grad * (x.abs() > threshold).to(grad.dtype)


@functools.cache
def _core() -> Table:
    return dict(core_aten_decompositions())
