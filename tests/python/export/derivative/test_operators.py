"""The table operator → derivative: every row, traced in forward operators, against autograd."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

import parts

torch = parts.require("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from tubecam.export.gradient.decompositions import decompositions  # noqa: E402
from tubecam.export.onnx.file import unknown_operators  # noqa: E402
from tubecam.export.torch_private import trace_with_shapes  # noqa: E402
from tubecam.export.trace.batch_norm_folding import fold_constants  # noqa: E402
from tubecam.export.trace.capture import capture  # noqa: E402
from tubecam.export.trace.recorder import plain_operators  # noqa: E402
from tubecam.export.trace.simplify import simplify  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
TIGHT = {"rtol": 1e-10, "atol": 1e-11}
CLIP = (1, 4, 4, 6, 5)
PICTURE = (2, 3, 6, 5)
VECTOR = (3, 7)

ADAPTIVE = {
    f"adaptive {kind} to {size}": (lambda x, f=function, s=size: f(x, s), CLIP)
    for kind, function in (("mean", F.adaptive_avg_pool3d), ("maximum", F.adaptive_max_pool3d))
    for size in ((1, 1, 1), (2, 3, 5), (4, 4, 4), (3, 5, 2), (5, 7, 6))
}
RESAMPLED = {
    f"{mode} {options}": (lambda x, m=mode, o=options: F.interpolate(x, mode=m, **o), shape)
    for mode, shape, size, factor in (
        ("nearest", CLIP, (5, 9, 4), 2), ("nearest-exact", CLIP, (3, 4, 11), 1.5),
        ("trilinear", CLIP, (6, 4, 7), 1.5), ("bilinear", PICTURE, (4, 11), 1.7),
        ("bicubic", PICTURE, (9, 3), 2), ("linear", (2, 3, 7), (5,), 1.3),
    )
    for options in ({"size": size}, {"scale_factor": factor},
                    {"scale_factor": factor, "recompute_scale_factor": True})
}  # fmt: skip
CORNERS = {
    f"{mode}, corners": (
        lambda x, m=mode: F.interpolate(x, scale_factor=2, mode=m, align_corners=True), shape
    )
    for mode, shape in (("trilinear", CLIP), ("bilinear", PICTURE), ("bicubic", PICTURE))
}  # fmt: skip
SMOOTHED = {
    mode: (lambda x, m=mode: F.interpolate(x, size=(3, 2), mode=m, antialias=True), PICTURE)
    for mode in ("bilinear", "bicubic")
}
EDGES = {
    f"{mode} {pads}": (lambda x, m=mode, p=pads: F.pad(x, p, m), CLIP)
    for mode in ("constant", "reflect", "replicate", "circular")
    for pads in ((1, 2, 0, 3, 2, 1), (0, 0, 1, 1, 0, 0))
}
EDGES["reflected pictures"] = (lambda x: F.pad(x, (2, 1, 3, 2), "reflect"), PICTURE)
EDGES["reflected sequences"] = (lambda x: F.pad(x, (3, 4), "reflect"), VECTOR)
EDGES["cropped"] = (lambda x: F.pad(x, (-1, 1, 2, -2)), PICTURE)


def windows(pool, **options):
    return lambda x: pool(x, (2, 3, 3), (1, 2, 2), (1, 1, 1), **options)


POOLS = {
    "maximum": windows(F.max_pool3d), "maximum, ceil": windows(F.max_pool3d, ceil_mode=True),
    "mean": windows(F.avg_pool3d), "mean, ceil": windows(F.avg_pool3d, ceil_mode=True),
    "mean, inside": windows(F.avg_pool3d, ceil_mode=True, count_include_pad=False),
    "mean, divisor": windows(F.avg_pool3d, divisor_override=4),
    "power mean": lambda x: F.lp_pool3d(x.abs() + 0.1, 3.0, 2),
}  # fmt: skip
POOLS = {f"{name} pool": (function, CLIP) for name, function in POOLS.items()}


def write(x):
    y = torch.zeros_like(x)
    y[:, :2, :-1] = x[:, :2, 1:]
    y[:, 2:] = 2 * x[:, 2:]
    y[:, ::2, 1:, ::3] *= 0.5
    y[..., -1] = 0.25
    return y


def attention(x):
    y = x @ x.transpose(-1, -2)
    y[..., 1:, 1:] += x[..., 1:, :1]
    return y.softmax(-1) @ x


WRITES = {
    "assignments": (write, CLIP),
    "sum in place": (attention, (1, 2, 5, 4)),
    "by index": (lambda x: x.index_put((torch.tensor([2, 0]),), x[:2] * 3), VECTOR),
    "by index, added": (
        lambda x: x.index_add(1, torch.tensor([1, 1, 4]), x[:, :3].cos()), VECTOR
    ),
    "read by index, repeated": (lambda x: x[:, [0, 3, 3, 3, 6]] ** 2, VECTOR),
    "read by pairs": (lambda x: x[[0, 2, 2], [1, 5, 5]] ** 2, VECTOR),
    "filled by index": (lambda x: x.index_fill(1, torch.tensor([2]), 0.5) ** 2, VECTOR),
    "diagonals": (lambda x: torch.diagonal(x, 1, -2, -1) ** 2, (2, 4, 5)),
    "diagonal matrices": (lambda x: torch.diag_embed(x) @ x.t(), VECTOR),
    "strides": (lambda x: x.t().as_strided((3, 2), (7, 3), 1) ** 2, VECTOR),
    "sliding": (lambda x: x.unfold(1, 3, 2) ** 2, VECTOR),
    "triangles": (lambda x: x.tril() * x.triu(-2), VECTOR),
    "rolled": (lambda x: x.roll((1, -2), (0, 1)) * x.flip(1), VECTOR),
}  # fmt: skip
CHOICES = {
    "maximum of an axis": (lambda x: x.max(1).values ** 2, VECTOR),
    "minimum of all": (lambda x: x * x.min(), VECTOR),
    "top three": (lambda x: x.topk(3, 1).values.exp(), VECTOR),
    "sorted": (lambda x: x.sort(1).values * torch.arange(7.0).to(x), VECTOR),
    "greater of two": (lambda x: torch.maximum(x, x.flip(1)) * x, VECTOR),
    "masks": (lambda x: x * ((x > 0) & (x < 1) | ~(x > -1)), VECTOR),
    "where": (lambda x: torch.where(x > 0, x.exp(), x * x), VECTOR),
}  # fmt: skip
NORMS = {
    "layer": lambda x: F.layer_norm(
        x, x.shape[3:], torch.arange(1.0, 31).reshape(6, 5).to(x), None
    ),
    "group": lambda x: F.group_norm(x, 2, torch.arange(1.0, 5).to(x), torch.ones(4).to(x)),
    "instance": lambda x: F.instance_norm(x, weight=torch.arange(1.0, 5).to(x)),
    "batch": lambda x: F.batch_norm(x[0], None, None, torch.arange(1.0, 5).to(x), training=True),
    "root mean square": lambda x: F.rms_norm(x, x.shape[4:]),
    "local response": lambda x: F.local_response_norm(x, 3),
    "unit length": lambda x: F.normalize(x.flatten(2), dim=-1),
    "one-norm": lambda x: x.flatten(2).norm(p=1, dim=-1),
    "three-norm": lambda x: x.flatten(2).norm(p=3, dim=-1),
    "greatest": lambda x: x.flatten(2).norm(p=float("inf"), dim=-1),
    "deviation": lambda x: x.std((2, 3, 4)),
    "variance": lambda x: x.var(1, unbiased=False),
    "logsumexp": lambda x: x.logsumexp((2, 3)),
    "running sum": lambda x: x.cumsum(2) ** 2,
    "log-softmax": lambda x: x.log_softmax(1) * x,
}
NORMS = {name: (function, CLIP) for name, function in NORMS.items()}
ACTIVATIONS = {
    function.__name__: (lambda x, f=function: f(2 * x) * x, VECTOR)
    for function in (
        F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.hardswish, F.hardtanh, F.relu6,
        F.softplus, F.softsign, F.logsigmoid, F.hardshrink, F.softshrink, F.tanhshrink,
        F.leaky_relu, torch.expm1, torch.exp2, torch.erf, torch.sigmoid,
    )
}  # fmt: skip


def kernel_of(x):
    """[6, 2, 3, 2]"""
    return torch.stack([x[0, 0, :3, :2] * (i + 1) for i in range(12)]).reshape(6, 2, 3, 2)


CONVOLUTIONS = {
    "computed kernel": lambda x: F.conv2d(
        x[:1, :1].repeat(1, 4, 1, 1), kernel_of(x), x[0, 0, 0].mean().expand(6), 2, (1, 0), 1, 2
    ),
    "computed kernel, dilated": lambda x: F.conv2d(x[:, :2], kernel_of(x), None, 1, 2, (1, 2)),
    "transposed": lambda x: F.conv_transpose2d(x[:, :2], kernel_of(x).detach()[:2], None, 1, 1),
    "transposed, strided": lambda x: F.conv_transpose2d(
        x[:, :2], torch.arange(36.0).to(x).reshape(2, 3, 3, 2) / 9, torch.ones(3).to(x),
        (2, 3), (1, 0), (1, 2),
    ),
}  # fmt: skip
CONVOLUTIONS = {name: (function, PICTURE) for name, function in CONVOLUTIONS.items()}
TABLE = {
    **ADAPTIVE, **RESAMPLED, **CORNERS, **{f"smoothed {k}": v for k, v in SMOOTHED.items()},
    **{f"{k} edges": v for k, v in EDGES.items()}, **POOLS, **WRITES, **CHOICES, **NORMS,
    **ACTIVATIONS, **CONVOLUTIONS,
}  # fmt: skip


class Model(nn.Module):
    """The function as a model: numbers → values [1, K]."""

    def __init__(self, function, shape):
        super().__init__()
        self.function, self.shape = function, shape

    def forward(self, x):
        return self.function(x.reshape(self.shape)).reshape(1, -1)


def pulled(function, x, seed):
    """f(x), gᵀ ∂f/∂x for some g."""
    y, pull = torch.func.vjp(function, x)
    return y, pull(torch.sin(seed * torch.arange(1, y.numel() + 1)).reshape(y.shape))[0]


def written(function, shape):
    """The function and its derivative in forward operators, as an export traces them."""
    x = torch.ones(1, 1, math.prod(shape), 1, 1, dtype=torch.float64)
    captured = capture(Model(function, shape), x, time_first=True)
    fold_constants(captured.module)
    with plain_operators():
        graph = trace_with_shapes(
            lambda x, seed: pulled(captured.module, x, seed),
            decompositions(lambda *geometry: "convolution"), x, x.new_ones(()),
        )  # fmt: skip
    simplify(graph)
    fold_constants(graph)
    return graph


@pytest.mark.parametrize("row", TABLE)
def test_a_row_equals_autograd(row):
    function, shape = TABLE[row]
    graph, model = written(function, shape), Model(function, shape)
    assert unknown_operators(graph) == []
    random = torch.Generator().manual_seed(11)
    seed = torch.tensor(0.7, dtype=torch.float64)
    for rounded in (False, True):  # with equal values, of which one has to be chosen
        x = torch.randn(1, 1, math.prod(shape), 1, 1, generator=random, dtype=torch.float64)
        x = (x * 2).round() / 2 if rounded and row not in UNEQUAL else x
        for got, want in zip(graph(x, seed), pulled(model, x, seed), strict=True):
            torch.testing.assert_close(got, want, **TIGHT)


# Where values are equal torch gives each a share, or its kernels choose in an order of their own.
UNEQUAL = {"sorted", "top three", "greatest", "three-norm"}


def test_normalisations_are_one_operator_forwards():
    for name, operator in (("layer", "layer_norm"), ("group", "instance_norm")):
        graph = written(lambda x, f=NORMS[name][0]: f(x).detach() + x, CLIP)
        names = [str(node.target) for node in graph.graph.nodes]
        assert f"aten.{operator}.default" in names and "aten.rsqrt.default" not in names


def test_forms_are_known_before_anything_was_converted():
    """In a process of its own: torch's converter learns of most of them when it first runs."""
    code = (
        "import torch\n"
        "from tubecam.export.torch_private import trace_with_shapes\n"
        "from tubecam.export.onnx.file import unknown_operators\n"
        "from tubecam.export.trace.simplify import simplify\n"
        "sample = lambda x, at: torch.nn.functional.grid_sample(x, at, align_corners=False)\n"
        "graph = trace_with_shapes(sample, {}, torch.ones(1, 1, 4, 4), torch.ones(1, 4, 4, 2))\n"
        "simplify(graph)\n"
        "assert unknown_operators(graph) == [], unknown_operators(graph)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
