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
    LINEAR,
    MAXIMUM,
    PRODUCT,
    QUOTIENT,
    RELU,
    RESCALED,
    SHARES,
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
    first : Rule or None
        For operators with weights that take the clip's own values. It gives relevance instead of a
        multiplier.
    result : str
        What becomes of the signal m at the clip x: ``m·x``, ``m``, ``|m|``, or ``m·(x − x')`` with
        the reference clip x'. Empty where no signal goes back (``rollout.py``).
    by_colour : bool
        The colours stay apart, and nothing is summed.
    """

    rules: Mapping[str, Rule]
    result: str
    elsewhere: Rule | None = rules.chain
    needs: str = ""
    first: Rule | None = None
    by_colour: bool = False

    @property
    def class_agnostic(self) -> bool:
        """By its definition the same for every class."""
        return not self.result

    @property
    def is_gradient(self) -> bool:
        """Every operator passes its derivative, so that autograd is the reference."""
        return self.elsewhere is rules.chain and not self.needs

    @property
    def compares(self) -> bool:
        """Its rules compare the clip with a reference clip."""
        return self.result == "m·(x − x')"

    @property
    def total(self) -> str:
        """What relevance sums to where no bias takes a part: "logit", "difference" or ""."""
        if self.compares:
            return "difference"
        return "logit" if self.result == "m·x" or self.first else ""

    def finish(self, signal: Tensor, clip: Tensor, reference: Tensor | None = None) -> Tensor:
        """[1, T, C, H, W] signal and clips → the relevance of each value, of that shape."""
        if self.result == "m·x":
            signal = signal * clip
        elif self.compares:
            signal = signal * (clip - reference)
        return signal.abs() if self.result == "|m|" else signal


def _lrp(convolution: Rule, dense: Rule, first: Rule | None = None) -> Method:
    table = {
        CONVOLUTION: convolution,
        DENSE: dense,
        RELU: rules.rectified,
        RESCALED: rules.rescaled,
        GATE: rules.gate,
        SHARES: rules.gate,
        PRODUCT: rules.product,
        QUOTIENT: rules.quotient,
        MAXIMUM: rules.chain,
        LINEAR: rules.chain,
    }
    return Method(table, "m" if first else "m·x", elsewhere=None, first=first)


def _deeplift() -> Method:
    table = {
        CONVOLUTION: rules.chain,
        DENSE: rules.chain,
        RELU: rules.difference,
        RESCALED: rules.difference,
        GATE: rules.difference,
        PRODUCT: rules.midpoint,
        MAXIMUM: rules.winners,
        LINEAR: rules.chain,
    }
    return Method(table, "m·(x − x')", elsewhere=None)


_GRADIENT = {RELU: rules.rectified}
METHODS: dict[str, Method] = {
    "sensitivity": Method(_GRADIENT, "|m|"),
    "gradient-x-input": Method(_GRADIENT, "m·x"),
    "deconvolution": Method({RELU: rules.deconvolved}, "m", needs=RELU),
    "guided-backprop": Method({RELU: rules.guided}, "m", needs=RELU),
    "lrp-epsilon": _lrp(rules.epsilon, rules.epsilon),
    "lrp-alpha1beta0": _lrp(rules.z_plus, rules.z_plus),
    "deep-taylor": _lrp(rules.z_plus, rules.z_plus, first=rules.boxed),
    "lrp-epsilon-plus": _lrp(rules.z_plus, rules.epsilon),
    "lrp-epsilon-plus-flat": _lrp(rules.z_plus, rules.epsilon, first=rules.flat),
    "excitation-backprop": _lrp(rules.excited, rules.excited),
    "deeplift": _deeplift(),
    "attention-rollout": Method({}, "", elsewhere=None),
}
# Made of several passes through one graph, which gives the clip's gradient.
FEW_PASS = ("integrated-gradients", "smoothgrad", "gradient-shap")
INPUT_GRADIENT = "input-gradient"


def method_of(name: str) -> Method:
    """The method behind a graph."""
    if name == INPUT_GRADIENT:
        return Method(_GRADIENT, "m", by_colour=True)
    return METHODS[name]
