"""The gradient of a convolution's input, written with forward operators that every engine runs.

Only gradients of data exist; weights are constants of an exported graph.

Notes
-----
*Interleaving.* With stride s, output cell o meets input coordinate ``s·o + k``. Writing
``k = s·m + r`` splits the input gradient into s phases r, each an ordinary sum over shifts m on the
output's grid. The phases are then interleaved by one reshape: no zeros are inserted, nothing is
scattered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten

FORMS = ("convolution", "interleaved", "transposed")
FormChooser = Callable[..., str]


def spread(values: Sequence[int], d: int) -> list[int]:
    """One value for all of `d` dimensions, or one for each."""
    return list(values) * d if len(values) == 1 and d > 1 else list(values)


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

    ``convolution`` inserts zeros and convolves with flipped, swapped weights; ``interleaved``
    computes every phase on the small grid; ``transposed`` is the operator of that name.
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
        stride, padding, dilation = (spread(v, d) for v in (stride, padding, dilation))
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
