"""The model as one flat graph of ATen operators, with every module's output marked in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from ...errors import ExportError, UsageError
from ..torch_private import dispatch_functionalize, trace_with_shapes
from .canonical import canonical
from .clip_size import smallest_clip
from .graph import Capture
from .model_input import COLOURS, model_input, with_flow
from .nodes import PATHS
from .recorder import Recorder, plain_operators, unchanged
from .refusals import refuse_unfit, untraceable


def capture(model: nn.Module, clip: Tensor, time_first: bool = False) -> Capture:
    """Traces the forward pass of `model` in evaluation mode; leaves the model as it was.

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
        Its control flow depends on data, it does not give logits, or no graph can stand for it
        (:func:`refuse_unfit`).
    """
    recorder = Recorder(model)

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
        with unchanged(model), torch.no_grad():
            _try_once(forward, clip, recorder, model, time_first)
        with unchanged(model), torch.no_grad(), plain_operators():
            traced = trace_with_shapes(dispatch_functionalize(forward), {}, clip)
    except (ExportError, UsageError):
        raise
    except Exception as error:
        raise ExportError(untraceable(error, recorder.where)) from error
    finally:
        paths = [path for path, _ in recorder.calls]
        recorder.remove()
    return _marked(traced, paths)


def _try_once(
    forward: Callable[[Tensor], Any], clip: Tensor, recorder: Recorder, model: nn.Module,
    time_first: bool,
) -> None:  # fmt: skip
    try:
        forward(clip)
    except ExportError:
        raise
    except Exception as error:
        where = recorder.where
        recorder.clear()
        raise UsageError(_unaccepted(error, where, model, clip, time_first)) from error


def _unaccepted(
    error: Exception, where: str, model: nn.Module, clip: Tensor, time_first: bool
) -> str:
    if "cuda" in str(error).lower():
        return untraceable(error, where)
    _, length, channels, height, width = clip.shape
    asked = (length, height, width)
    if _accepts(model, model_input(clip, not time_first)):
        return (
            f"the model takes [N, {channels}, T, H, W]: leave --time-first (time_first) out."
            if time_first
            else f"the model takes [N, T, {channels}, H, W]: say --time-first (time_first=True)."
        )
    if channels == COLOURS and _accepts(model, model_input(with_flow(clip), time_first)):
        return (
            "the model takes 5 channels: if they are colours and the optical flow to the next "
            "slice, say --flow BOUND,SCALE (a clip's flow)."
        )
    given = "[1, T, C, H, W]" if time_first else "[1, C, T, H, W]"
    shape = list(model_input(clip, time_first).shape)
    said = (
        f"the model does not accept a clip {given} = {shape}: {_first_line(error)} (in {where}). "
    )
    smallest = smallest_clip(model, asked, time_first, channels)
    if smallest is None:
        return f"{said}Nor does it take one of another usual size, or with time before colour."
    sizes = "x".join(map(str, smallest))
    return f"{said}The smallest clip that it takes is {sizes} (slices x height x width)."


def _accepts(model: nn.Module, given: Tensor) -> bool:
    try:
        with unchanged(model):
            model(given)
    except Exception:
        return False
    return True


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))


def _marked(traced: fx.GraphModule, calls: list[str]) -> Capture:
    """Moves the recorded outputs from the result into the nodes' meta data."""
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
    graph.eliminate_dead_code()
    canonical(traced)
    (logits,) = output.args
    clip = next(n for n in graph.nodes if n.op == "placeholder")
    refuse_unfit(logits, clip)
    return Capture(traced, clip, logits)
