"""Backward operators written with forward ones that every inference engine runs.

Each function is an entry of a decomposition table: it receives what autograd would have called and
answers with convolutions, paddings and comparisons. Only gradients of data exist; weights are
constants of an exported graph.

Notes
-----
*Interleaving.* With stride s, output cell o meets input coordinate ``s·o + k``. Writing ``k = s·m + r``
splits the input gradient into s phases r, each an ordinary sum over shifts m on the output's grid.
The phases are then interleaved by one reshape: no zeros are inserted, nothing is scattered.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

aten = torch.ops.aten

FORMS = ("convolution", "interleaved", "transposed")
FormChooser = Callable[..., str]


def pad_or_crop(x: Tensor, left: Sequence[int], size: Sequence[int]) -> Tensor:
    """Moves spatial dimensions right by `left` (negative: crops) and gives them `size`."""
    pads: list[int] = []
    for dim in reversed(range(len(size))):
        have = x.shape[2 + dim]
        pads += [left[dim], size[dim] - have - left[dim]]
    for i in range(0, len(pads), 2):
        dim = 2 + len(size) - 1 - i // 2
        start = max(-pads[i], 0)
        stop = x.shape[dim] - max(-pads[i + 1], 0)
        if (start, stop) != (0, x.shape[dim]):
            x = aten.slice.Tensor(x, dim, start, stop)
    pads = [max(p, 0) for p in pads]
    return aten.constant_pad_nd.default(x, pads, 0.0) if any(pads) else x


def insert_zeros(x: Tensor, stride: Sequence[int]) -> Tensor:
    """Puts ``stride − 1`` zeros after every cell of the spatial dimensions."""
    for dim, step in enumerate(stride, start=2):
        if step > 1:
            shape = list(x.shape)
            cells = x.reshape(math.prod(shape[:dim]), shape[dim], 1, math.prod(shape[dim + 1 :]))
            cells = aten.constant_pad_nd.default(cells, [0, 0, 0, step - 1], 0.0)
            shape[dim] *= step
            x = cells.reshape(shape)
    return x


def interleave(x: Tensor, stride: Sequence[int]) -> Tensor:
    """[N, C·s₁·s₂…, n₁, n₂…] → [N, C, n₁·s₁, n₂·s₂…]; phases vary fastest within a channel."""
    n, channels, *cells = x.shape
    d = len(cells)
    x = x.reshape([n, channels // math.prod(stride), *stride, *cells])
    order = [0, 1] + [axis for i in range(d) for axis in (2 + d + i, 2 + i)]
    return x.permute(order).reshape([n, -1, *(c * s for c, s in zip(cells, stride, strict=True))])


def swap_channels(weight: Tensor, groups: int) -> Tensor:
    """[out, in/g, …] → [in, out/g, …]."""
    outputs, inputs, *kernel = weight.shape
    weight = weight.reshape([groups, outputs // groups, inputs, *kernel]).transpose(1, 2)
    return weight.reshape([groups * inputs, outputs // groups, *kernel])


def conv_input_gradient(
    grad: Tensor,
    weight: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    form: str,
) -> Tensor:
    """Gradient of a convolution's input, spatial `size`, in one of three equal forms.

    ``convolution`` inserts zeros and convolves with flipped, swapped weights; ``interleaved`` computes
    every phase on the small grid; ``transposed`` is the operator of that name.
    """
    kernel = list(weight.shape[2:])
    ones = [1] * len(kernel)
    zeros = [0] * len(kernel)

    def convolve(x: Tensor, w: Tensor, pad: Sequence[int], dil: Sequence[int]) -> Tensor:
        return aten.convolution.default(
            x, w, None, ones, list(pad), list(dil), False, zeros, groups
        )

    if form == "transposed":
        cells = zip(grad.shape[2:], stride, padding, dilation, kernel, strict=True)
        natural = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in cells]
        extra = [a - b for a, b in zip(size, natural, strict=True)]
        return aten.convolution.default(
            grad, weight, None, stride, padding, dilation, True, extra, groups
        )
    swapped = swap_channels(weight, groups)
    if form == "interleaved":
        taps = [-(-k // s) for k, s in zip(kernel, stride, strict=True)]
        phases = _phase_weights(swapped, taps, stride)
        x = interleave(convolve(grad, phases, [m - 1 for m in taps], ones), stride)
        return pad_or_crop(x, [-p for p in padding], size)
    if all(k == 1 for k in kernel):  # pointwise: convolve on the small grid, then insert zeros
        x = insert_zeros(convolve(grad, swapped, zeros, ones), stride)
        return pad_or_crop(x, [-p for p in padding], size)
    flipped = swapped.flip(list(range(2, swapped.dim())))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    x = insert_zeros(grad, stride)
    left = [r - p for r, p in zip(reach, padding, strict=True)]
    total = [n + r for n, r in zip(size, reach, strict=True)]
    if min(left) >= 0 and all(
        t - have == 2 * p for t, have, p in zip(total, x.shape[2:], left, strict=True)
    ):
        return convolve(x, flipped, left, dilation)
    return convolve(pad_or_crop(x, left, total), flipped, zeros, dilation)


def _phase_weights(weight: Tensor, taps: Sequence[int], stride: Sequence[int]) -> Tensor:
    """[in, out/g, k…] → [in·s₁·s₂…, out/g, m…], flipped over the taps m."""
    inputs, outputs, *_ = weight.shape
    d = len(taps)
    weight = pad_or_crop(weight, [0] * d, [m * s for m, s in zip(taps, stride, strict=True)])
    split = [extent for pair in zip(taps, stride, strict=True) for extent in pair]
    weight = weight.reshape([inputs, outputs, *split])
    order = [0, *(3 + 2 * i for i in range(d)), 1, *(2 + 2 * i for i in range(d))]
    weight = weight.permute(order).reshape([-1, outputs, *taps])
    return weight.flip(list(range(2, 2 + d)))


def convolution_backward(choose: FormChooser) -> Callable[..., Any]:
    """Decomposition of ``aten.convolution_backward``; `choose` names the form of each call."""

    def decompose(
        grad: Tensor, x: Tensor, weight: Tensor, bias_sizes: Any, stride: list[int],
        padding: list[int], dilation: list[int], transposed: bool, output_padding: list[int],
        groups: int, output_mask: list[bool],
    ) -> tuple[Tensor | None, None, None]:  # fmt: skip
        if not output_mask[0]:
            return None, None, None
        d = x.dim() - 2
        stride, padding, dilation = (_spread(v, d) for v in (stride, padding, dilation))
        if transposed:
            zeros = [0] * d
            gradient = aten.convolution.default(
                grad, weight, None, stride, padding, dilation, False, zeros, groups
            )
            return gradient, None, None
        size = list(x.shape[2:])
        geometry = (size, stride, padding, dilation, groups)
        form = choose(tuple(grad.shape), tuple(weight.shape), *geometry)
        return conv_input_gradient(grad, weight, *geometry, form), None, None

    return decompose


def max_pool_backward(
    grad: Tensor, x: Tensor, kernel: list[int], stride: list[int], padding: list[int],
    dilation: list[int], ceil_mode: bool, indices: Tensor,
) -> Tensor:  # fmt: skip
    """Max-pool gradient without pool indices: the first cell that equals the maximum takes it all."""
    d = len(kernel)
    kernel, padding, dilation = (_spread(v, d) for v in (kernel, padding, dilation))
    stride = _spread(stride or kernel, d)
    cells = list(grad.shape[2:])
    size = list(x.shape[2:])
    reach = [
        (n - 1) * s + (k - 1) * e + 1
        for n, s, k, e in zip(cells, stride, kernel, dilation, strict=True)
    ]
    lowest = torch.finfo(x.dtype).min
    pads = [
        v
        for p, n, r in reversed(list(zip(padding, size, reach, strict=True)))
        for v in (p, max(r - n - p, 0))
    ]
    padded = aten.constant_pad_nd.default(x, pads, lowest) if any(pads) else x

    def window(k: Sequence[int]) -> Tensor:
        """What every output cell sees at tap k."""
        view = padded
        for i in range(d):
            start = k[i] * dilation[i]
            view = aten.slice.Tensor(
                view, 2 + i, start, start + (cells[i] - 1) * stride[i] + 1, stride[i]
            )
        return view

    taps = list(itertools.product(*(range(k) for k in kernel)))
    maximum = window(taps[0])
    for k in taps[1:]:
        maximum = torch.maximum(maximum, window(k))
    free: Tensor | None = None  # 1 where no earlier cell was the maximum
    shares: dict[tuple[int, ...], list[tuple[list[int], Tensor]]] = {}
    for k in taps:
        hit = (window(k) == maximum).to(grad.dtype)
        hit = hit if free is None else free * hit
        free = 1 - hit if free is None else free - hit
        offsets = [e * a for e, a in zip(dilation, k, strict=True)]
        phase = tuple(o % s for o, s in zip(offsets, stride, strict=True))
        shift = [o // s for o, s in zip(offsets, stride, strict=True)]
        shares.setdefault(phase, []).append((shift, hit * grad))
    longest = [((k - 1) * e) // s for k, e, s in zip(kernel, dilation, stride, strict=True)]
    grid = [n + m for n, m in zip(cells, longest, strict=True)]
    return pad_or_crop(_join_phases(shares, grid, stride), [-p for p in padding], size)


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


def adaptive_matrix(size: int, cells: int) -> np.ndarray:
    """[cells, size] matrix of 1-D adaptive average pooling."""
    rows = np.zeros((cells, size))
    for i in range(cells):
        first, last = (i * size) // cells, -(-((i + 1) * size) // cells)
        rows[i, first:last] = 1.0 / (last - first)
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
    steps, pads = _spread(stride or kernel, d), _spread(padding, d)
    matrices = [
        average_matrix(x.shape[x.dim() - d + i], kernel[i], steps[i], pads[i], ceil_mode,
                       count_include_pad and divisor_override is None).T
        for i in range(d)
    ]  # fmt: skip
    if divisor_override is not None:
        matrices = [(m != 0).astype(float) for m in matrices]
        return apply_matrices(grad, matrices) / divisor_override
    return apply_matrices(grad, matrices)


def adaptive_avg_pool_backward(grad: Tensor, x: Tensor) -> Tensor:
    """Gradient of 2-D and 3-D adaptive average pools."""
    d = 3 if x.dim() == 5 else 2
    pairs = zip(x.shape[-d:], grad.shape[-d:], strict=True)
    return apply_matrices(grad, [adaptive_matrix(n, cells).T for n, cells in pairs])


def adaptive_avg_pool(x: Tensor, output: Sequence[int]) -> Tensor:
    """Adaptive average pool as matrix products: sizes need not divide."""
    pairs = zip(x.shape[-len(output) :], output, strict=True)
    return apply_matrices(x, [adaptive_matrix(n, cells) for n, cells in pairs])


def _spread(values: Sequence[int], d: int) -> list[int]:
    return list(values) * d if len(values) == 1 and d > 1 else list(values)


def decompositions(choose: FormChooser) -> dict[Any, Callable[..., Any]]:
    """Core ATen decompositions with this module's backward operators in front."""
    from torch._decomp import core_aten_decompositions

    from .scatter import DECOMPOSITIONS

    table = {**core_aten_decompositions(), **DECOMPOSITIONS}
    table.update(
        {
            aten.convolution_backward.default: convolution_backward(choose),
            aten.max_pool2d_with_indices_backward.default: max_pool_backward,
            aten.max_pool3d_with_indices_backward.default: max_pool_backward,
            aten.avg_pool2d_backward.default: avg_pool_backward,
            aten.avg_pool3d_backward.default: avg_pool_backward,
            aten._adaptive_avg_pool2d_backward.default: adaptive_avg_pool_backward,
            aten._adaptive_avg_pool3d_backward.default: adaptive_avg_pool_backward,
            aten._adaptive_avg_pool2d.default: adaptive_avg_pool,
            aten._adaptive_avg_pool3d.default: adaptive_avg_pool,
        }
    )
    return table
