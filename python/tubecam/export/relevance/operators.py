"""What kind of operator a node is: the rows of the table operator × rule."""

from __future__ import annotations

import operator

import torch
from torch import fx

from ..layers import ancestors
from ..nodes import operator_name as base_name
from ..nodes import shape_of, tensors_of

aten = torch.ops.aten

CONVOLUTION, DENSE, RELU, RESCALED, GATE, SHARES, PRODUCT, QUOTIENT, MAXIMUM, LINEAR = (
    "convolution", "dense", "relu", "rescaled", "gate", "softmax", "product", "quotient", "maximum",
    "linear",
)  # fmt: skip

# Beyond convolution: operators with weights, and where they take input, weight and bias.
DENSE_ARGUMENTS = {
    aten.addmm.default: (1, 2, 0),
    aten.mm.default: (0, 1, None),
    aten.bmm.default: (0, 1, None),
    aten.linear.default: (0, 1, 2),
}
_NAMES = {
    RELU: {"relu"},
    # f(0) = 0, so that f(x)/x is the slope of the line through the origin.
    RESCALED: {
        "silu", "gelu", "hardswish", "elu", "tanh", "hardtanh", "mish", "clamp", "leaky_relu",
    },
    GATE: {"sigmoid", "hardsigmoid"},
    SHARES: {"_softmax", "_safe_softmax", "softmax"},
    QUOTIENT: {"div"},
    PRODUCT: {"mul", "bmm", "mm"},
    MAXIMUM: {
        "amax", "maximum", "max", "max_pool2d_with_indices", "max_pool3d_with_indices",
        "adaptive_max_pool2d", "adaptive_max_pool3d",
    },
    # Relevance follows the derivative, each input by its contribution.
    LINEAR: {
        "add", "sub", "rsub", "neg", "mean", "sum",
        "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d",
        "upsample_nearest2d", "upsample_nearest3d", "upsample_bilinear2d", "upsample_trilinear3d",
    },
}  # fmt: skip
# Linear too: each value keeps itself, in another place or in several.
_REARRANGE = {
    "cat", "stack", "view", "_unsafe_view", "reshape", "permute", "transpose", "t", "expand",
    "squeeze", "unsqueeze", "select", "slice", "split", "split_with_sizes", "unsafe_split",
    "unbind", "chunk", "flip", "roll", "index_select", "clone", "alias", "_to_copy",
    "constant_pad_nd", "replication_pad2d", "replication_pad3d", "reflection_pad2d",
    "reflection_pad3d", "getitem",
}  # fmt: skip
_NAMES[LINEAR] |= _REARRANGE
_GATES = _NAMES[GATE] | _NAMES[SHARES]
_KEEP_SIGN = (_NAMES[LINEAR] | _NAMES[MAXIMUM] | {"mul", "div"}) - {"sub", "rsub", "neg"}


def kind_of(node: fx.Node, moving: list[fx.Node]) -> str | None:
    """The operator's kind, None for one that no rule is known for.

    `moving` are its inputs that depend on the clip.
    """
    name = base_name(node)
    if node.target is aten.convolution.default:
        known = DENSE if _fully_connected(node) else CONVOLUTION
        return known if moving == [node.args[0]] else None
    if node.target in DENSE_ARGUMENTS and moving == [node.args[DENSE_ARGUMENTS[node.target][0]]]:
        return DENSE
    if name == "div" and moving == [node.args[0]]:
        return LINEAR
    return next((kind for kind, names in _NAMES.items() if name in names), None)


def _fully_connected(node: fx.Node) -> bool:
    """Whether a convolution is a linear layer: its kernel is as large as the picture that it gets.

    Heads are written so behind their pooling (I3D, X3D, MoViNet), where nothing slides in space.
    """
    (*_, height, width), kernel = shape_of(node.args[0]), shape_of(node.args[1])[2:]
    one = {*shape_of(node)[-2:]} == {1} and not any(node.args[4])
    return one and kernel[-2:] == (height, width) and set(kernel[:-2]) <= {1}


def is_gate(node: fx.Node) -> bool:
    """Whether a value comes from a squashing function, through nothing but changes of shape."""
    while base_name(node) not in _GATES:
        inputs = node.all_input_nodes
        if len(inputs) != 1 or base_name(node) not in _NAMES[LINEAR] | _NAMES[MAXIMUM]:
            return False
        node = inputs[0]
    return True


def never_negative(captured_nodes: list[fx.Node]) -> set[fx.Node]:
    """Nodes whose values cannot be below zero, whatever the clip."""
    known: set[fx.Node] = set()
    for node in captured_nodes:
        name, inputs = base_name(node), node.all_input_nodes
        squashed = name == "relu" or name in _GATES
        keeps = node.target is operator.getitem or name in _KEEP_SIGN
        lifted = all(a >= 0 for a in _numbers(node)) and all(n in known for n in inputs)
        if squashed or (keeps and inputs and lifted):
            known.add(node)
    return known


def _numbers(node: fx.Node) -> list[float]:
    """What is added, multiplied or padded with."""
    adds = base_name(node) in {"add", "mul", "div", "constant_pad_nd"}
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
