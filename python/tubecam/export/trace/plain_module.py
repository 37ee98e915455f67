"""From what a user has to a module that can be traced: wrappers off, values there, Python code."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ...errors import ExportError, UsageError

PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def copied(model: nn.Module) -> nn.Module:
    """A copy; tensors that a module computed and keeps (old weight norms) are copied as values.

    Raises
    ------
    ExportError
        Something that the model holds cannot be copied.
    """
    kept = [v for m in model.modules() for v in vars(m).values() if isinstance(v, Tensor)]
    memo = {id(v): v.detach().clone() for v in kept if not v.is_leaf}
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise ExportError(
            "the model holds something that cannot be copied, such as an open file, a lock or a "
            "tensor with a history: keep that outside the module."
        ) from error


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside `torch.compile`, DataParallel and the like, whose own code is traced.

    Modules inside that are compiled or wrapped are replaced in place.

    Raises
    ------
    UsageError
        A module is a TorchScript program, or holds parameters without values.
    """
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise UsageError(
                f"{_at(path)} is a TorchScript program (torch.jit), whose operators cannot be "
                "traced; give the module that it was made from."
            )
    model = inner(model)
    for module in list(model.modules()):
        if module._compiled_call_impl is not None:
            module._compiled_call_impl = None
        for name, child in module._modules.items():
            module._modules[name] = inner(child)
    for path, parameter in model.named_parameters():
        if parameter.is_meta:
            raise UsageError(
                f"parameter '{path}' has no values (it lies on the meta device); load the weights "
                "into the model before it is exported."
            )
    return model


def inner(model: nn.Module | None) -> nn.Module | None:
    """Without what was put around it."""
    while True:
        if hasattr(model, "_orig_mod"):  # torch.compile
            model = model._orig_mod
        elif isinstance(model, PARALLEL):
            model = model.module
        else:
            return model


def _at(path: str) -> str:
    return f"module '{path}'" if path else "the model"
