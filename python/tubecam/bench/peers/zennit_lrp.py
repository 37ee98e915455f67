"""Zennit: layer-wise relevance propagation to the clip. Another method, shown for its cost."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import torch
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlusFlat

from ..subject import Subject
from .peer import Peer
from .torch_hooks import torch_clip


class Zennit(Peer):
    """ε in linear layers, z⁺ in convolutions, flat in the first one."""

    title = "LRP ε-plus-flat at the clip, zennit"
    version = version("zennit")

    def __init__(self, subject: Subject) -> None:
        self._clip, self._target = torch_clip(subject), subject.target
        self._module, self._cells = subject.module, tuple(subject.graph.layer.shape[1:])

    def run(self) -> torch.Tensor:
        with Gradient(model=self._module, composite=EpsilonPlusFlat()) as method:
            return method(self._clip.clone().requires_grad_(), self._one_hot)[1]

    def tube(self) -> np.ndarray:
        relevance = self.run().detach().sum(dim=1, keepdim=True)
        return torch.nn.functional.adaptive_avg_pool3d(relevance, self._cells)[0, 0].relu().numpy()

    def _one_hot(self, logits: torch.Tensor) -> torch.Tensor:
        target = int(logits.argmax()) if self._target < 0 else self._target
        return torch.eye(logits.shape[1])[[target]]


def make(subject: Subject) -> Peer:
    return Zennit(subject)
