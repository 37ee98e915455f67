"""Interpolation and its gradient: along each axis a product with a matrix, or a choice of cells.

The matrices are torch's own, its operator on unit vectors, so that whatever it does about corners,
centres, and scales is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..torch_private import untraced
from .pool_backward import apply_matrices

aten = torch.ops.aten
NEAREST = ("upsample_nearest", "_upsample_nearest_exact")
LINEAR = ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
PLANE = ("upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")


def resample_matrix(operator: Any, size: int, cells: int, *options: Any) -> np.ndarray:
    """[cells, size] matrix of a two-dimensional operator along one axis."""
    with untraced():  # computed now, not traced
        unit = torch.eye(size, dtype=torch.float64)[None, :, :, None].repeat(1, 1, 1, 2)
        columns = operator(unit, [cells, 2], *options, None)[0, :, :, 0]
        return np.array(columns.t().tolist())


def nearest(operator: Any) -> Callable[..., Tensor]:
    """Decomposition of a nearest-neighbour operator: along each axis, which cells are taken."""

    def decompose(x: Tensor, output: Sequence[int], *scales: float | None) -> Tensor:
        for dim, (cells, scale) in enumerate(zip(output, _each(scales, output)), start=2):
            if cells != x.shape[dim]:
                taken = resample_matrix(operator, x.shape[dim], cells, scale).argmax(1)
                x = aten.index_select.default(x, dim, torch.tensor(taken.tolist()))
        return x

    return decompose


def forward(operator: Any, native: bool) -> Callable[..., Tensor]:
    """Decomposition into products, where engines lack the operator or its scales.

    A scale that the sizes do not give, as that of 5 cells which become int(1.5 · 5), is one that
    ONNX takes no notice of beside sizes.
    """

    def decompose(x: Tensor, output: Sequence[int], corners: bool, *scales: float | None) -> Tensor:
        axes = list(zip(x.shape[2:], output, _each(scales, output), strict=True))
        if native and all(corners or s is None or n * s == m for n, m, s in axes):
            return NotImplemented  # it stays what it is
        return apply_matrices(x, [resample_matrix(operator, n, m, corners, s) for n, m, s in axes])

    return decompose


def backward(operator: Any, corners: bool) -> Callable[..., Tensor]:
    """Decomposition of a gradient; `corners`: the operator takes ``align_corners``."""

    def decompose(
        grad: Tensor, output: Sequence[int], sizes: Sequence[int], *options: Any
    ) -> Tensor:
        first, scales = (options[:1], options[1:]) if corners else ((), options)
        axes = zip(sizes[2:], output, _each(scales, output), strict=True)
        matrices = [resample_matrix(operator, n, m, *first, scale).T for n, m, scale in axes]
        return apply_matrices(grad, matrices)

    return decompose


def _each(scales: Sequence[float | None], axes: Sequence[int]) -> list[float | None]:
    return [*scales, *[None] * (len(axes) - len(scales))]


def rows() -> dict[Any, Callable[..., Tensor]]:
    """Interpolation's rows of the table of decompositions."""
    table: dict[Any, Callable[..., Tensor]] = {}
    for name in NEAREST:
        flat = getattr(aten, f"{name}2d").default
        for d in (1, 2, 3):
            table[getattr(aten, f"{name}{d}d").default] = nearest(flat)
            table[getattr(aten, f"{name}{d}d_backward").default] = backward(flat, False)
    for name in (*LINEAR, *PLANE):
        operator = getattr(aten, name).default
        flat = aten.upsample_bilinear2d.default if name in LINEAR else operator
        table[operator] = forward(flat, name in LINEAR)
        table[getattr(aten, f"{name}_backward").default] = backward(flat, True)
    return table
