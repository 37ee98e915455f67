"""What the model's constants take: biases, positions, class tokens, the offsets of activations.

Notes
-----
*Relevance of a constant.* With attention, deviations and gates held still, the network is linear in
the clip and in its constants c, so that their relevance adds up: logit = Σ R + Σ m·c, m being what
reaches c. A transformer's class token and positions may take most of it, or more than all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import rules, weighted
from .rules import Call, Rule, Signal, ratio

_LINEAR = (rules.chain, rules.product)
_KINDS = ("linear", "product", "quotient", "convolution", "dense")


def constant_share(call: Call, rule: Rule | None, signal: Signal) -> float:
    """Σ m·c over the constants that one operator adds to what it is given.

    What a rule loses besides (softmax in AttnLRP, a soft maximum) is no constant's.
    """
    if not isinstance(call.output, Tensor):
        return 0.0
    if rule is weighted.z_plus:
        share = ratio(signal * call.output, weighted.positive(call))
        return _sum(share, _bias(call).clamp(min=0))
    if rule in weighted.GAMMA:
        up, down = weighted.gamma_shares(call, signal, weighted.GAMMA[rule])
        bias, more = _bias(call), weighted.GAMMA[rule]
        return _sum(up, bias + more * bias.clamp(min=0)) + _sum(down, bias + more * bias.clamp(max=0))
    if rule is weighted.epsilon:
        return _sum(weighted.damped(call, signal), _bias(call))
    if rule is rules.shifted or (rule in _LINEAR and call.kind in _KINDS):
        return _sum(signal, _bias(call))
    return 0.0


def _bias(call: Call) -> Tensor:
    """What is left where all that takes relevance is zero."""
    return call.again(*(torch.zeros_like(x) for x in call.inputs))


def _sum(multiplier: Tensor, constant: Tensor) -> float:
    """A score that is masked out, −∞, has no multiplier."""
    return float(torch.where(multiplier == 0, 0.0, multiplier * constant).sum())
