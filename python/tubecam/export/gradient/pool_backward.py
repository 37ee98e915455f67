"""Gradients of pools in forward operators: comparisons for max, products for average pools."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .conv_backward import interleave, pad_or_crop, spread

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


def avg_pool(
    x: Tensor, kernel: list[int], stride: list[int] = (), padding: list[int] = (0,),
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Average pools that engines and ONNX's converter take in different ways, as products.

    These are windows that reach beyond the padding, and divisors of the model's own.
    """
    d = len(kernel)
    steps, pads = spread(stride or kernel, d), spread(padding, d)
    sizes = x.shape[x.dim() - d :]
    rooms = [n + 2 * p - k for n, p, k in zip(sizes, pads, kernel, strict=True)]
    beyond = ceil_mode and any(room % s for room, s in zip(rooms, steps, strict=True))
    if not beyond and divisor_override is None:
        return NotImplemented  # it stays what it is
    return apply_matrices(x, _average_matrices(
        sizes, kernel, steps, pads, ceil_mode, count_include_pad, divisor_override
    ))  # fmt: skip


def avg_pool_backward(
    grad: Tensor, x: Tensor, kernel: list[int], stride: list[int], padding: list[int],
    ceil_mode: bool, count_include_pad: bool, divisor_override: int | None,
) -> Tensor:  # fmt: skip
    """Gradient of 2-D and 3-D average pools."""
    d = len(kernel)
    steps, pads = spread(stride or kernel, d), spread(padding, d)
    matrices = _average_matrices(
        x.shape[x.dim() - d :], kernel, steps, pads, ceil_mode, count_include_pad, divisor_override
    )
    return apply_matrices(grad, [m.T for m in matrices])


def _average_matrices(
    sizes: Sequence[int], kernel: list[int], stride: list[int], padding: list[int],
    ceil_mode: bool, count_pad: bool, divisor: int | None,
) -> list[np.ndarray]:  # fmt: skip
    """[cells, size] of each axis."""
    axes = zip(sizes, kernel, stride, padding, strict=True)
    if divisor is None:
        return [average_matrix(*axis, ceil_mode, count_pad) for axis in axes]
    first, *rest = ((average_matrix(*axis, ceil_mode, False) != 0).astype(float) for axis in axes)
    return [first / divisor, *rest]
