"""From what the user names to a model with weights: architectures, factories, checkpoints."""

from __future__ import annotations

import copy
import importlib
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ExportError, UsageError
from .adapters import ADAPTERS
from .architectures import ARCHITECTURES, Architecture
from .spec import ClipSpec

NESTED = ("state_dict", "model_state_dict", "model_state", "model", "net")
PREFIXES = ("module.", "model.", "backbone.")
LISTED = 10


@dataclass
class Source:
    """A model in evaluation mode, float32 on the CPU, and what is known about it."""

    model: nn.Module
    name: str
    description: str
    clip: ClipSpec
    layer: str | Sequence[str] | None = None  # what to explain where the user names nothing
    labels: Sequence[str] | None = None  # that came with the model


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
        model = _copied(source)
        found = Source(model, type(source).__name__.lower(), f"{type(source).__name__} instance",
                       ClipSpec())  # fmt: skip
        if random_weights:
            raise UsageError("a module instance has its weights already; drop random_weights.")
        if weights is not None:
            load_state(model, read_checkpoint(weights))
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


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise ExportError(
            f"the model cannot be copied ({error}); give package.module:factory instead."
        ) from error


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
        found.model, found.name, found.description, found.clip, found.layer, found.labels or None
    )


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
    return Source(model, attribute.lower(), source, ClipSpec())


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


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors by parameter name, unwrapped; nothing in the file is executed."""
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"no checkpoint at {file}.")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ExportError(
            f"{file} holds more than tensors and is not loaded, as that would run its code. Save "
            "model.state_dict() and give that file."
        ) from error
    except Exception as error:
        raise ExportError(f"{file} is not a readable torch checkpoint: {error}") from error
    state = _unwrapped(content)
    if not state:
        raise ExportError(f"{file} holds no tensors by name; save model.state_dict().")
    return state


def _unwrapped(content: Any) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = next((content[k] for k in NESTED if isinstance(content.get(k), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        return {}
    return {str(k): v for k, v in content.items() if isinstance(v, Tensor)}


def load_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Loads strictly; prefixes that wrappers add are dropped.

    Raises
    ------
    ExportError
        Names or shapes differ: the first ten of each kind are listed, shapes side by side.
    """
    own = model.state_dict()
    candidates = [state] + [_without_prefix(state, prefix) for prefix in PREFIXES]
    best = max(candidates, key=lambda s: len(own.keys() & s.keys()))
    optional = "num_batches_tracked"
    missing = [k for k in own if k not in best and not k.endswith(optional)]
    unexpected = [k for k in best if k not in own and not k.endswith(optional)]
    differing = [
        f"{k}: model {list(own[k].shape)}, checkpoint {list(v.shape)}"
        for k, v in best.items()
        if k in own and own[k].shape != v.shape
    ]
    if missing or unexpected or differing:
        parts = [
            _listing("missing in the checkpoint", missing),
            _listing("unexpected in the checkpoint", unexpected),
            _listing("of another shape", differing),
        ]
        raise ExportError(
            "the checkpoint does not fit the model.\n" + "\n".join(filter(None, parts))
        )
    model.load_state_dict(best, strict=False)


def _without_prefix(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items()}


def _listing(title: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f"\n  … and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)} {title}:\n  " + "\n  ".join(names[:LISTED]) + more
