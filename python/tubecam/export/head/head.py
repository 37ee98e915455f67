"""What a model's output says: declared or recognised, and turned back into logits.

Notes
-----
*The end of a model.* Explanations are of logits: a probability's gradient vanishes where the model
is sure, and probabilities compete with each other. A softmax, log-softmax or sigmoid at the end of
a model is therefore left out of the graph, and the runtime puts it back where it gives scores. It
is found by running the model: the call whose result is the model's output, value by value, which a
change of shape in between does not hide.

*Probabilities of another origin* (an average over segments, a formula of the model's own) have no
logits behind them that could be had by leaving something out. Their logarithm takes the place of
the logits: softmax gives the same probabilities back, and a map of log p is that of p up to a
factor. One of a sigmoid is inverted, log p/(1 − p).

*One logit* z decides between yes and no. The graph gives it as two, −z and z, each with its own
sigmoid, so that either answer can be explained.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .outputs import Selection

SOFTMAX, LOG_SOFTMAX, SIGMOID = "softmax", "log-softmax", "sigmoid"
# Calls that a model may end in.
ENDS: dict[Callable[..., Any], str] = {
    torch.softmax: SOFTMAX, torch.special.softmax: SOFTMAX, Tensor.softmax: SOFTMAX,
    F.softmax: SOFTMAX, torch.log_softmax: LOG_SOFTMAX, torch.special.log_softmax: LOG_SOFTMAX,
    Tensor.log_softmax: LOG_SOFTMAX, F.log_softmax: LOG_SOFTMAX, torch.sigmoid: SIGMOID,
    torch.sigmoid_: SIGMOID, torch.special.expit: SIGMOID, Tensor.sigmoid: SIGMOID,
    Tensor.sigmoid_: SIGMOID, F.sigmoid: SIGMOID, torch.log: "log", Tensor.log: "log",
    Tensor.log_: "log",
}  # fmt: skip
TINY = 1e-30  # beside a probability: its logarithm stays finite where it is zero


@dataclass(frozen=True)
class Head:
    """How the runtime reads the graph's logits (engines/README.md, ``head``).

    Attributes
    ----------
    kind, unit : str
        Of the sidecar.
    classes : int
        Values that the graph gives.
    one_logit : bool
        Two of them are one logit, z and −z.
    """

    kind: str
    unit: str
    classes: int
    one_logit: bool = False

    def sidecar(self) -> dict[str, str]:
        """The entry ``head`` of bundle.json."""
        return {"kind": self.kind, "unit": self.unit}

    def probabilities(self, logits: Tensor) -> Tensor:
        """What the runtime says of them, [1, K]."""
        if self.kind == "softmax":
            return logits.softmax(1)
        return logits.sigmoid() if self.kind == "sigmoid" else logits


class Without(TorchFunctionMode):
    """Leaves out the calls at `places`: what they are given passes as it is."""

    def __init__(self, places: frozenset[int]) -> None:
        super().__init__()
        self.places, self.count = places, 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in ENDS:
            self.count += 1
            if self.count - 1 in self.places:
                return args[0] if args else kwargs["input"]
        return function(*args, **(kwargs or {}))


class Headed(nn.Module):
    """A model whose prediction is given as logits [1, K]; its modules keep their paths.

    Attributes
    ----------
    inner : Module
    selection : Selection
        Which of its tensors that is.
    without : frozenset of int
        Calls at its end that are left out, counted among all of their kind.
    convert : str
        ``log`` or ``logit`` of probabilities; empty: the values are logits.
    one_logit : bool
    """

    def __init__(self, inner: nn.Module, selection: Selection) -> None:
        super().__init__()
        self.inner, self.selection = inner, selection
        self.without: frozenset[int] = frozenset()
        self.convert = ""
        self.one_logit = False

    def forward(self, clip: Tensor) -> Tensor:
        with Without(self.without) if self.without else contextlib.nullcontext():
            given = self.inner(clip)
        row = self.selection.row(given)
        if self.convert:
            rest = torch.log(1 - row + TINY) if self.convert == "logit" else 0
            row = torch.log(row + TINY) - rest
        return torch.cat([-row, row], 1) if self.one_logit else row

    def named_modules(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Module]]:
        return self.inner.named_modules(*args, **kwargs)

    def get_submodule(self, target: str) -> nn.Module:
        return self.inner.get_submodule(target)
