"""Gradients of pools in forward operators: comparisons for max, products for average pools."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .backward import interleave, pad_or_crop, spread

aten = torch.ops.aten


def max_pool_backward(
    grad: Tensor, x: Tensor, kernel: list[int], stride: list[int], padding: list[int],
    dilation: list[int], ceil_mode: bool, indices: Tensor,
) -> Tensor:  # fmt: skip
    """Max-pool gradient without pool indices: the first of the greatest cells takes it all."""
    d = len(kernel)
    kernel, padding, dilation = (spread(v, d) for v in (kernel, padding, dilation))
    stride = spread(stride or kernel, d)
    taps = list(itertools.product(*(range(k) for k in kernel)))
    lowest = torch.finfo(x.dtype).min
    seen = sliding(x, taps, list(grad.shape[2:]), stride, padding, dilation, lowest)
    pool = aten.max_pool2d_with_indices if d == 2 else aten.max_pool3d_with_indices
    maximum, _ = pool.default(x, kernel, stride, padding, dilation, ceil_mode)
    free: Tensor | None = None  # 1 where no earlier cell was the maximum
    shares: dict[tuple[int, ...], list[tuple[list[int], Tensor]]] = {}
    for k, cells in zip(taps, seen, strict=True):
        hit = (cells == maximum).to(grad.dtype)
        hit = hit if free is None else free * hit
        free = 1 - hit if free is None else free - hit
        offsets = [e * a for e, a in zip(dilation, k, strict=True)]
        phase = tuple(o % s for o, s in zip(offsets, stride, strict=True))
        shift = [o // s for o, s in zip(offsets, stride, strict=True)]
        shares.setdefault(phase, []).append((shift, hit * grad))
    longest = [((k - 1) * e) // s for k, e, s in zip(kernel, dilation, stride, strict=True)]
    grid = [n + m for n, m in zip(grad.shape[2:], longest, strict=True)]
    gradient = _join_phases(shares, grid, stride)
    return pad_or_crop(gradient, [-p for p in padding], list(x.shape[2:]))


def sliding(
    x: Tensor, taps: Sequence[Sequence[int]], cells: Sequence[int], stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], beyond: float,
) -> list[Tensor]:  # fmt: skip
    """What every output cell of a sliding window sees at each tap; `beyond` the edge."""
    d = len(cells)
    last = [(n - 1) * s + 1 for n, s in zip(cells, stride, strict=True)]
    pads: list[int] = []
    for i in reversed(range(d)):
        reach = last[i] + max(k[i] for k in taps) * dilation[i]
        pads += [padding[i], max(reach - x.shape[2 + i] - padding[i], 0)]
    if any(pads):
        x = aten.constant_pad_nd.default(x, pads, beyond)
    windows = []
    for k in taps:
        view = x
        for i in range(d):
            start = k[i] * dilation[i]
            view = aten.slice.Tensor(view, 2 + i, start, start + last[i], stride[i])
        windows.append(view)
    return windows


def _join_phases(
    shares: dict[tuple[int, ...], list[tuple[list[int], Tensor]]],
    grid: list[int],
    stride: Sequence[int],
) -> Tensor:
    """Adds every phase's shifted shares on the common grid and interleaves the phases."""
    some = next(iter(shares.values()))[0][1]
    n, channels = some.shape[:2]
    empty = some.new_zeros([n, channels, *grid])
    phases = []
    for phase in itertools.product(*(range(s) for s in stride)):
        moved = [pad_or_crop(share, shift, grid) for shift, share in shares.get(phase, [])]
        phases.append(sum(moved[1:], moved[0]) if moved else empty)
    if len(phases) == 1:
        return phases[0]
    stacked = torch.stack(phases, dim=2).reshape([n, channels * len(phases), *grid])
    return interleave(stacked, stride)


def average_matrix(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool, count_pad: bool
) -> np.ndarray:
    """[cells, size] matrix of 1-D average pooling; average pools are products of such matrices."""
    room = size + 2 * padding - kernel
    cells = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (cells - 1) * stride >= size + padding:
        cells -= 1
    rows = np.zeros((cells, size))
    for i in range(cells):
        start = i * stride - padding
        end = min(start + kernel, size + padding)
        first, last = max(start, 0), min(start + kernel, size)
        rows[i, first:last] = 1.0 / ((end - start) if count_pad else (last - first))
    return rows


def apply_matrices(x: Tensor, matrices: Sequence[np.ndarray]) -> Tensor:
    """Multiplies the last dimensions of `x` by one [out, in] matrix each."""
    for i, matrix in enumerate(reversed(matrices)):
        dim = x.dim() - 1 - i
        if matrix.shape == (1, 1) and matrix[0, 0] == 1.0:
            continue
        factor = torch.tensor(matrix.T.tolist(), dtype=x.dtype)  # a constant of the trace
        x = torch.matmul(x.transpose(dim, -1), factor).transpose(dim, -1)
    return x


def avg_pool_backward(
    grad: Tensor, x: Tensor, kernel: list[int], stride: list[int], padding: list[int],
    ceil_mode: bool, count_include_pad: bool, divisor_override: int | None,
) -> Tensor:  # fmt: skip
    """Gradient of 2-D and 3-D average pools."""
    d = len(kernel)
    steps, pads = spread(stride or kernel, d), spread(padding, d)
    matrices = [
        average_matrix(x.shape[x.dim() - d + i], kernel[i], steps[i], pads[i], ceil_mode,
                       count_include_pad and divisor_override is None).T
        for i in range(d)
    ]  # fmt: skip
    if divisor_override is not None:
        matrices = [(m != 0).astype(float) for m in matrices]
        return apply_matrices(grad, matrices) / divisor_override
    return apply_matrices(grad, matrices)
