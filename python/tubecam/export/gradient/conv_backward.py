"""The gradient of a convolution's input, written with forward operators that every engine runs.

Only gradients of data exist; weights are constants of an exported graph.

Notes
-----
*Phases.* With stride s, output cell o meets input coordinate ``s·o + k``. Writing ``k = s·m + r``
splits the input gradient into s phases r, each an ordinary sum over shifts m on the output's grid.
The phases are then woven together: no zeros are inserted, nothing is scattered. ``phases``
convolves once for each, with the taps that it has: no multiplication is wasted. ``interleaved``
computes all in one convolution, with zeros for the taps that some phases lack: faster where
channels are few.

*Weaving.* Channels are moved last, where neighbours in space are whole blocks of memory; engines
whose convolutions keep them last do not move anything.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import floordiv, mod

import torch
from torch import Tensor

aten = torch.ops.aten

FORMS = ("convolution", "phases", "interleaved", "transposed")
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


def weave(parts: Sequence[Tensor | None], stride: Sequence[int]) -> Tensor:
    """s₁·s₂… grids [N, C, n₁, n₂…], the last dimension's first → [N, C, n₁·s₁, n₂·s₂…].

    None is a grid of zeros; not all may be.
    """
    n, channels, *cells = next(p for p in parts if p is not None).shape
    d = len(cells)
    rows = [None if p is None else p.permute([0, *range(2, 2 + d), 1]) for p in parts]
    for dim in reversed(range(d)):
        width = channels * math.prod(a * b for a, b in zip(cells[dim + 1 :], stride[dim + 1 :]))
        rows = [_side_by_side(rows[i : i + stride[dim]], width)
                for i in range(0, len(rows), stride[dim])]  # fmt: skip
        shape = [n, *cells[:dim], cells[dim] * stride[dim] * width]
        rows = [None if r is None else r.reshape(shape) for r in rows]
    sizes = [c * s for c, s in zip(cells, stride, strict=True)]
    return rows[0].reshape([n, *sizes, channels]).permute([0, 1 + d, *range(1, 1 + d)])


def _side_by_side(rows: Sequence[Tensor | None], width: int) -> Tensor | None:
    """Joins along the last dimension; None stands for `width` zeros."""
    pieces: list[Tensor] = []
    left = 0
    for i, row in enumerate(rows):
        if row is None:
            left += width
            continue
        right = 0
        while i + 1 + right < len(rows) and rows[i + 1 + right] is None:
            right += 1
        pads = [0 if pieces else left, right * width]
        pieces.append(aten.constant_pad_nd.default(row, pads, 0.0) if any(pads) else row)
    return aten.cat.default(pieces, -1) if len(pieces) > 1 else pieces[0] if pieces else None


def insert_zeros(x: Tensor, stride: Sequence[int]) -> Tensor:
    """Puts ``stride − 1`` zeros after every cell of the spatial dimensions."""
    count = math.prod(stride)
    return weave([x] + [None] * (count - 1), stride) if count > 1 else x


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
    """Gradient of a convolution's input, spatial `size`, in one of four equal forms.

    ``convolution`` inserts zeros and convolves with flipped, swapped weights; ``phases`` and
    ``interleaved`` compute every phase on the small grid; ``transposed`` is the operator of that
    name. The two of phases are not for dilated kernels.
    """
    call = _InputGradient(grad, weight, size, stride, padding, dilation, groups)
    return getattr(call, form)()


@dataclass(frozen=True)
class _InputGradient:
    """What each form is given; a method for each of `FORMS`."""

    grad: Tensor
    weight: Tensor
    size: Sequence[int]
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int

    @property
    def kernel(self) -> list[int]:
        return list(self.weight.shape[2:])

    @property
    def zeros(self) -> list[int]:
        return [0] * len(self.kernel)

    def transposed(self) -> Tensor:
        axes = zip(self.grad.shape[2:], self.stride, self.padding, self.dilation, self.kernel,
                   strict=True)  # fmt: skip
        natural = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in axes]
        extra = [a - b for a, b in zip(self.size, natural, strict=True)]
        return aten.convolution.default(
            self.grad, self.weight, None, self.stride, self.padding, self.dilation, True, extra,
            self.groups,
        )  # fmt: skip

    def phases(self) -> Tensor:
        swapped = swap_channels(self.weight, self.groups)
        parts = []
        for starts in itertools.product(*map(range, self.stride)):
            phase = _Phase.of(starts, self.kernel, self.stride, self.padding, self.size)
            parts.append(phase.convolve(self.grad, swapped, self.groups) if phase else None)
        return pad_or_crop(weave(parts, self.stride), self.zeros, self.size)

    def interleaved(self) -> Tensor:
        taps = [-(-k // s) for k, s in zip(self.kernel, self.stride, strict=True)]
        phases = _phase_weights(swap_channels(self.weight, self.groups), taps, self.stride)
        x = self._convolved(self.grad, phases, [m - 1 for m in taps])
        return pad_or_crop(interleave(x, self.stride), [-p for p in self.padding], self.size)

    def convolution(self) -> Tensor:
        swapped = swap_channels(self.weight, self.groups)
        if all(k == 1 for k in self.kernel):  # pointwise: the small grid first, then the zeros
            x = insert_zeros(self._convolved(self.grad, swapped, self.zeros), self.stride)
            return pad_or_crop(x, [-p for p in self.padding], self.size)
        flipped = swapped.flip(list(range(2, swapped.dim())))
        reach = [d * (k - 1) for d, k in zip(self.dilation, self.kernel, strict=True)]
        x = insert_zeros(self.grad, self.stride)
        left = [r - p for r, p in zip(reach, self.padding, strict=True)]
        total = [n + r for n, r in zip(self.size, reach, strict=True)]
        if min(left) >= 0 and all(
            t - have == 2 * p for t, have, p in zip(total, x.shape[2:], left, strict=True)
        ):
            return self._convolved(x, flipped, left, self.dilation)
        return self._convolved(pad_or_crop(x, left, total), flipped, self.zeros, self.dilation)

    def _convolved(
        self, x: Tensor, weight: Tensor, padding: Sequence[int], dilation: Sequence[int] = ()
    ) -> Tensor:
        ones = [1] * len(self.kernel)
        return aten.convolution.default(
            x, weight, None, ones, list(padding), list(dilation) or ones, False, self.zeros,
            self.groups,
        )  # fmt: skip


@dataclass
class _Phase:
    """The cells ``start + s·q`` of the input gradient; a list each by dimension."""

    remainder: list[int]  # k = s·m + remainder
    stride: list[int]
    left: list[int]  # cells before the output's first that the first of them meets
    size: list[int]  # cells that they all meet

    @classmethod
    def of(
        cls, starts: Sequence[int], kernel: Sequence[int], stride: Sequence[int],
        padding: Sequence[int], size: Sequence[int],
    ) -> _Phase | None:  # fmt: skip
        """None where a phase has no taps: its gradient is zero."""
        at = [a + p for a, p in zip(starts, padding, strict=True)]
        first, remainder = ([f(a, s) for a, s in zip(at, stride)] for f in (floordiv, mod))
        taps = [len(range(r, k, s)) for r, k, s in zip(remainder, kernel, stride)]
        left = [m - 1 - f for m, f in zip(taps, first)]
        cells = [-(-n // s) + m - 1 for n, s, m in zip(size, stride, taps)]
        return cls(remainder, list(stride), left, cells) if min(taps) > 0 else None

    def convolve(self, grad: Tensor, swapped: Tensor, groups: int) -> Tensor:
        for dim, (start, step) in enumerate(zip(self.remainder, self.stride), start=2):
            swapped = aten.slice.Tensor(swapped, dim, start, swapped.shape[dim], step)
        dims = list(range(2, swapped.dim()))
        ones, zeros = [1] * len(dims), [0] * len(dims)
        return aten.convolution.default(
            pad_or_crop(grad, self.left, self.size), swapped.flip(dims), None,
            ones, zeros, ones, False, zeros, groups,
        )  # fmt: skip


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
