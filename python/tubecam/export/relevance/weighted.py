"""The rules of operators with weights: W⁺, W⁻ their positive and negative parts, z = Wx + b."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx

from ..trace.operators import aten, weight_places
from .rules import Call, chain, ratio

EPSILON = 1e-6


def epsilon(call: Call, signal: Tensor) -> list[Tensor]:
    """R = x ⊙ Wᵀ[R / (z + ε sign z)] (Bach et al. 2015, eq. 58)."""
    return chain(call, damped(call, signal))


def damped(call: Call, signal: Tensor) -> Tensor:
    """R / (z + ε sign z)."""
    size = call.output.abs()
    return signal * (size / (size + EPSILON))


def z_plus(call: Call, signal: Tensor) -> list[Tensor]:
    """Only what contributes positively counts (Bach et al. 2015, eq. 60 with α = 1, β = 0).

    s = R / (W⁺x⁺ + W⁻x⁻ + b⁺); R = x⁺ ⊙ W⁺ᵀs + x⁻ ⊙ W⁻ᵀs.
    """
    apply, weight, bias = weighted(call)
    (x,) = call.inputs
    bias = None if bias is None else bias.clamp(min=0)
    above, below = weight.clamp(min=0), weight.clamp(max=0)
    if call.nonnegative:
        total, pull = torch.func.vjp(lambda v: apply(v, above, bias), x)
        return list(pull(ratio(signal * call.output, total)))
    if _is_plain_convolution(call):  # both signs as channels of one: a wider product is faster
        both = torch.cat([x.clamp(min=0), x.clamp(max=0)], 1)
        weights = torch.cat([above, below], 1)
        total, pull = torch.func.vjp(lambda v: apply(v, weights, bias), both)
        positive, negative = pull(ratio(signal * call.output, total))[0].chunk(2, 1)
        return [torch.where(x < 0, negative, positive)]
    total, pull_above = torch.func.vjp(lambda v: apply(v, above, bias), x.clamp(min=0))
    part, pull_below = torch.func.vjp(lambda v: apply(v, below, None), x.clamp(max=0))
    share = ratio(signal * call.output, total + part)
    return [torch.where(x < 0, pull_below(share)[0], pull_above(share)[0])]


def excited(call: Call, signal: Tensor) -> list[Tensor]:
    """Winning probability: positive inputs through positive weights (Zhang et al. 2016, eq. 5)."""
    apply, weight, _ = weighted(call)
    (x,) = call.inputs
    above = weight.clamp(min=0)
    total, pull = torch.func.vjp(lambda v: apply(v, above, None), x.clamp(min=0))
    (passed,) = pull(ratio(signal * call.output, total))
    return [passed if call.nonnegative else passed * (x > 0).to(passed.dtype)]


def gamma(call: Call, signal: Tensor, weight_of: float) -> list[Tensor]:
    """What contributes in the direction of z counts 1 + γ times (Montavon et al. 2019, γ-rule).

    For inputs of both signs (zennit's and LXT's form): with z⁺ the sum of the positive
    contributions and of b⁺, z⁻ of the negative ones and of b⁻, contribution c of input x gets
    R (c + γ c⁺)/(z + γ z⁺) where z > 0, R (c + γ c⁻)/(z + γ z⁻) where z < 0. The divisors never
    vanish beside z. W⁻ = W − W⁺ spares a third kind of product.
    """
    apply, weight, _ = weighted(call)
    (x,) = call.inputs
    up, down = gamma_shares(call, signal, weight_of)
    above = weight.clamp(min=0)
    _, pull = torch.func.vjp(lambda v: apply(v, weight, None), x)
    _, pull_above = torch.func.vjp(lambda v: apply(v, above, None), x)
    (lifted,) = pull_above(weight_of * (up - down))
    (positive,) = pull(up + (1 + weight_of) * down)
    if call.nonnegative:
        return [positive + lifted]
    (negative,) = pull((1 + weight_of) * up + down)
    return [torch.where(x < 0, negative - lifted, positive + lifted)]


def gamma_shares(call: Call, signal: Tensor, weight_of: float) -> tuple[Tensor, Tensor]:
    """R/(z + γ z⁺) where z > 0 and R/(z + γ z⁻) where z < 0, each 0 elsewhere."""
    z, plus = call.output, positive(call)
    relevance = signal * z
    up = ratio(relevance, torch.where(z > 0, z + weight_of * plus, 0.0))
    return up, ratio(relevance, torch.where(z < 0, z + weight_of * (z - plus), 0.0))


def positive(call: Call) -> Tensor:
    """W⁺x⁺ + W⁻x⁻ + b⁺, as W⁺|x| + Wx⁻ + b⁺."""
    apply, weight, bias = weighted(call)
    (x,) = call.inputs
    lift = None if bias is None else bias.clamp(min=0)
    total = apply(x.abs(), weight.clamp(min=0), lift)
    return total if call.nonnegative else total + apply(x.clamp(max=0), weight, None)


def gamma_of_convolutions(call: Call, signal: Tensor) -> list[Tensor]:
    return gamma(call, signal, GAMMA[gamma_of_convolutions])


def gamma_of_dense(call: Call, signal: Tensor) -> list[Tensor]:
    return gamma(call, signal, GAMMA[gamma_of_dense])


# Of the grid that Achtibat et al. 2024 search for a ViT: more in its patches, less in what follows.
GAMMA = {gamma_of_convolutions: 0.25, gamma_of_dense: 0.05}


def boxed(call: Call, signal: Tensor) -> list[Tensor]:
    """The rule zB of deep Taylor decomposition for inputs in [l, h] (Montavon et al. 2017, eq. 9).

    s = R / (Wx − W⁺l − W⁻h); R = (x − l) ⊙ W⁺ᵀs + (x − h) ⊙ W⁻ᵀs. Gives relevance, no multiplier.
    Values beyond the range count as its ends.
    """
    apply, weight, _ = weighted(call)
    (x,), (low, high) = call.inputs, call.box
    x = torch.minimum(torch.maximum(x, low), high)
    above, below = weight.clamp(min=0), weight.clamp(max=0)
    up, pull_up = torch.func.vjp(lambda v: apply(v, above, None), x - low)
    down, pull_down = torch.func.vjp(lambda v: apply(v, below, None), x - high)
    share = ratio(signal * call.output, up + down)
    return [(x - low) * pull_up(share)[0] + (x - high) * pull_down(share)[0]]


def flat(call: Call, signal: Tensor) -> list[Tensor]:
    """Every input alike: weights and inputs count as ones. Gives relevance, no multiplier.

    Bach et al. 2016, "Controlling explanatory heatmap resolution and semantics", eq. 5.
    """
    apply, weight, _ = weighted(call)
    ones = torch.ones_like(weight)
    total, pull = torch.func.vjp(lambda v: apply(v, ones, None), torch.ones_like(call.inputs[0]))
    return list(pull(ratio(signal * call.output, total)))


Apply = Callable[[Tensor, Tensor, "Tensor | None"], Tensor]


def weighted(call: Call) -> tuple[Apply, Tensor, Tensor | None]:
    """The operator as a function of input, weight and bias, with its weight and bias."""
    places = weight_places(call.node, call.moving)
    optional = call.node.target in _OPTIONAL_BIAS
    args, kwargs = fx.map_arg((call.node.args, call.node.kwargs), call.values.__getitem__)

    def apply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        new = list(args)
        for place, value in zip(places, (x, weight, bias), strict=True):
            if place is not None and place < len(new):
                absent = value is None and not optional
                new[place] = torch.zeros_like(args[place]) if absent else value
        return call.node.target(*new, **kwargs)

    bias = args[places[2]] if places[2] is not None and places[2] < len(args) else None
    return apply, args[places[1]], bias


_OPTIONAL_BIAS = (aten.convolution.default, aten.linear.default)


def _is_plain_convolution(call: Call) -> bool:
    """Neither transposed nor grouped."""
    node = call.node
    return node.target is aten.convolution.default and not node.args[6] and node.args[8] == 1
