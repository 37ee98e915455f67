"""The methods of relevance to the input: which rule each kind of operator follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from . import rules
from .operators import (
    CONVOLUTION,
    DENSE,
    GATE,
    LINEAR_ENOUGH,
    PRODUCT,
    QUOTIENT,
    RELU,
    RESCALED,
)  # fmt: skip
from .rules import Rule


@dataclass(frozen=True)
class Method:
    """A column of the table operator × rule.

    Attributes
    ----------
    rules : mapping
        Rule by kind of operator.
    elsewhere : Rule or None
        For operators of no kind in `rules`; None refuses them.
    needs : str
        A kind of operator without which the method is another one.
    result : str
        What becomes of the signal m at the clip x: ``m·x``, ``m`` or ``|m|``.
    """

    rules: Mapping[str, Rule]
    result: str
    elsewhere: Rule | None = rules.chain
    needs: str = ""

    @property
    def is_gradient(self) -> bool:
        """Every operator passes its derivative, so that autograd is the reference."""
        return self.elsewhere is rules.chain and not self.needs

    def finish(self, signal: Tensor, clip: Tensor) -> Tensor:
        """[1, T, 3, H, W] signal and clip → relevance [1, T, H, W], summed over the colours."""
        if self.result == "m·x":
            signal = signal * clip
        return (signal.abs() if self.result == "|m|" else signal).sum(2)


def _lrp(convolution: Rule, dense: Rule) -> Method:
    table = {
        CONVOLUTION: convolution,
        DENSE: dense,
        RELU: rules.rectified,
        RESCALED: rules.rescaled,
        GATE: rules.gate,
        PRODUCT: rules.product,
        QUOTIENT: rules.quotient,
        LINEAR_ENOUGH: rules.chain,
    }
    return Method(table, "m·x", elsewhere=None)


_GRADIENT = {RELU: rules.rectified}
METHODS: dict[str, Method] = {
    "sensitivity": Method(_GRADIENT, "|m|"),
    "gradient-x-input": Method(_GRADIENT, "m·x"),
    "deconvolution": Method({RELU: rules.deconvolved}, "m", needs=RELU),
    "guided-backprop": Method({RELU: rules.guided}, "m", needs=RELU),
    "lrp-epsilon": _lrp(rules.epsilon, rules.epsilon),
    "lrp-alpha1beta0": _lrp(rules.z_plus, rules.z_plus),
    "lrp-epsilon-plus": _lrp(rules.z_plus, rules.epsilon),
    "excitation-backprop": _lrp(rules.excited, rules.excited),
}
