"""What an exported method is compared with: the same, evaluated in float64."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..capture import model_input, plain_operators
from .graph import RelevanceGraph
from .propagate import sum_cells


@dataclass(frozen=True)
class Case:
    """One comparison: clip [1, T, 3, H, W] float32, target, and the reference's tensors."""

    clip: np.ndarray
    target: int
    logits: np.ndarray
    relevance: np.ndarray


class Reference:
    """Autograd on the original model for plain gradients, else the same rules in float64."""

    def __init__(self, graph: RelevanceGraph, model: nn.Module, time_first: bool) -> None:
        self.relevance, self.time_first = graph.relevance, time_first
        self.by_autograd = graph.relevance.method.is_gradient
        self.model = copy.deepcopy(model).double() if self.by_autograd else None

    @property
    def name(self) -> str:
        return "autograd float64" if self.by_autograd else "the same rules in float64"

    def __call__(self, clip: Tensor, target: int) -> Case:
        explain = self._autograd if self.by_autograd else self._rules
        logits, relevance = explain(clip.detach().double(), target)
        return Case(clip.float().numpy(), target, logits.numpy(), relevance.numpy())

    def _rules(self, clip: Tensor, target: int) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), plain_operators():
            return self.relevance(clip, torch.tensor([target]))

    def _autograd(self, clip: Tensor, target: int) -> tuple[Tensor, Tensor]:
        clip.requires_grad_()
        with torch.enable_grad(), plain_operators():
            logits = self.model(model_input(clip, self.time_first))
            index = int(logits.argmax()) if target < 0 else target
            (signal,) = torch.autograd.grad(logits[0, index], clip)
        relevance = self.relevance.method.finish(signal, clip.detach())
        return logits.detach(), sum_cells(relevance, self.relevance.pool)
