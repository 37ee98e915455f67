"""The model as one flat graph of ATen operators, with every module's output marked in it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.functional_tensor import dispatch_functionalize
from torch.fx.experimental.proxy_tensor import get_proxy_mode, make_fx

from ..errors import ExportError, UsageError

PATHS = "paths"  # key of Node.meta: the module paths whose output this node is
MODULE = "module"  # and the innermost module that this node stands in: "head.act (GELU)"


@dataclass
class Capture:
    """A forward pass, clip → logits.

    Attributes
    ----------
    module : GraphModule
        ATen operators only; parameters are its attributes.
    clip, logits : Node
        The one input, [1, T, 3, H, W], and the result, [1, K].
    """

    module: fx.GraphModule
    clip: fx.Node
    logits: fx.Node

    def find(self, path: str) -> fx.Node | None:
        """The node that a module path, or else its own name, names; None where there is none."""
        nodes = list(self.module.graph.nodes)
        named = (n for n in nodes if path in n.meta.get(PATHS, ()))
        return next(named, next((n for n in nodes if n.name == path), None))

    def paths(self) -> list[str]:
        """Every module path that can be named, in the order of execution."""
        return [path for n in self.module.graph.nodes for path in n.meta.get(PATHS, ())]


class _Recorder:
    """Hooks that keep a copy of each module's output and know which module runs now.

    Nodes that are traced meanwhile are given its name.
    """

    def __init__(self, model: nn.Module) -> None:
        self.calls: list[tuple[str, Tensor]] = []
        self.running: list[str] = []
        self.deepest = ""
        self._handles = []
        for path, module in model.named_modules():
            self._handles.append(module.register_forward_pre_hook(self._enter(path)))
            self._handles.append(module.register_forward_hook(self._leave(path)))

    def _enter(self, path: str) -> Callable[..., None]:
        def enter(module: nn.Module, inputs: Any) -> None:
            self._name_nodes()
            self.deepest = f"{path or 'the model'} ({type(module).__name__})"
            self.running.append(self.deepest)

        return enter

    def _leave(self, path: str) -> Callable[..., None]:
        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            self._name_nodes()
            self.running.pop()
            if path and isinstance(output, Tensor):
                self.calls.append((path, output.clone()))

        return leave

    def _name_nodes(self) -> None:
        """Those since the last module began or ended."""
        tracing = get_proxy_mode()
        for node in reversed(tracing.tracer.graph.nodes) if tracing and self.running else ():
            if MODULE in node.meta:
                break
            node.meta[MODULE] = self.running[-1]

    def clear(self) -> None:
        self.calls, self.running, self.deepest = [], [], ""

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()


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


def trace(
    function: Callable[..., Any], decompositions: dict[Any, Callable], *inputs: Tensor
) -> fx.GraphModule:
    """Traces with shapes alone: nothing is computed, constants stay real."""
    return make_fx(function, decompositions, tracing_mode="fake", _allow_non_fake_inputs=True)(
        *inputs
    )


def model_input(clip: Tensor, time_first: bool) -> Tensor:
    """Turns the runtime's [1, T, 3, H, W] into what the model takes."""
    return clip if time_first else clip.transpose(1, 2)


def capture(model: nn.Module, clip: Tensor, time_first: bool = False) -> Capture:
    """Traces the forward pass of `model` in evaluation mode.

    Parameters
    ----------
    model : Module
        Takes [1, 3, T, H, W], or [1, T, 3, H, W] with `time_first`; gives logits [1, K].
    clip : Tensor
        [1, T, 3, H, W] float32, any values.

    Raises
    ------
    UsageError
        The model does not accept such a clip.
    ExportError
        Its control flow depends on data, or it does not give logits.
    """
    recorder = _Recorder(model)

    def forward(x: Tensor) -> tuple[Tensor, list[Tensor]]:
        recorder.clear()
        logits = model(model_input(x, time_first))
        if not isinstance(logits, Tensor) or logits.dim() != 2 or logits.shape[0] != 1:
            shape = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ExportError(
                f"the model gave {shape} for one clip; logits [1, classes] are needed. "
                "Wrap it in a module that returns only them."
            )
        return logits, [out for _, out in recorder.calls]

    try:
        with torch.no_grad():
            _try_once(forward, clip, recorder, partial(_smallest, model, clip, time_first))
        with torch.no_grad(), plain_operators():
            traced = trace(dispatch_functionalize(forward), {}, clip)
    except (ExportError, UsageError):
        raise
    except Exception as error:
        raise ExportError(untraceable(error, recorder.deepest)) from error
    finally:
        recorder.remove()
    return _marked(traced, [path for path, _ in recorder.calls])


