"""What a model does while it is traced: which module runs, what it gives; none of it stays."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..torch_private import get_proxy_mode, writes_to
from .nodes import MODULE


class Recorder:
    """Hooks that keep a copy of each module's output and know which module runs now.

    Nodes that are traced meanwhile are given its name.

    Attributes
    ----------
    calls : list of (path, tensor)
        In the order in which they ended.
    """

    def __init__(self, model: nn.Module) -> None:
        self.calls: list[tuple[str, Tensor]] = []
        self._running: list[str] = []
        self._handles = []
        for path, module in model.named_modules():
            self._handles.append(module.register_forward_pre_hook(self._enter(path)))
            self._handles.append(module.register_forward_hook(self._leave(path)))

    @property
    def where(self) -> str:
        """The innermost module that runs, also of a forward pass that failed."""
        return self._running[-1] if self._running else "the model"

    def _enter(self, path: str) -> Callable[..., None]:
        def enter(module: nn.Module, inputs: Any) -> None:
            self._name_nodes()
            self._running.append(f"{path or 'the model'} ({type(module).__name__})")

        return enter

    def _leave(self, path: str) -> Callable[..., None]:
        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            self._name_nodes()
            self._running.pop()
            if path and isinstance(output, Tensor):
                self.calls.append((path, output.clone()))

        return leave

    def _name_nodes(self) -> None:
        """Those since the last module began or ended."""
        tracing = get_proxy_mode()
        for node in reversed(tracing.tracer.graph.nodes) if tracing and self._running else ():
            if MODULE in node.meta:
                break
            node.meta[MODULE] = self._running[-1]

    def clear(self) -> None:
        """Forgets a pass, a failed one, too."""
        self.calls, self._running = [], []

    def remove(self) -> None:
        """Takes the hooks away."""
        for handle in self._handles:
            handle.remove()


@contextlib.contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """What modules keep for themselves as they run (caches, counts, statistics) is given back."""
    before = [(module, _state(module)) for module in model.modules()]
    values = [(buffer, writes_to(buffer), buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for module, state in before:
            vars(module).clear()
            vars(module).update(state)
        for buffer, written, value in values:
            if writes_to(buffer) != written:
                with torch.no_grad():
                    buffer.copy_(value)


def _state(module: nn.Module) -> dict[str, Any]:
    """Its attributes, with copies of the containers that it may add to."""
    kinds = (dict, list, set)
    return {name: type(v)(v) if type(v) in kinds else v for name, v in vars(module).items()}


@contextlib.contextmanager
def plain_operators() -> Iterator[None]:
    """Keeps torch from choosing fused CPU operators that no exporter knows."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of hardware that is not there
            with torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
                yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
