"""Transposed convolutions; the gradients of a convolution: of input, of a computed kernel.

A transposed convolution is the gradient of a convolution's input, so both have the same forms.
OpenVINO 2026.4.1 gives wrong values for some transposed convolutions (stride 1 with padding).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import ExportError
from .conv_backward import FormChooser, conv_input_gradient, spread
from .pool_backward import sliding

aten = torch.ops.aten


def convolution(choose: FormChooser) -> Callable[..., Any]:
    """Decomposition of a transposed ``aten.convolution``; any other stays what it is."""

    def decompose(x: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
        stride, padding, dilation, transposed, output_padding, groups = geometry
        if not transposed:
            return NotImplemented
        d = x.dim() - 2
        stride, padding, dilation, more = (
            spread(v, d) for v in (stride, padding, dilation, output_padding)
        )
        size = [
            (x.shape[2 + i] - 1) * stride[i] - 2 * padding[i]
            + dilation[i] * (weight.shape[2 + i] - 1) + more[i] + 1
            for i in range(d)
        ]  # fmt: skip
        places = (size, stride, padding, dilation, groups)
        form = choose(tuple(x.shape), tuple(weight.shape), *places)
        y = conv_input_gradient(x, weight, *places, form)
        return y if bias is None else y + bias.reshape([1, -1] + [1] * d)

    return decompose


def convolution_backward(choose: FormChooser) -> Callable[..., Any]:
    """Decomposition of ``aten.convolution_backward``; `choose` names the form of each call."""

    def decompose(
        grad: Tensor, x: Tensor, weight: Tensor, bias_sizes: Any, *rest: Any
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        stride, padding, dilation, transposed, _, groups, output_mask = rest
        d = x.dim() - 2
        stride, padding, dilation = (spread(v, d) for v in (stride, padding, dilation))
        of_input, of_kernel, of_bias = output_mask
        if of_kernel and transposed:
            raise ExportError(
                "the kernel of a transposed convolution is computed from the clip, and has no "
                "gradient here."
            )
        geometry = (stride, padding, dilation, groups)
        given = kernel = None
        if of_input and transposed:
            given = aten.convolution.default(
                grad, weight, None, stride, padding, dilation, False, [0] * d, groups
            )
        elif of_input:
            places = (list(x.shape[2:]), *geometry)
            form = choose(tuple(grad.shape), tuple(weight.shape), *places)
            given = conv_input_gradient(grad, weight, *places, form)
        if of_kernel:
            kernel = conv_kernel_gradient(grad, x, list(weight.shape[2:]), *geometry)
        bias = grad.sum([0, *range(2, 2 + d)]) if of_bias else None
        return given, kernel, bias

    return decompose


def conv_kernel_gradient(
    grad: Tensor, x: Tensor, kernel: Sequence[int], stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], groups: int,
) -> Tensor:  # fmt: skip
    """[out, in/groups, k…]: for each tap, what it saw times the gradient of what came of it.

    Written for few taps: there is one matrix product for each.
    """
    outputs, inputs = grad.shape[1] // groups, x.shape[1] // groups
    taps = list(itertools.product(*map(range, kernel)))
    seen = sliding(x, taps, list(grad.shape[2:]), stride, padding, dilation, 0.0)
    given = _by_group(grad, groups, outputs)
    found = [torch.matmul(given, _by_group(view, groups, inputs).transpose(1, 2)) for view in seen]
    return torch.stack(found, -1).reshape([groups * outputs, inputs, *kernel])


def _by_group(x: Tensor, groups: int, channels: int) -> Tensor:
    """[N, groups·channels, n…] → [groups, channels, N·n…]."""
    cells = math.prod(x.shape[2:])
    x = x.reshape([x.shape[0], groups, channels, cells]).permute([1, 2, 0, 3])
    return x.reshape([groups, channels, -1])
