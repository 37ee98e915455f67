"""How relevance passes one operator backwards: the entries of the table operator × rule.

Notes
-----
*Multipliers.* Relevance R of a value x is carried as the multiplier m = R/x, so that no rule has to
divide by a value that may be zero. An operator y = f(x) that is homogeneous, f(kx) = k f(x), then
passes m as its derivative passes a gradient: an addition gives R·a/(a + b) to a, an average pool
shares by contribution, a max pool's winner takes all, a concatenation is taken apart. Only what has
weights needs more, and the multiplier at the clip times the clip is the relevance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

from .operators import DENSE_ARGUMENTS, is_gate

aten = torch.ops.aten
EPSILON = 1e-6
NEAR_ZERO = 1e-6  # a run below it makes no quotient: the derivative stands for it


@dataclass(frozen=True)
class Call:
    """One operator of the forward pass, evaluated.

    Attributes
    ----------
    moving : list of Node
        Its inputs that depend on the clip; `inputs` are their values.
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
    return [signal * _secant(call, call.inputs[0], call.output)]


def difference(call: Call, signal: Tensor) -> list[Tensor]:
    """(f(x) − f(x'))/(x − x'), x' of the reference (Shrikumar et al. 2017, rescale rule)."""
    run = call.inputs[0] - call.reference.inputs[0]
    return [signal * _secant(call, run, call.output - call.reference.output)]


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
    return [_ratio(a + b, run) for a, b, run in zip(up, down, runs, strict=True)]


def midpoint(call: Call, signal: Tensor) -> list[Tensor]:
    """Products: the derivative halfway to the reference, exact for what is at most quadratic."""
    middle = {n: (call.values[n] + call.reference.values[n]) / 2 for n in call.moving}
    return chain(replace(call, values={**call.values, **middle}), signal)


def gate(call: Call, signal: Tensor) -> list[Tensor]:
    """Nothing passes: gates count as constants."""
    return [torch.zeros_like(x) for x in call.inputs]


def product(call: Call, signal: Tensor) -> list[Tensor]:
    """All to the factor that is no gate; two halves where neither is, x·x included."""
    passed = chain(call, signal)
    gates = [is_gate(n) for n in call.moving]
    if any(gates) and not all(gates):
        return [p * (0.0 if g else 1.0) for p, g in zip(passed, gates, strict=True)]
    factors = [n for n in call.node.args if n in call.moving]
    return passed if len(factors) == 1 else [p / 2 for p in passed]


def quotient(call: Call, signal: Tensor) -> list[Tensor]:
    """All to the numerator: what divides is a constant."""
    passed = chain(call, signal)
    return [
        p if n is call.node.args[0] else torch.zeros_like(p)
        for p, n in zip(passed, call.moving, strict=True)
    ]


def epsilon(call: Call, signal: Tensor) -> list[Tensor]:
    """R = x ⊙ Wᵀ[R / (z + ε sign z)] (Bach et al. 2015, eq. 58)."""
    size = call.output.abs()
    return chain(call, signal * (size / (size + EPSILON)))


def z_plus(call: Call, signal: Tensor) -> list[Tensor]:
    """Only what contributes positively counts (Bach et al. 2015, eq. 60 with α = 1, β = 0).

    s = R / (W⁺x⁺ + W⁻x⁻ + b⁺); R = x⁺ ⊙ W⁺ᵀs + x⁻ ⊙ W⁻ᵀs.
    """
    apply, weight, bias = _weighted(call)
    (x,) = call.inputs
    bias = None if bias is None else bias.clamp(min=0)
    above, below = weight.clamp(min=0), weight.clamp(max=0)
    if call.nonnegative:
        total, pull = torch.func.vjp(lambda v: apply(v, above, bias), x)
        return list(pull(_ratio(signal * call.output, total)))
    if _is_plain_convolution(call):  # both signs as channels of one: a wider product is faster
        both = torch.cat([x.clamp(min=0), x.clamp(max=0)], 1)
        weights = torch.cat([above, below], 1)
        total, pull = torch.func.vjp(lambda v: apply(v, weights, bias), both)
        positive, negative = pull(_ratio(signal * call.output, total))[0].chunk(2, 1)
        return [torch.where(x < 0, negative, positive)]
    total, pull_above = torch.func.vjp(lambda v: apply(v, above, bias), x.clamp(min=0))
    part, pull_below = torch.func.vjp(lambda v: apply(v, below, None), x.clamp(max=0))
    share = _ratio(signal * call.output, total + part)
    return [torch.where(x < 0, pull_below(share)[0], pull_above(share)[0])]


