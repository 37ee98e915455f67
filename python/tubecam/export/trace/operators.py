"""What kind of operator a node is: the rows of the table operator × rule.

Names decide where an operator has a meaning of its own. Every other one is tried out
(``operator_probe.py``): what moves values, sums or interpolates is linear under whatever name.
"""

from __future__ import annotations

import operator

import torch
from torch import fx

from .graph import ancestors
from .nodes import base_name, shape_of, tensors_of
from .operator_probe import probed

aten = torch.ops.aten

CONVOLUTION, DENSE, RELU, RESCALED, POWER, GATE, INVERSE, SHARES = (
    "convolution", "dense", "relu", "rescaled", "power", "gate", "inverse", "softmax",
)  # fmt: skip
PRODUCT, QUOTIENT, MAXIMUM, HOMOGENEOUS, LINEAR, STEP = (
    "product", "quotient", "maximum", "homogeneous", "linear", "step",
)  # fmt: skip

# Operators with weights: where they take input, weight and bias, as often as either side may be the
# weight.
WEIGHTED = {
    aten.convolution.default: [(0, 1, 2)],
    aten.addmm.default: [(1, 2, 0), (2, 1, 0)],
    aten.mm.default: [(0, 1, None), (1, 0, None)],
    aten.bmm.default: [(0, 1, None), (1, 0, None)],
    aten.linear.default: [(0, 1, 2)],
}
_NAMES = {
    RELU: {"relu"},
    # f(0) = 0, so that f(x)/x is the slope of the line through the origin.
    RESCALED: {
        "silu", "gelu", "hardswish", "elu", "celu", "tanh", "hardtanh", "mish",
        "leaky_relu", "_prelu_kernel", "erf",
    },
    POWER: {"sqrt"},
    # f(0) is another number: in a product they say how much of the other factor passes.
    GATE: {"sigmoid", "hardsigmoid", "exp", "softplus"},
    INVERSE: {"rsqrt", "reciprocal"},  # no number at zero
    SHARES: {"_softmax", "_safe_softmax", "softmax"},
    STEP: {"sign", "sgn", "floor", "ceil", "round", "trunc", "heaviside"},  # constant in between
    QUOTIENT: {"div"},
    PRODUCT: {"mul", "bmm", "mm", "convolution"},
    MAXIMUM: {
        "amax", "maximum", "max", "max_pool2d_with_indices", "max_pool3d_with_indices",
        "adaptive_max_pool2d", "adaptive_max_pool3d",
    },
    HOMOGENEOUS: {"logsumexp"},  # nearly: a soft maximum
    # Relevance follows the derivative, each input by its contribution.
    LINEAR: {
        "add", "sub", "rsub", "neg", "mean", "sum", "cumsum", "where",
        "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d",
        "upsample_nearest2d", "upsample_nearest3d", "upsample_bilinear2d", "upsample_trilinear3d",
        "masked_fill",
    },
}  # fmt: skip
# Linear too: each value keeps itself, in another place or in several.
_REARRANGE = {
    "cat", "stack", "view", "_unsafe_view", "reshape", "permute", "transpose", "t", "expand",
    "squeeze", "unsqueeze", "select", "slice", "split", "split_with_sizes", "unsafe_split",
    "unbind", "chunk", "flip", "roll", "index_select", "index", "repeat", "unfold", "clone",
    "alias", "_to_copy", "pixel_shuffle", "pixel_unshuffle",
    "constant_pad_nd", "replication_pad2d", "replication_pad3d", "reflection_pad2d",
    "reflection_pad3d", "getitem",
}  # fmt: skip
_NAMES[LINEAR] |= _REARRANGE
_KEEP_SIGN = (_NAMES[LINEAR] | _NAMES[MAXIMUM] | {"mul", "div"}) - {"sub", "rsub", "neg"}
_NEVER_BELOW = {"relu", "exp", "abs", "sqrt"} | _NAMES[GATE] | _NAMES[SHARES]


