"""PyTorch with hand-written hooks: the leanest Grad-CAM that autograd gives.

The weights are frozen and the layer's output is made the leaf, so that the backward pass covers the
head alone. Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2, over time and space.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..subject import Subject
from .peer import Peer, Unfit


class Hooks(Peer):
    """Grad-CAM by one forward and one backward hook's worth of code."""

    title = "Grad-CAM, hand-written hooks, eager"
    version = torch.__version__

    def __init__(self, subject: Subject) -> None:
        self._clip = torch_clip(subject)
        self._target, self._activation = subject.target, torch.empty(0)
        self._module, self._layer = subject.module, subject.layer

    def run(self) -> Tensor:
        handle = self._module.get_submodule(self._layer).register_forward_hook(self._keep)
        try:
            logits = self._module(self._clip)
        finally:
            handle.remove()
        index = int(logits.argmax()) if self._target < 0 else self._target
        (gradient,) = torch.autograd.grad(logits[0, index], self._activation)
        return gradcam(self._activation.detach(), gradient)

    def tube(self) -> np.ndarray:
        return self.run()[0].numpy()

    def _keep(self, _module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
        self._activation = output.detach().requires_grad_()
        return self._activation


class Compiled(Peer):
    """The same in one function that torch.compile takes whole."""

    title = "Grad-CAM, hand-written hooks, torch.compile"
    version = torch.__version__

    def __init__(self, subject: Subject) -> None:
        self._clip = torch_clip(subject)
        self._zero = torch.zeros(1, *subject.graph.layer.shape)
        self._target = subject.target
        self._step = torch.compile(_Step(subject.module, subject.layer))
        try:
            self.run()
        except Exception as error:
            reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
            raise Unfit(f"torch.compile failed: {reason[0][:160]}") from error

    def run(self) -> Tensor:
        zero = self._zero.requires_grad_()
        logits, activation = self._step(self._clip, zero)
        index = int(logits.argmax()) if self._target < 0 else self._target
        (gradient,) = torch.autograd.grad(logits[0, index], zero)
        return gradcam(activation, gradient)

    def tube(self) -> np.ndarray:
        return self.run()[0].detach().numpy()


class _Step(nn.Module):
    """(clip, zero) → logits, activation; the gradient at the layer is the one at the zero."""

    def __init__(self, module: nn.Module, layer: str) -> None:
        super().__init__()
        self.module, self.layer = module, layer

    def forward(self, clip: Tensor, zero: Tensor) -> tuple[Tensor, Tensor]:
        kept: list[Tensor] = []

        def add(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
            kept.append(output)
            return output + zero

        handle = self.module.get_submodule(self.layer).register_forward_hook(add)
        logits = self.module(clip)
        handle.remove()
        return logits, kept[0].detach()


def gradcam(activation: Tensor, gradient: Tensor) -> Tensor:
    """[N, C, t, h, w] twice → [N, t, h, w]."""
    weights = gradient.mean(dim=(2, 3, 4), keepdim=True)
    return torch.relu((weights * activation).sum(dim=1))


def torch_clip(subject: Subject) -> Tensor:
    """[1, 3, T, H, W], as torch's video models take it."""
    return torch.from_numpy(np.ascontiguousarray(subject.clip.swapaxes(1, 2)))


def make(subject: Subject) -> Peer:
    return Hooks(subject)


def make_compiled(subject: Subject) -> Peer:
    return Compiled(subject)
