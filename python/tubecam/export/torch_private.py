"""What the export needs of torch beyond its public interface, so that one file states all of it.

These names may change from one version of torch to the next, which is why the extra ``export``
pins one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from ..errors import UnavailableError
from ..libraries.extras import install_command, requirement

__all__ = [
    "FakeTensorMode", "FakeTensorProp", "OpOverload", "class_of_step", "convert_to_onnx",
    "core_aten_decompositions", "dispatch_functionalize", "get_proxy_mode", "schema_of",
    "trace_with_shapes", "unconvertible", "untraced", "writes_to",
]  # fmt: skip


try:
    from torch._decomp import core_aten_decompositions
    from torch._ops import OpOverload
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch._subclasses.functional_tensor import dispatch_functionalize
    from torch.fx.experimental.proxy_tensor import get_proxy_mode, make_fx
    from torch.fx.passes.fake_tensor_prop import FakeTensorProp
    from torch.onnx._internal.torchscript_exporter import utils as _converter
    from torch.onnx._internal.torchscript_exporter.registration import registry as _registry
    from torch.utils._python_dispatch import _disable_current_modes as untraced
except ImportError as error:
    raise UnavailableError(
        f"export needs {requirement('torch')}, and torch {torch.__version__} is installed: "
        f"{install_command('export')}"
    ) from error


def trace_with_shapes(
    function: Callable[..., Any], decompositions: dict[Any, Callable], *inputs: Tensor
) -> fx.GraphModule:
    """Traces with shapes alone: nothing is computed, constants stay real."""
    record = make_fx(function, decompositions, tracing_mode="fake", _allow_non_fake_inputs=True)
    return record(*inputs)


def schema_of(target: Any) -> Any | None:
    """An operator's name, arguments and results; None for what is no operator of torch."""
    return target._schema if isinstance(target, OpOverload) else None


def writes_to(buffer: Tensor) -> int:
    """How often it was written in place."""
    return buffer._version


def class_of_step(step: Any) -> type | None:
    """Of a step back through a result's history, the ``autograd.Function`` behind it, if any."""
    return getattr(step, "_forward_cls", None)


def convert_to_onnx(
    module: fx.GraphModule, inputs: tuple[Tensor, ...], file: str, names: Sequence[str],
    outputs: Sequence[str], opset: int,
) -> None:  # fmt: skip
    """Writes a module of ATen operators as ONNX, by the converter of TorchScript.

    The newer converter rewrites graphs as it likes; this one keeps them operator by operator.
    """
    torch.onnx.export(
        module, inputs, file, input_names=list(names), output_names=list(outputs),
        opset_version=opset, do_constant_folding=True, dynamo=False,
    )  # fmt: skip


def unconvertible(targets: Iterable[Any], opset: int) -> list[str]:
    """Names of the operators among `targets` that the converter has no standard form of."""
    _converter._trigger_symbolic_function_registration()  # as the first conversion does
    names = {schema.name for schema in map(schema_of, targets) if schema is not None}
    return sorted(name for name in names if not _registry.is_registered_op(name, opset))
