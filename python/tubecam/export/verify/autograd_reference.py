"""What an explained graph is compared with: autograd on the original model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..layers.layer import Layer
from ..torch_private import class_of_step
from ..trace.graph import Capture, run_nodes, split_at
from ..trace.model_input import model_input
from ..trace.plain_module import copied
from ..trace.recorder import plain_operators


@dataclass(frozen=True)
class Case:
    """One comparison: clip [1, T, 3, H, W] float32, target, and the reference's tensors.

    Activations and gradients [1, C, t, h, w] are those of each explained layer.
    """

    clip: np.ndarray
    target: int
    logits: np.ndarray
    activations: tuple[np.ndarray, ...]
    gradients: tuple[np.ndarray, ...]


class Reference:
    """Autograd on the original model, BatchNorm and all, in float64 where the model allows it."""

    def __init__(
        self, model: nn.Module, original: Capture, layers: Sequence[Layer], time_first: bool
    ) -> None:
        self.layers, self.time_first, self.original = layers, time_first, original
        self.model = copied(model).double()
        paths = original.paths()
        self.by_path = all(layer.name in paths for layer in layers)
        self.dtype = torch.float64
        self.own_functions: list[str] = []

    @property
    def name(self) -> str:
        return "autograd float64" if self.dtype is torch.float64 else "autograd float32"

    def __call__(self, clip: Tensor, target: int) -> Case:
        try:
            logits, activations = self._forward(clip.to(self.dtype))
            index = int(logits.argmax()) if target < 0 else target
            self.own_functions = own_functions(logits)
            gradients = torch.autograd.grad(logits[0, index], activations, materialize_grads=True)
        except RuntimeError:
            if not self._other_way():
                raise
            return self(clip, target)
        found = [self._volumes(tensors) for tensors in (activations, gradients)]
        return Case(clip.numpy(), target, logits.detach().double().numpy(), *found)

    @property
    def doubt(self) -> str:
        """What may make the model's own derivative another than that of what it computes."""
        names = ", ".join(self.own_functions)
        if not names:
            return ""
        return (
            f" The model has autograd functions of its own ({names}): where their derivative is "
            "not that of what they compute, no graph of the model shows it."
        )

    def _other_way(self) -> bool:
        """Takes the next of: the model in float64, in float32, its captured graph in float64.

        A model that creates float32 tensors itself cannot run in float64; one that overwrites what
        its derivative reads, or checkpoints, runs and cannot be differentiated as it is.
        """
        if not self.by_path:
            return False
        self.by_path = self.dtype is torch.float64
        self.dtype = torch.float32 if self.by_path else torch.float64
        self.model = self.model.to(self.dtype)
        return True

    def _volumes(self, tensors: Sequence[Tensor]) -> tuple[np.ndarray, ...]:
        pairs = zip(self.layers, tensors, strict=True)
        return tuple(layer.volume(x).detach().double().numpy() for layer, x in pairs)

    def _forward(self, clip: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self._by_hook(clip) if self.by_path else self._by_node(clip)

    def _by_hook(self, clip: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Adds a zero that requires a gradient to each module's output."""
        hooks = [_Hook(self.model, layer.name, self.original.paths()) for layer in self.layers]
        try:
            with torch.enable_grad(), plain_operators():
                logits = self.model(model_input(clip, self.time_first))
        finally:
            for hook in hooks:
                hook.handle.remove()
        return logits, [hook.output for hook in hooks]

    def _by_node(self, clip: Tensor) -> tuple[Tensor, list[Tensor]]:
        """A layer is an operator of no module: runs the graph as captured, nothing folded."""
        captured = self.original
        nodes = [captured.find(layer.name) for layer in self.layers]
        before, after = split_at(captured, *nodes)
        values: dict = {captured.clip: clip}
        with torch.enable_grad(), plain_operators():
            run_nodes(captured.module, before, values, self.dtype)
            values.update({node: values[node].detach().requires_grad_() for node in nodes})
            run_nodes(captured.module, after, values, self.dtype)
        return values[captured.logits], [values[node] for node in nodes]


def own_functions(logits: Tensor) -> list[str]:
    """The classes of ``torch.autograd.Function`` that a result came through."""
    names: dict[str, None] = {}
    seen, waiting = set(), [logits.grad_fn]
    while waiting:
        step = waiting.pop()
        if step is not None and step not in seen:
            seen.add(step)
            waiting += [following for following, _ in step.next_functions]
            function = class_of_step(step)
            if function is not None:
                names[function.__name__] = None
    return list(names)


class _Hook:
    """Watches one call of a module, named ``path:call``; the last one where no call is named."""

    def __init__(self, model: nn.Module, name: str, names: Sequence[str]) -> None:
        path, _, call = name.partition(":")
        self.left = int(call) + 1 if call else 1
        while not call and f"{path}:{self.left}" in names:
            self.left += 1
        self.output: Tensor
        self.handle = model.get_submodule(path).register_forward_hook(self._watch)

    def _watch(self, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        self.left -= 1
        if self.left != 0:
            return output
        self.output = output + torch.zeros_like(output, requires_grad=True)
        return self.output.clone()
