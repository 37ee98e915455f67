"""Which operator of a model, in which module, is why a graph of it cannot be written."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, fx

from ...errors import ExportError, UsageError
from ..onnx.file import OPSET, to_onnx, unknown_operators
from ..torch_private import trace_with_shapes
from ..trace.batch_norm_folding import fold_constants
from ..trace.graph import Capture, ancestors, descendants
from ..trace.nodes import operator_at, tensors_of
from ..trace.recorder import plain_operators
from ..trace.refusals import NoFormError
from ..trace.simplify import simplify
from .decompositions import decompositions


@contextlib.contextmanager
def named_culprit(captured: Capture, starts: Iterable[fx.Node], what: str) -> Iterator[None]:
    """Whatever fails in here is reported with the operator of the model that is the reason.

    Parameters
    ----------
    starts : iterable of Node
        What is differentiated with respect to.
    what : str
        What cannot be written, then.
    """
    try:
        yield
    except (NoFormError, UsageError):
        raise
    except Exception as error:
        reason = no_form_of(captured, list(starts))
        if reason is None and isinstance(error, ExportError):
            raise
        reason = reason or "torch's converter fails, and no operator alone is the reason"
        raise NoFormError(f"{what} cannot be written as a graph: {reason}.") from error


def no_form_of(captured: Capture, starts: list[fx.Node]) -> str | None:
    """Which operator has none, in words; None where all have.

    Each is tried alone, from the logits back to the clip: first the derivatives.
    """
    needed = ancestors(captured.logits) & descendants(captured.clip)
    calls = [n for n in captured.module.graph.nodes if n in needed and _is_operator(n)]
    behind = set().union(*(descendants(start) for start in starts)) - set(starts)
    for node in reversed(calls):
        if node in behind and not _works(captured.module, node, needed, True):
            return f"the derivative of {operator_at(node)} has no form that every engine runs"
    for node in reversed(calls):
        if not _works(captured.module, node, needed, False):
            return f"{operator_at(node)} has no standard ONNX form at opset {OPSET}"
    return None


def _is_operator(node: fx.Node) -> bool:
    return node.op == "call_function" and node.target is not operator.getitem


def _works(module: fx.GraphModule, node: fx.Node, moving: set[fx.Node], backwards: bool) -> bool:
    """Whether the operator, or its derivative, can be written as ONNX operators."""
    sources = [n for n in node.all_input_nodes if n in moving and tensors_of(n)]
    slopes = tensors_of(node, floating=True) and any(tensors_of(n, floating=True) for n in sources)
    if not sources or (backwards and not slopes):
        return True
    inputs = [torch.ones(v.shape, dtype=v.dtype) for n in sources for v in tensors_of(n)[:1]]
    run = _alone(module, node, sources)
    try:
        with plain_operators():
            traced = trace_with_shapes(
                _pulled(run) if backwards else run, decompositions(_first), *inputs
            )
        simplify(traced)
        fold_constants(traced)
        if not unknown_operators(traced):
            names = [f"in{i}" for i in range(len(inputs))]
            to_onnx(traced, tuple(inputs), names, ["out"])
            return True
    except Exception:
        return False
    return False


def _first(*geometry: Any) -> str:
    return "convolution"


def _alone(module: fx.GraphModule, node: fx.Node, sources: list[fx.Node]) -> Callable[..., Any]:
    """The operator as a function of `sources`; what else it reads is ones or a constant."""
    fixed: dict[fx.Node, Any] = {}
    for other in node.all_input_nodes:
        if other.op == "get_attr":
            fixed[other] = getattr(module, str(other.target)).detach()
        else:
            values = [torch.ones(v.shape, dtype=v.dtype) for v in tensors_of(other)]
            fixed[other] = values if len(values) > 1 else values[0]

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        known = {**fixed, **dict(zip(sources, values, strict=True))}
        args, kwargs = fx.map_arg((node.args, node.kwargs), known.__getitem__)
        result = node.target(*args, **kwargs)
        results = result if isinstance(result, (tuple, list)) else (result,)
        floating = tuple(r for r in results if r is not None and r.is_floating_point())
        return floating or tuple(r.float() for r in results)

    return run


def _pulled(run: Callable[..., Any]) -> Callable[..., Any]:
    """Its vector–Jacobian product for ones."""

    def backwards(*values: Tensor) -> Any:
        at = [i for i, value in enumerate(values) if value.is_floating_point()]

        def forwards(*moved: Tensor) -> tuple[Tensor, ...]:
            every = list(values)
            for i, value in zip(at, moved, strict=True):
                every[i] = value
            return run(*every)

        results, pull = torch.func.vjp(forwards, *(values[i] for i in at))
        return pull(tuple(map(torch.ones_like, results)))

    return backwards