def _try_once(
    forward: Callable[[Tensor], Any],
    clip: Tensor,
    recorder: _Recorder,
    advice: Callable[[], str],
) -> None:
    try:
        forward(clip)
    except ExportError:
        raise
    except Exception as error:
        raise UsageError(
            f"the model does not accept a clip [1, T, C, H, W] = {list(clip.shape)}: "
            f"{_first_line(error)} (in {recorder.deepest or 'the model'}). {advice()}"
        ) from error


def _smallest(model: nn.Module, clip: Tensor, time_first: bool) -> str:
    from .clip_size import smallest_clip  # which needs this module

    _, length, channels, height, width = clip.shape
    smallest = smallest_clip(model, (length, height, width), time_first, channels)
    if smallest is None:
        return "No usual size fits either: check whether the model takes time before colour."
    sizes = "x".join(map(str, smallest))
    return f"The smallest clip that it takes is {sizes} (slices x height x width)."


def untraceable(error: Exception, where: str) -> str:
    """One sentence on what could not be traced, where, and what to do."""
    text = str(error)
    if "_local_scalar_dense" in text or "data-dependent" in text.lower() or ".item()" in text:
        return (
            f"{where} reads a tensor's value while it runs (aten._local_scalar_dense: an `if` on a "
            "tensor, .item(), int(tensor)), so its graph depends on data. Replace that by "
            "torch.where or by a constant."
        )
    return f"{where} cannot be traced: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))


def _marked(traced: fx.GraphModule, calls: list[str]) -> Capture:
    """Moves the recorded outputs from the result into the nodes' meta data."""
    from .canonical import canonical  # which needs this module

    graph = traced.graph
    output = next(n for n in graph.nodes if n.op == "output")
    logits, copies = output.args[0]
    total = {path: calls.count(path) for path in set(calls)}
    seen: dict[str, int] = {}
    for path, copy in zip(calls, copies, strict=True):
        node = copy.args[0]
        index = seen[path] = seen.get(path, -1) + 1
        names = node.meta.setdefault(PATHS, [])
        if total[path] > 1:
            names.append(f"{path}:{index}")
        if index == total[path] - 1:
            names.append(path)
    output.args = (logits,)
    canonical(traced)
    (logits,) = output.args
    clip = next(n for n in graph.nodes if n.op == "placeholder")
    return Capture(traced, clip, logits)


def constant(module: fx.GraphModule, argument: Any) -> Tensor | None:
    """The value of a get_attr node, None for any other argument."""
    if isinstance(argument, fx.Node) and argument.op == "get_attr":
        return getattr(module, str(argument.target)).detach()
    return None


def add_constant(module: fx.GraphModule, value: Tensor, before: fx.Node) -> fx.Node:
    """Registers `value` as a buffer and returns a node that reads it."""
    index = getattr(module, "_constants_added", 0)
    module._constants_added = index + 1
    name = f"constant_{index}"
    module.register_buffer(name, value.detach().clone().contiguous())
    with module.graph.inserting_before(before):
        node = module.graph.get_attr(name)
    node.meta["val"] = value
    return node


def drop_unused_constants(module: fx.GraphModule) -> None:
    """Deletes attributes that no node reads."""
    used = {str(n.target) for n in module.graph.nodes if n.op == "get_attr"}
    for table in (module._parameters, module._buffers):
        for name in [n for n in table if n not in used]:
            del table[name]


def shape_of(node: Any) -> tuple[int, ...] | None:
    """The static shape of a node's value, None where it is not one tensor."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return tuple(value.shape) if isinstance(value, Tensor) else None


def base_name(node: fx.Node) -> str:
    """``relu`` of ``aten.relu.default``; the target's own name for anything else."""
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.name.removeprefix("aten::")
    return getattr(node.target, "__name__", str(node.target))
