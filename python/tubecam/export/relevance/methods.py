"""The methods of relevance to the input: which rule each kind of operator follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ... import _core
from ..trace.operators import (  # fmt: skip
    CONVOLUTION,
    DENSE,
    GATE,
    HOMOGENEOUS,
    INVERSE,
    LINEAR,
    MAXIMUM,
    POWER,
    PRODUCT,
    QUOTIENT,
    RELU,
    RESCALED,
    SHARES,
)
from . import rules, weighted
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
    constants : frozenset of str
        Kinds whose results count as constants, to which nothing passes.
    gated, halves : bool
        How products share (:class:`Carriers`).
    needs : str
        A kind of operator without which the method is another one.
    like : str
        The method that this one is where both find the same carriers.
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
    constants: frozenset[str] = frozenset()
    gated: bool = False
    halves: bool = False
    needs: str = ""
    like: str = ""
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


def _lrp(
    convolution: Rule, dense: Rule, first: Rule | None = None, through_attention: bool = False
) -> Method:
    """Attention counts as a constant (CP-LRP, Ali et al. 2022), or passes its derivative."""
    table = {
        CONVOLUTION: convolution,
        DENSE: dense,
        RELU: rules.rectified,
        RESCALED: rules.rescaled,
        POWER: rules.powered,
        GATE: rules.shifted,
        SHARES: rules.chain,
        PRODUCT: rules.product,
        QUOTIENT: rules.chain,
        MAXIMUM: rules.chain,
        HOMOGENEOUS: rules.chain,
        LINEAR: rules.chain,
    }
    return Method(
        table,
        "m" if first else "m·x",
        elsewhere=None,
        constants=frozenset() if through_attention else frozenset({SHARES}),
        gated=True,
        halves=through_attention,
        like="lrp-gamma" if through_attention else "",
        first=first,
    )


def _deeplift() -> Method:
    table = {
        CONVOLUTION: rules.chain,
        DENSE: rules.chain,
        RELU: rules.difference,
        RESCALED: rules.difference,
        POWER: rules.difference,
        GATE: rules.difference,
        INVERSE: rules.difference,
        SHARES: rules.attended,
        PRODUCT: rules.midpoint,
        QUOTIENT: rules.divided,
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
    "lrp-epsilon": _lrp(weighted.epsilon, weighted.epsilon),
    "lrp-alpha1beta0": _lrp(weighted.z_plus, weighted.z_plus),
    "deep-taylor": _lrp(weighted.z_plus, weighted.z_plus, first=weighted.boxed),
    "lrp-epsilon-plus": _lrp(weighted.z_plus, weighted.epsilon),
    "lrp-epsilon-plus-flat": _lrp(weighted.z_plus, weighted.epsilon, first=weighted.flat),
    "lrp-gamma": _lrp(weighted.gamma_of_convolutions, weighted.gamma_of_dense),
    "attn-lrp": _lrp(
        weighted.gamma_of_convolutions, weighted.gamma_of_dense, through_attention=True
    ),
    "excitation-backprop": _lrp(weighted.excited, weighted.excited),
    "deeplift": _deeplift(),
    "attention-rollout": Method({}, "", elsewhere=None),
}
# Made of several passes through one graph, which gives the clip's gradient.
FEW_PASS = tuple(_core.methods("multi-pass"))
INPUT_GRADIENT = "input-gradient"


def method_of(name: str) -> Method:
    """The method behind a graph."""
    if name == INPUT_GRADIENT:
        return Method(_GRADIENT, "m", by_colour=True)
    return METHODS[name]
