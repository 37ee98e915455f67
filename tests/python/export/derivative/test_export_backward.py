"""Backward operators in forward ones, against autograd in float64."""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

import torch.nn.functional as F  # noqa: E402

from tubecam.export.gradient import (  # noqa: E402
    adaptive_pool_backward,
    conv_backward,
    convolution,
    pool_backward,
    slice_backward,
)

TIGHT = {"rtol": 1e-11, "atol": 1e-12}


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def gradient(function, x, grad):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x), x, grad)[0]


# in, out, groups, kernel, stride, padding, dilation, size
CONVOLUTIONS = [
    (3, 4, 1, (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), (5, 6, 7)),
    (4, 6, 2, (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1), (5, 8, 7)),
    (4, 4, 4, (1, 3, 3), (1, 2, 2), (0, 1, 1), (1, 1, 1), (3, 9, 8)),
    (4, 6, 1, (3, 1, 2), (2, 1, 3), (1, 0, 1), (1, 1, 1), (8, 4, 11)),
    (4, 6, 1, (1, 1, 1), (2, 2, 2), (0, 0, 0), (1, 1, 1), (5, 6, 7)),
    (2, 4, 2, (2, 3, 2), (1, 2, 2), (2, 0, 1), (2, 2, 3), (6, 9, 10)),
    (3, 2, 1, (2, 2, 2), (3, 3, 3), (0, 0, 0), (1, 1, 1), (7, 8, 11)),  # rows that no window sees
    (3, 2, 1, (3, 3), (2, 1), (2, 3), (1, 1), (7, 8)),  # padding wider than the kernel's reach
    (3, 6, 3, (5,), (2,), (2,), (1,), (17,)),
]


FORMS = [
    (case, form)
    for case in CONVOLUTIONS
    for form in conv_backward.FORMS
    if form not in ("interleaved", "phases") or max(case[6]) == 1  # not offered for dilated kernels
]


@pytest.mark.parametrize(("case", "form"), FORMS)
def test_convolution_input_gradient_equals_autograd(case, form):
    inputs, outputs, groups, kernel, stride, padding, dilation, size = case
    x = random(1, inputs, *size)
    weight = random(outputs, inputs // groups, *kernel)
    conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(size)]

    def forward(x):
        return conv(x, weight, None, stride, padding, dilation, groups)

    grad = random(*forward(x).shape)
    got = conv_backward.conv_input_gradient(
        grad, weight, size, stride, padding, dilation, groups, form
    )
    torch.testing.assert_close(got, gradient(forward, x, grad), **TIGHT)


def test_transposed_convolution_gradient_equals_autograd():
    weight = random(4, 3, 3, 3, 3)
    x = random(1, 4, 3, 4, 5)

    def forward(x):
        return F.conv_transpose3d(x, weight, None, 2, 1, (1, 0, 1), 1, 1)

    grad = random(*forward(x).shape)
    decompose = convolution.convolution_backward(lambda *geometry: "convolution")
    got, _, _ = decompose(
        grad, x, weight, None, [2, 2, 2], [1, 1, 1], [1, 1, 1], True, [1, 0, 1], 1,
        [True, False, False],
    )  # fmt: skip
    torch.testing.assert_close(got, gradient(forward, x, grad), **TIGHT)


# kernel, stride, padding, dilation, ceil mode, size
MAX_POOLS = [
    ((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), False, (4, 6, 8)),
    ((3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1), False, (5, 6, 7)),
    ((1, 3, 3), (1, 2, 2), (0, 1, 1), (1, 1, 1), True, (3, 8, 9)),
    ((3, 2, 3), (1, 1, 3), (1, 0, 0), (1, 2, 1), False, (5, 6, 10)),
    ((2, 2, 2), (3, 3, 3), (0, 0, 0), (1, 1, 1), False, (7, 8, 9)),
    ((3, 3), (2, 2), (1, 1), (1, 1), True, (7, 10)),
]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("case", MAX_POOLS)
def test_max_pool_gradient_equals_autograd(case, ties):
    kernel, stride, padding, dilation, ceil_mode, size = case
    pool = F.max_pool2d if len(size) == 2 else F.max_pool3d
    x = random(2, 3, *size)
    if ties:  # whole windows of equal values: the first cell takes all
        x = (x * 0.8).round()

    def forward(x):
        return pool(x, kernel, stride, padding, dilation, ceil_mode)

    grad = random(*forward(x).shape)
    got = pool_backward.max_pool_backward(
        grad, x, list(kernel), list(stride), list(padding), list(dilation), ceil_mode, None
    )
    torch.testing.assert_close(got, gradient(forward, x, grad), **TIGHT)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_pad", [False, True])
@pytest.mark.parametrize("divisor", [None, 5])
def test_average_pool_gradient_equals_autograd(ceil_mode, count_pad, divisor):
    x = random(1, 2, 5, 8, 9)
    settings = ([2, 3, 3], [1, 2, 3], [1, 1, 0], ceil_mode, count_pad, divisor)

    def forward(x):
        return F.avg_pool3d(x, *settings)

    grad = random(*forward(x).shape)
    got = pool_backward.avg_pool_backward(grad, x, *settings)
    torch.testing.assert_close(got, gradient(forward, x, grad), **TIGHT)


@pytest.mark.parametrize("output", [(1, 1, 1), (2, 3, 4), (3, 5, 2), (5, 8, 9)])
def test_adaptive_average_pool_and_gradient_equal_torch(output):
    x = random(1, 2, 5, 8, 9)

    def forward(x):
        return F.adaptive_avg_pool3d(x, output)

    torch.testing.assert_close(adaptive_pool_backward.average(x, output), forward(x), **TIGHT)
    grad = random(*forward(x).shape)
    got = adaptive_pool_backward.average_backward(grad, x)
    torch.testing.assert_close(got, gradient(forward, x, grad), **TIGHT)


@pytest.mark.parametrize(
    "padding", [(1, 2, 0, 3, 2, 0), (0, 0, 1, 1, 0, 0), (3, 0, 0, 0, 4, 5), (2, 1, 3, 0)]
)
@pytest.mark.parametrize("size", [(4, 5, 6), (1, 2, 1)])
def test_repeated_edges_collect_what_they_received(padding, size):
    x = random(1, 2, *size) if len(padding) == 6 else random(1, 2, *size[1:])

    def forward(x):
        return F.pad(x, padding, "replicate")

    grad = random(*forward(x).shape)
    got = slice_backward.replication_pad_backward(grad, x, padding)
    torch.testing.assert_close(got, gradient(forward, x, grad), **TIGHT)


def test_the_gradient_of_a_hard_sigmoid():
    from tubecam.export.gradient.decompositions import _hardsigmoid_backward

    x, grad = 4 * random(40), random(40)
    got = _hardsigmoid_backward(grad, x)
    # As it is defined: torch's own gradient takes a sixth that is rounded to float32.
    want = gradient(lambda v: (v / 6 + 0.5).clamp(0, 1), x, grad)
    torch.testing.assert_close(got, want, **TIGHT)
