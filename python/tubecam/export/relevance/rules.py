"""How relevance passes one operator backwards: the entries of the table operator × rule.

Notes
-----
*Multipliers.* Relevance R of a value x is carried as the multiplier m = R/x, so that no rule has to
divide by a value that may be zero. An operator y = f(x) that is homogeneous, f(kx) = k f(x), then
passes m as its derivative passes a gradient: an addition gives R·a/(a + b) to a, an average pool
shares by contribution, a max pool's winner takes all, a concatenation is taken apart. Only what has
weights needs more (``weighted.py``), and the multiplier at the clip times the clip is the
relevance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

NEAR_ZERO = 1e-6  # a run below it makes no quotient: the derivative stands for it


@dataclass(frozen=True)
class Call:
    """One operator of the forward pass, evaluated.

    Attributes
    ----------
    moving : list of Node
        Its inputs that take relevance; `inputs` are their values. The others are constants.
    values : dict
        The value of every argument that is a node.
    output : Tensor or tuple of Tensor
    nonnegative : bool
        No input can be below zero.
    reference : Call or None
        The same operator on the reference clip.
    box : pair of Tensor or None
        The least and the greatest values that its one moving input can have.
    """

    node: fx.Node
    kind: str | None
    moving: list[fx.Node]
    values: dict[fx.Node, Any]
    output: Any
    nonnegative: bool
    reference: Call | None = None
    box: tuple[Tensor, Tensor] | None = None

    @property
    def inputs(self) -> list[Tensor]:
        return [self.values[n] for n in self.moving]

    def again(self, *inputs: Tensor) -> Any:
        """The operator with other values for its moving inputs."""
        values = {**self.values, **dict(zip(self.moving, inputs, strict=True))}
        args, kwargs = fx.map_arg((self.node.args, self.node.kwargs), values.__getitem__)
        return self.node.target(*args, **kwargs)


# What leaves an operator (a dict by place where it gives several tensors) → what reaches each of
# its moving inputs.
Signal = Any
Rule = Callable[[Call, Signal], list[Tensor]]


def chain(call: Call, signal: Signal) -> list[Tensor]:
    """The derivative."""
    if isinstance(call.output, Tensor):
        return list(torch.func.vjp(call.again, *call.inputs)[1](signal))
    places = [i for i, o in enumerate(call.output) if o.is_floating_point()]
    signals = tuple(signal.get(i, torch.zeros_like(call.output[i])) for i in places)

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = call.again(*inputs)
        return tuple(outputs[i] for i in places)

    return list(torch.func.vjp(run, *call.inputs)[1](signals))


def rectified(call: Call, signal: Tensor) -> list[Tensor]:
    """ReLU: where it is open."""
    return [signal * (call.output > 0).to(signal.dtype)]


def deconvolved(call: Call, signal: Tensor) -> list[Tensor]:
    """ReLU of the signal, wherever it is open (Zeiler and Fergus 2014)."""
    return [torch.relu(signal)]


def guided(call: Call, signal: Tensor) -> list[Tensor]:
    """Both of these (Springenberg et al. 2015)."""
    return rectified(call, torch.relu(signal))


def rescaled(call: Call, signal: Tensor) -> list[Tensor]:
    """f(x)/x, the derivative near zero."""
    return [signal * secant(call, call.inputs[0], call.output)]


def difference(call: Call, signal: Tensor) -> list[Tensor]:
    """(f(x) − f(x'))/(x − x'), x' of the reference (Shrikumar et al. 2017, rescale rule)."""
    run = call.inputs[0] - call.reference.inputs[0]
    return [signal * secant(call, run, call.output - call.reference.output)]


def winners(call: Call, signal: Signal) -> list[Tensor]:
    """Maximum: what it gained goes to the clip's winner, what it lost to the reference's.

    The winner's own difference is at least as large in either case, so that nothing is divided by
    less than it is shared.
    """
    several = not isinstance(call.output, Tensor)
    ours, theirs = (c.output[0] if several else c.output for c in (call, call.reference))
    rise = ours - theirs
    shared = (signal[0] if several else signal) * rise
    gained, lost = (torch.where(sign * rise > 0, shared, 0.0) for sign in (1, -1))
    up = chain(call, {0: gained} if several else gained)
    down = chain(call.reference, {0: lost} if several else lost)
    runs = [x - y for x, y in zip(call.inputs, call.reference.inputs, strict=True)]
    return [ratio(a + b, run) for a, b, run in zip(up, down, runs, strict=True)]


def midpoint(call: Call, signal: Tensor) -> list[Tensor]:
    """Products: the derivative halfway to the reference, exact for what is at most quadratic."""
    middle = {n: (call.values[n] + call.reference.values[n]) / 2 for n in call.moving}
    return chain(replace(call, values={**call.values, **middle}), signal)


def product(call: Call, signal: Tensor) -> list[Tensor]:
    """Half the derivative to each of two factors, x·x included; all to one that is alone."""
    passed = chain(call, signal)
    factors = sum(n in call.moving for n in call.node.args)
    return passed if factors == 1 else [p / 2 for p in passed]


def powered(call: Call, signal: Tensor) -> list[Tensor]:
    """xᵖ/x, where the slope at zero may be infinite: nothing comes from there."""
    return [signal * ratio(call.output, call.inputs[0])]


def shifted(call: Call, signal: Tensor) -> list[Tensor]:
    """(f(x) − f(0))/x: f(0) is a constant that is added, as a bias is."""
    (x,) = call.inputs
    return [signal * secant(call, x, call.output - call.again(torch.zeros_like(x)))]


def divided(call: Call, signal: Tensor) -> list[Tensor]:
    """a/b between clip and reference: the product of a and 1/b halfway, Δ(1/b) = −Δb/(bb')."""
    (a, b), (c, d) = (
        [part.values[n] if isinstance(n, fx.Node) else n for n in call.node.args[:2]]
        for part in (call, call.reference)
    )
    by_numerator, by_divisor = signal * (1 / b + 1 / d) / 2, -signal * (a + c) / (2 * b * d)
    passed = dict(zip(call.node.args, (by_numerator, by_divisor), strict=False))
    return [passed[n].sum_to_size(call.values[n].shape) for n in call.moving]


def attended(call: Call, signal: Tensor) -> list[Tensor]:
    """Softmax between clip and reference: e/Σe by :func:`difference` and :func:`divided`.

    Any number may be taken from a row first; the one halfway between both rows' greatest keeps the
    exponentials of both in range.
    """
    dim = call.node.args[1]
    (x,), (y,) = call.inputs, call.reference.inputs
    level = (x.amax(dim, keepdim=True) + y.amax(dim, keepdim=True)) / 2
    a, b = torch.exp(x - level), torch.exp(y - level)
    total, other = a.sum(dim, keepdim=True), b.sum(dim, keepdim=True)
    by_sum = -(signal * (a + b)).sum(dim, keepdim=True) / (2 * total * other)
    by_part = signal * (1 / total + 1 / other) / 2 + by_sum
    run = x - y
    near = torch.logical_or(run.abs() <= NEAR_ZERO, a == b)  # such as two places that are masked
    return [by_part * torch.where(near, (a + b) / 2, (a - b) / torch.where(near, 1.0, run))]


def secant(call: Call, run: Tensor, rise: Tensor) -> Tensor:
    """rise/run, the derivative where the run is near zero."""
    (slope,) = chain(call, torch.ones_like(call.output))
    near = run.abs() <= NEAR_ZERO
    return torch.where(near, slope, rise / torch.where(near, 1.0, run))


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """a/b, 0 where b is 0: no input contributes there."""
    nothing = b == 0
    return torch.where(nothing, 0.0, a / torch.where(nothing, 1.0, b))
