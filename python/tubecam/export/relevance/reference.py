"""What an exported method is compared with: the same, evaluated by other means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from ..trace.model_input import model_input
from .constants import constant_share
from .graph import CLIP, REFERENCE, RelevanceGraph
from .linear_regions import run_decided

Decisions = Mapping[str, np.ndarray]


@dataclass
class Found:
    """Each input's relevance, how far decisions differed, and what constants took."""

    relevance: Sequence[Tensor]
    decided: float
    constants: float = 0.0


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    clip : float32 [1, T, C, H, W]
        Colours, and the flow where the model takes it.
    target : int
    logits : float64 [1, K]
        Of the original model, which decides for itself, in float32.
    relevance : tuple of float64 [1, t, h, w]
        Of each input, in the linear region that the engine chose.
    decided : float
        How far what the engine decided by was from the reference's own (:func:`run_decided`).
    constants : float
        The relevance of biases and other constants (``constants.py``), where the method has rules.
    """

    clip: np.ndarray
    target: int
    logits: np.ndarray
    relevance: tuple[np.ndarray, ...]
    decided: float = 0.0
    constants: float = 0.0


class Reference:
    """Autograd through the captured forward pass, or the same rules where a method has its own."""

    def __init__(self, graph: RelevanceGraph, model: nn.Module, time_first: bool) -> None:
        self.relevance, self.captured = graph.relevance, graph.relevance.captured
        self.model, self.time_first = model, time_first
        self.by_autograd = graph.relevance.method.is_gradient

    @property
    def name(self) -> str:
        return "autograd float64" if self.by_autograd else "the same rules in float64"

    def __call__(
        self,
        clip: Tensor,
        target: int,
        decisions: Decisions | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> Case:
        """Evaluates one clip [1, T, C, H, W] in the region that `decisions` (by output) chose."""
        with torch.no_grad():
            logits = self.model(model_input(clip.float(), self.time_first))
        index = int(logits.argmax()) if target < 0 else target
        explain = self._autograd if self.by_autograd else self._rules
        found = explain(clip.detach().to(dtype), index, decisions or {})
        logits, *relevance = (t.detach().double().numpy() for t in (logits, *found.relevance))
        return Case(
            clip.float().numpy(), target, logits, tuple(relevance), found.decided, found.constants
        )

    def _rules(self, clip: Tensor, target: int, decisions: Decisions) -> Found:
        explain, taken = self.relevance.explain, 0.0

        def visit(*call: Any) -> None:
            nonlocal taken
            taken += constant_share(*call)

        if self.relevance.method.gated:
            explain = partial(explain, visit=visit)
        with torch.no_grad():
            values, decided = self._run(clip, decisions, CLIP)
            references, also = {}, 0.0
            if self.relevance.method.compares:
                other = self.relevance.reference_like(clip)
                references, also = self._run(other, decisions, REFERENCE)
            _, *relevance = explain(values, references, torch.tensor([target]))
        return Found(relevance, max(decided, also), taken)

    def _autograd(self, clip: Tensor, target: int, decisions: Decisions) -> Found:
        clip.requires_grad_()
        with torch.enable_grad():
            values, decided = self._run(clip, decisions, CLIP)
            (signal,) = torch.autograd.grad(values[self.captured.logits][0, target], clip)
        return Found(self.relevance.finish(signal, clip.detach()), decided)

    def _run(
        self, clip: Tensor, decisions: Decisions, prefix: str
    ) -> tuple[dict[fx.Node, Any], float]:
        values = {self.captured.clip: clip}
        decided = {
            name.removeprefix(prefix): torch.from_numpy(value)
            for name, value in decisions.items()
            if name.startswith(prefix)
        }
        module, nodes, needed = self.captured.module, self.relevance.nodes, self.relevance.needed
        return values, run_decided(module, nodes, values, decided, clip.dtype, needed)
