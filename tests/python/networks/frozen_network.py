"""A second way to CP-LRP: gradient × input of a network whose gates were frozen, by autograd.

What counts as a constant is detached, and an activation is its own ratio f(x)/x times x (Ali et al.
2022; Achtibat et al. 2024, section 3). No multiplier is passed by hand, and norms stay whole.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx

from tubecam.export.relevance.propagate import Relevance
from tubecam.export.trace.nodes import base_name

# Elementwise, by their value at zero.
ACTIVATIONS = {
    "silu", "gelu", "hardswish", "elu", "celu", "tanh", "hardtanh", "mish", "clamp", "leaky_relu",
    "_prelu_kernel", "erf", "sigmoid", "hardsigmoid", "exp", "softplus", "sqrt", "pow", "abs",
    "sin", "cos", "atan", "log1p", "expm1", "threshold", "hardshrink", "softshrink", "relu",
    "log_sigmoid_forward",
}  # fmt: skip
PRODUCTS = {"mul", "bmm", "mm", "div"}
SOFTMAX = {"_softmax", "_safe_softmax"}
NORMS = {"native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit"}
TINY = 1e-30


class Frozen(fx.Interpreter):
    """Runs a captured graph in float64; what counts as a product's gate is told by `relevance`."""

    def __init__(self, module: fx.GraphModule, relevance: Relevance) -> None:
        super().__init__(module)
        self.factors = {
            node.name: [i for i, a in enumerate(node.args) if a in sources]
            for node, sources in relevance.inputs.items()
        }

    def run_node(self, node: fx.Node) -> object:
        if node.op == "get_attr":
            value = super().run_node(node)
            return value.double() if value.is_floating_point() else value
        if node.op != "call_function":
            return super().run_node(node)
        args, kwargs = fx.map_arg((node.args, node.kwargs), self.env.__getitem__)
        if getattr(kwargs.get("dtype"), "is_floating_point", False):
            kwargs = {**kwargs, "dtype": torch.float64}
        name = base_name(node)
        if name in SOFTMAX:
            return node.target(*args, **kwargs).detach()
        if name in NORMS:
            return (normalised(name, node, args),)
        if name in ACTIVATIONS:
            result = scaled(lambda x: first(node.target(x, *args[1:], **kwargs)), args[0])
            return (result,) if name == "log_sigmoid_forward" else result
        if name == "glu":
            value, gate = args[0].chunk(2, *args[1:])
            return value * torch.sigmoid(gate).detach()
        if name == "lerp":
            return node.target(args[0], args[1], args[2].detach())
        if name == "var":  # a square: two factors
            variance = node.target(*args, **kwargs)
            return (variance + variance.detach()) / 2
        if name in PRODUCTS:
            return self.product(node, args, kwargs)
        return node.target(*args, **kwargs)

    def product(self, node: fx.Node, args: tuple, kwargs: dict) -> Tensor:
        """Gates are detached; where there is none, each factor has half of the gradient."""
        alone = [
            node.target(*(v if i == place else held(v) for i, v in enumerate(args)), **kwargs)
            for place in self.factors.get(node.name, ())
        ]
        if not alone:
            return node.target(*args, **kwargs).detach()
        return alone[0] if len(alone) == 1 else (alone[0] + alone[1]) / 2


def held(value: object) -> object:
    return value.detach() if isinstance(value, Tensor) else value


def first(result: object) -> Tensor:
    return result[0] if isinstance(result, tuple) else result


def scaled(function, x: Tensor) -> Tensor:  # noqa: ANN001
    """f(0) + x · (f(x) − f(0))/x with the ratio frozen."""
    with torch.no_grad():
        at_zero = function(torch.zeros_like(x))
        rise = function(x) - at_zero
        ratio = torch.where(x == 0, torch.zeros_like(x), rise / torch.where(x == 0, 1.0, x))
    return at_zero + x * ratio


def normalised(name: str, node: fx.Node, args: tuple) -> Tensor:
    """γ (x − μ)/σ + β with σ frozen."""
    x = args[0]
    if name == "native_layer_norm":
        _, shape, weight, bias, eps = args
        dims = list(range(x.dim() - len(shape), x.dim()))
        grouped, each = x, list(shape)
    elif name == "native_group_norm":
        _, weight, bias, n, channels, _, groups, eps = args
        grouped, dims = x.reshape(n, groups, -1), [2]
        each = [1, channels] + [1] * (x.dim() - 2)
    else:
        weight, bias, eps = args[1], args[2], args[-1]
        grouped, dims = x, [0, *range(2, x.dim())]
        each = [1, -1] + [1] * (x.dim() - 2)
    deviation = (grouped.var(dims, correction=0, keepdim=True) + eps).sqrt().detach()
    y = ((grouped - grouped.mean(dims, keepdim=True)) / deviation).reshape(x.shape)
    y = y if weight is None else y * weight.reshape(each)
    return y if bias is None else y + bias.reshape(each)
