"""From what the user names to a model with weights: architectures, factories, checkpoints."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import ExportError, UsageError
from ..spec import ClipSpec
from ..trace.plain_module import copied, inner, unwrapped
from .adapters import ADAPTERS
from .architectures import ARCHITECTURES, Architecture
from .checkpoint import load_state, read_checkpoint, renamed


@dataclass
class Source:
    """A model in evaluation mode, float32 on the CPU, and what is known about it."""

    model: nn.Module
    name: str
    description: str
    clip: ClipSpec
    layer: str | Sequence[str] | None = None  # what to explain where the user names nothing
    labels: Sequence[str] | None = None  # that came with the model
    head: str | None = None  # what its output is known to be (``find_head.HEADS``)


def load_source(
    source: str | nn.Module,
    weights: str | os.PathLike[str] | None,
    random_weights: bool,
    seed: int,
    classes: int | None,
) -> Source:
    """Resolves `source` and gives it its weights.

    Raises
    ------
    UsageError
        Unknown source, missing checkpoint, or neither weights nor an explicit `random_weights`.
    ExportError
        The checkpoint does not fit, or the factory fails.
    """
    if weights is not None and random_weights:
        raise UsageError("weights and random weights exclude each other; give one.")
    if isinstance(source, nn.Module):
        model = unwrapped(copied(inner(source)))
        name = type(model).__name__
        found = Source(model, name.lower(), f"{name} instance", ClipSpec())
        if random_weights:
            raise UsageError("a module instance has its weights already; drop random_weights.")
        if weights is not None:
            load_state(model, read_checkpoint(weights))
    elif not isinstance(source, str):
        raise UsageError(
            f"the source is a {type(source).__name__}; give a torch.nn.Module, or the name of one."
        )
    elif source in ARCHITECTURES:
        found = _architecture(ARCHITECTURES[source], weights, random_weights, seed, classes)
    elif source.partition(":")[0] in ADAPTERS and ":" in source:
        found = _adapted(source, weights, seed)
    elif ":" in source:
        found = _from_factory(source, weights, seed)
    else:
        raise UsageError(
            f"unknown source {source!r}: give one of {', '.join(ARCHITECTURES)}; "
            "transformers:FOLDER; torchvision:NAME; or package.module:factory of your own torch "
            "model."
        )
    found.model.eval().float().cpu().requires_grad_(False)
    return found


def _architecture(
    architecture: Architecture,
    weights: str | os.PathLike[str] | None,
    random_weights: bool,
    seed: int,
    classes: int | None,
) -> Source:
    name = architecture.name
    if weights is None and not random_weights:
        raise UsageError(
            f"{name} needs weights: give a checkpoint (--weights FILE), or say --random-weights "
            "for a model that has learnt nothing."
        )
    state = read_checkpoint(weights) if weights is not None else None
    if state is not None:
        state = renamed(state, architecture.renames)
        classes = _classes(state, architecture.head) or classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = architecture.make(classes or architecture.classes)
    if state is not None:
        load_state(model, state)
    origin = f"weights of {Path(weights).name}" if weights else f"random weights, seed {seed}"
    description = f"{name} architecture, {origin}"
    return Source(model, name, description, architecture.clip, architecture.layer)


def _classes(state: Mapping[str, Tensor], head: str) -> int | None:
    """How many classes a checkpoint's head has, under whatever prefix."""
    found = next((v for k, v in state.items() if k == head or k.endswith(f".{head}")), None)
    return None if found is None else found.shape[0]


def _adapted(source: str, weights: str | os.PathLike[str] | None, seed: int) -> Source:
    """A model that another package builds; it may bring its weights and labels."""
    kind, _, rest = source.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = ADAPTERS[kind](rest)
    if weights is not None:
        load_state(found.model, read_checkpoint(weights))
    return Source(
        found.model, found.name, found.description, found.clip, labels=found.labels or None,
        head=found.head,
    )  # fmt: skip


def _from_factory(source: str, weights: str | os.PathLike[str] | None, seed: int) -> Source:
    module_name, _, attribute = source.partition(":")
    factory = _attribute(source, module_name, attribute)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = factory if isinstance(factory, nn.Module) else factory()
        except Exception as error:
            raise ExportError(f"{source} failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ExportError(f"{source} gave {type(model).__name__}; a torch.nn.Module is needed.")
    if weights is not None:
        load_state(model, read_checkpoint(weights))
    return Source(unwrapped(model), attribute.lower(), source, ClipSpec())


def _attribute(source: str, module_name: str, attribute: str) -> Any:
    if not module_name or not attribute:
        raise UsageError(f"{source!r} is incomplete; write package.module:factory.")
    here = os.getcwd()
    if here not in sys.path:  # a user's own file beside them, as with python -m
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise UsageError(
            f"cannot import {module_name}: {type(error).__name__}: {error}. Run from the folder "
            "that holds it, or install it."
        ) from error
    if not hasattr(module, attribute):
        raise UsageError(f"module {module_name} has no {attribute!r}.")
    return getattr(module, attribute)