def kind_of(node: fx.Node, moving: list[fx.Node]) -> str | None:
    """The operator's kind, None for one that no rule is known for.

    `moving` are its inputs that depend on the clip.
    """
    name = base_name(node)
    if weight_places(node, moving) is not None:
        convolves = node.target is aten.convolution.default and not _fully_connected(node)
        return CONVOLUTION if convolves else DENSE
    if name == "div" and len(moving) == 1:
        return LINEAR if moving == [node.args[0]] else INVERSE
    if name == "pow":
        return _power(node, moving)
    if name in ("clamp", "clamp_min", "clamp_max"):
        return probed(node, moving)  # by its limits
    named = next((kind for kind, names in _NAMES.items() if name in names), None)
    return named or probed(node, moving)


def weight_places(node: fx.Node, moving: list[fx.Node]) -> tuple[int, int, int | None] | None:
    """Where an operator with constant weights takes input, weight and bias; None for any other."""
    for places in WEIGHTED.get(node.target, ()):
        if moving == [node.args[places[0]]]:
            return places
    return None


def _power(node: fx.Node, moving: list[fx.Node]) -> str | None:
    """xᵖ is f(x)/x = xᵖ⁻¹ times x where p > 0; a base that is constant makes an exponential."""
    base, exponent = node.args
    if moving == [exponent]:
        return GATE
    if isinstance(exponent, fx.Node):
        if exponent in moving or exponent.op != "get_attr":
            return None
        exponent = float(getattr(node.graph.owning_module, str(exponent.target)).min())
    return POWER if exponent > 0 else INVERSE


def _fully_connected(node: fx.Node) -> bool:
    """Whether a convolution is a linear layer: its kernel is as large as the picture that it gets.

    Heads are written so behind their pooling (I3D, X3D, MoViNet), where nothing slides in space.
    """
    (*_, height, width), kernel = shape_of(node.args[0]), shape_of(node.args[1])[2:]
    one = {*shape_of(node)[-2:]} == {1} and not any(node.args[4])
    return one and kernel[-2:] == (height, width) and set(kernel[:-2]) <= {1}


def never_negative(captured_nodes: list[fx.Node]) -> set[fx.Node]:
    """Nodes whose values cannot be below zero, whatever the clip."""
    known: set[fx.Node] = set()
    for node in captured_nodes:
        name, inputs = base_name(node), node.all_input_nodes
        keeps = node.target is operator.getitem or name in _KEEP_SIGN
        lifted = all(a >= 0 for a in _numbers(node)) and all(n in known for n in inputs)
        if name in _NEVER_BELOW or (keeps and inputs and lifted):
            known.add(node)
    return known


def _numbers(node: fx.Node) -> list[float]:
    """What is added, multiplied or padded with."""
    adds = base_name(node) in {"add", "mul", "div", "constant_pad_nd", "masked_fill"}
    every = [*node.args, *node.kwargs.values()]
    return [a for a in every if isinstance(a, (int, float))] if adds else []


def raw_nodes(moving: list[fx.Node]) -> set[fx.Node]:
    """Those of `moving`, which begins with the clip, that hold the clip's own values, rearranged.

    A concatenation with anything else is none of them.
    """
    clip, *others = moving
    raw = {clip}
    for node in others:
        inputs = [n for n in node.all_input_nodes if n in moving]
        if base_name(node) in _REARRANGE and all(n in raw for n in inputs):
            raw.add(node)
    return raw


def carries(node: fx.Node) -> bool:
    """Whether a value, or one of an operator's values, can have a derivative."""
    return bool(tensors_of(node, floating=True))


def moving_nodes(clip: fx.Node, result: fx.Node) -> list[fx.Node]:
    """What lies between the clip and the result, in the order of execution.

    Comparisons and whole numbers are left out: they choose, and carry no derivative.
    """
    needed = ancestors(result)
    moves = {clip}
    for node in clip.graph.nodes:
        if node in needed and carries(node) and any(n in moves for n in node.all_input_nodes):
            moves.add(node)
    return [n for n in clip.graph.nodes if n in moves]