def excited(call: Call, signal: Tensor) -> list[Tensor]:
    """Winning probability: positive inputs through positive weights (Zhang et al. 2016, eq. 5)."""
    apply, weight, _ = _weighted(call)
    (x,) = call.inputs
    above = weight.clamp(min=0)
    total, pull = torch.func.vjp(lambda v: apply(v, above, None), x.clamp(min=0))
    (passed,) = pull(_ratio(signal * call.output, total))
    return [passed if call.nonnegative else passed * (x > 0).to(passed.dtype)]


def boxed(call: Call, signal: Tensor) -> list[Tensor]:
    """The rule zB of deep Taylor decomposition for inputs in [l, h] (Montavon et al. 2017, eq. 9).

    s = R / (Wx − W⁺l − W⁻h); R = (x − l) ⊙ W⁺ᵀs + (x − h) ⊙ W⁻ᵀs. Gives relevance, no multiplier.
    Values beyond the range count as its ends.
    """
    apply, weight, _ = _weighted(call)
    (x,), (low, high) = call.inputs, call.box
    x = torch.minimum(torch.maximum(x, low), high)
    above, below = weight.clamp(min=0), weight.clamp(max=0)
    up, pull_up = torch.func.vjp(lambda v: apply(v, above, None), x - low)
    down, pull_down = torch.func.vjp(lambda v: apply(v, below, None), x - high)
    share = _ratio(signal * call.output, up + down)
    return [(x - low) * pull_up(share)[0] + (x - high) * pull_down(share)[0]]


def flat(call: Call, signal: Tensor) -> list[Tensor]:
    """Every input alike: weights and inputs count as ones. Gives relevance, no multiplier.

    Bach et al. 2016, "Controlling explanatory heatmap resolution and semantics", eq. 5.
    """
    apply, weight, _ = _weighted(call)
    ones = torch.ones_like(weight)
    total, pull = torch.func.vjp(lambda v: apply(v, ones, None), torch.ones_like(call.inputs[0]))
    return list(pull(signal * call.output / total))


def _secant(call: Call, run: Tensor, rise: Tensor) -> Tensor:
    """rise/run, the derivative where the run is near zero."""
    (slope,) = chain(call, torch.ones_like(call.output))
    near = run.abs() <= NEAR_ZERO
    return torch.where(near, slope, rise / torch.where(near, 1.0, run))


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a/b, 0 where b is 0: no input contributes there."""
    nothing = b == 0
    return torch.where(nothing, 0.0, a / torch.where(nothing, 1.0, b))


def _is_plain_convolution(call: Call) -> bool:
    """Neither transposed nor grouped."""
    node = call.node
    return node.target is aten.convolution.default and not node.args[6] and node.args[8] == 1


def _weighted(call: Call) -> tuple[Callable[..., Tensor], Tensor, Tensor | None]:
    """The operator as a function of input, weight and bias, with its weight and bias."""
    dense = call.node.target in DENSE_ARGUMENTS
    places = DENSE_ARGUMENTS[call.node.target] if dense else (0, 1, 2)
    args, kwargs = fx.map_arg((call.node.args, call.node.kwargs), call.values.__getitem__)

    def apply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        new = list(args)
        for place, value in zip(places, (x, weight, bias), strict=True):
            if place is not None and place < len(new):
                absent = value is None and dense
                new[place] = torch.zeros_like(args[place]) if absent else value
        return call.node.target(*new, **kwargs)

    bias = args[places[2]] if places[2] is not None and places[2] < len(args) else None
    return apply, args[places[1]], bias
