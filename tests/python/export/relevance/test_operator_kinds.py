"""Kinds of operators that no table names, found by trying them; composites in parts."""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from lrp_networks import captured_of  # noqa: E402
from tubecam.export.relevance.composites import take_apart  # noqa: E402
from tubecam.export.trace.graph import run_nodes  # noqa: E402
from tubecam.export.trace.nodes import base_name  # noqa: E402
from tubecam.export.trace.operator_probe import probed  # noqa: E402
from tubecam.export.trace.operators import kind_of, moving_nodes  # noqa: E402

SHAPE = (1, 4, 3, 8, 8)
SCALES = torch.linspace(-1, 2, 128).reshape(2, 8, 8)


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x).flatten()[None].mean(1, keepdim=True) * torch.ones(1, 2)


def node_of(function, name):
    """The operator of that name, and what of it depends on the clip."""
    captured = captured_of(Function(function).eval(), torch.randn(SHAPE))
    moving = moving_nodes(captured.clip, captured.logits)
    (node,) = (n for n in moving if base_name(n) == name)
    return node, [n for n in node.all_input_nodes if n in moving]


KINDS = {
    "tril": (torch.tril, "linear"),
    "unfold": (lambda x: x.unfold(3, 4, 2), "linear"),
    "_upsample_nearest_exact3d": (
        lambda x: F.interpolate(x, size=(3, 5, 5), mode="nearest-exact"), "linear"
    ),
    "index_select": (lambda x: x.diagonal(dim1=3, dim2=4), "linear"),  # as a trace has it
    "masked_fill": (lambda x: x.masked_fill(torch.eye(8, dtype=torch.bool), 2.0), "linear"),
    "where": (lambda x: torch.where(x > 0, x, 0.1 * x), "linear"),
    "sin": (torch.sin, "rescaled"),
    "abs": (torch.abs, "rescaled"),
    "log1p": (lambda x: torch.log1p(x.abs()), "rescaled"),
    "hardshrink": (F.hardshrink, "rescaled"),
    "cos": (torch.cos, "gate"),
    "cosh": (torch.cosh, "gate"),
    "topk": (lambda x: x.topk(3, -1)[0], "homogeneous"),
    "hypot": (lambda x: torch.hypot(x, x.flip(2)), "homogeneous"),
    "atan2": (lambda x: torch.atan2(x, x.flip(2)), None),
    "log": (lambda x: torch.log(x.abs() + 1), None),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_an_operator_shows_its_kind(name):
    function, kind = KINDS[name]
    node, moving = node_of(function, name)
    assert probed(node, moving) == kind


LIMITS = [
    (lambda x: x.clamp(min=0), "clamp", "rescaled"),
    (lambda x: x.clamp(-1, 2), "clamp", "rescaled"),
    (lambda x: x.clamp(min=0.1), "clamp", "gate"),  # f(0) is another number
    (lambda x: x**3, "pow", "power"),
    (lambda x: (x.abs() + 1) ** -0.5, "pow", "inverse"),
    (lambda x: 2**x, "pow", "gate"),
    (lambda x: x / 3, "div", "linear"),
    (lambda x: 3 / (x * x + 1), "reciprocal", "inverse"),
]


@pytest.mark.parametrize(("function", "name", "kind"), LIMITS)
def test_numbers_among_its_arguments_decide(function, name, kind):
    assert kind_of(*node_of(function, name)) == kind


COMPOSITES = {
    "native_layer_norm": lambda x: F.layer_norm(x, (8, 8), *SCALES),
    "native_group_norm": lambda x: F.group_norm(x, 3, *SCALES[:, 0, :3]),
    "_native_batch_norm_legit": lambda x: F.batch_norm(x, None, None, training=True),
    "glu": lambda x: F.glu(x, -1),
    "var": lambda x: x.var((1, 2), keepdim=True),
    "std": lambda x: x.std((0, 3), unbiased=False),
    "linalg_vector_norm": lambda x: x.norm(dim=1) + torch.linalg.vector_norm(x, 1, 1),
    "baddbmm": lambda x: torch.baddbmm(x[0, :, 0], x[0, :, 1], x[0, :, 1].mT, beta=0.5, alpha=2),
    "lerp": lambda x: torch.lerp(x, x.flip(2), torch.sigmoid(x)),
    "addcmul": lambda x: torch.addcmul(x, x.flip(2), x, value=3),
    "minimum": lambda x: torch.minimum(x, x.flip(3)),
    "max": lambda x: x.max(3)[0] + x.max(),
    "min": lambda x: x.min(3, keepdim=True)[0],
    "_log_softmax": lambda x: F.log_softmax(x, 1),
    "log_sigmoid_forward": F.logsigmoid,
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_parts_give_what_the_composite_gave(name):
    torch.manual_seed(2)
    captured = captured_of(Function(COMPOSITES[name]).eval(), torch.randn(SHAPE))
    graph = captured.module.graph
    assert any(base_name(n) == name for n in graph.nodes if n.op == "call_function")

    def value(x):
        values = {captured.clip: x}
        run_nodes(captured.module, graph.nodes, values, torch.float64)
        return values[captured.logits]

    x = torch.randn(SHAPE, dtype=torch.float64)
    want = value(x)
    take_apart(captured)
    assert not any(base_name(n) == name for n in graph.nodes if n.op == "call_function")
    torch.testing.assert_close(value(x), want, rtol=1e-12, atol=1e-12)
    assert all("val" in n.meta for n in graph.nodes if n.op == "call_function")


@pytest.mark.parametrize("shifted", [False, True])
def test_a_softmax_that_is_written_out_is_one(shifted):
    def by_hand(x):
        scores = x - x.amax(-1, keepdim=True) if shifted else x
        weights = scores.exp()
        return weights / weights.sum(-1, keepdim=True)

    captured = captured_of(Function(lambda x: by_hand(x) * x).eval(), torch.randn(SHAPE))
    take_apart(captured)
    names = {base_name(n) for n in captured.module.graph.nodes if n.op == "call_function"}
    assert "_softmax" in names and not names & {"exp", "amax", "div"}
