"""Checkpoints: tensors by name from whatever layout a project saved, and into a model.

No file runs code: ``torch.load`` is called with ``weights_only=True`` always.
"""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import ExportError, UsageError

NESTED = ("state_dict", "model_state_dict", "model_state", "model", "module", "net")
OPTIONAL = "num_batches_tracked"  # a count of training steps, which no inference reads
LISTED = 10
ZIP, PICKLE = b"PK\x03\x04", b"\x80"  # how torch.save's two formats begin
SAVE_AGAIN = "Save the tensors alone, torch.save(model.state_dict(), FILE), and give that file."

Shapes = dict[str, tuple[int, ...]]


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors by parameter name, unwrapped; nothing in the file is executed.

    Raises
    ------
    UsageError
        There is no such file.
    ExportError
        It is cut short, no checkpoint, or holds more than tensors; the reason is given.
    """
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"no checkpoint at {file}.")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ExportError(_why_unreadable(file, error)) from error
    state = _unwrapped(content)
    if not state:
        raise ExportError(f"{file} holds no tensors by name. {SAVE_AGAIN}")
    return state


def _why_unreadable(file: Path, error: Exception) -> str:
    with file.open("rb") as opened:
        start = opened.read(16)
    if not start.startswith((ZIP, PICKLE)):
        held = f"begins with {start!r}" if start else "is empty"
        return f"{file} is not a torch checkpoint: it {held}."
    text = str(error)
    half = start.startswith(ZIP) and not zipfile.is_zipfile(file)
    if half or isinstance(error, EOFError) or "EOF" in text or "truncated" in text:
        return (
            f"{file} is cut short at {file.stat().st_size} bytes: its end is missing. Copy or "
            "download it again."
        )
    if "TorchScript" in text:
        return f"{file} is a TorchScript program, not a checkpoint. {SAVE_AGAIN}"
    if isinstance(error, pickle.UnpicklingError):
        named = re.search(r"GLOBAL ([\w.]+)", text)
        held = f"code ({named[1]})" if named else "more than tensors"
        return f"{file} holds {held}, which loading it would run; it is refused. {SAVE_AGAIN}"
    return f"{file} is not a readable torch checkpoint: {error}"


def _unwrapped(content: Any) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = next((content[k] for k in NESTED if isinstance(content.get(k), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        return {}
    return {str(k): v for k, v in content.items() if isinstance(v, Tensor)}


def renamed(state: dict[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Tensors under the names that a model has for the modules that they belong to."""

    def rename(name: str) -> str:
        module, _, parameter = name.rpartition(".")
        end = next((old for old in names if f".{module}".endswith(f".{old}")), None)
        return name if end is None else f"{module.removesuffix(end)}{names[end]}.{parameter}"

    return {rename(name): value for name, value in state.items()}


def load_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Loads strictly; a prefix that a wrapper added (``module.``) is dropped.

    Raises
    ------
    ExportError
        Names or shapes differ: the first ten are listed, shapes side by side, with the named
        architectures that they fit, if there are any.
    """
    own, given = _shapes(model.state_dict()), _shapes(state)
    prefix = common_prefix(own, given)
    state = {name.removeprefix(prefix): value for name, value in state.items()}
    given = {name.removeprefix(prefix): shape for name, shape in given.items()}
    if own != given:
        raise ExportError(_differences(own, given))
    model.load_state_dict(state, strict=False)


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(v.shape) for name, v in state.items() if not name.endswith(OPTIONAL)}


def common_prefix(own: Shapes, given: Shapes) -> str:
    """What stands in front of the most of a checkpoint's names."""
    known = set(own)
    prefixes = [""]
    for name in given:
        parts = name.split(".")
        ends = (".".join(parts[i:]) for i in range(1, len(parts)))
        prefixes += [name.removesuffix(end) for end in ends if end in known]
    counts = {p: sum(n.removeprefix(p) in known for n in given) for p in dict.fromkeys(prefixes)}
    return max(counts, key=counts.__getitem__)


def _differences(own: Shapes, given: Shapes) -> str:
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    reshaped = [name for name in own if name in given and own[name] != given[name]]
    alternating = chain.from_iterable(zip_longest(missing, unexpected))
    names = [*reshaped, *(name for name in alternating if name is not None)]
    rows = [("parameter", "model", "checkpoint")]
    rows += [(name, _shape(own.get(name)), _shape(given.get(name))) for name in names[:LISTED]]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    lines = [f"  {name:{widths[0]}}  {has:{widths[1]}}  {got}" for name, has, got in rows]
    more = [f"  … and {len(names) - LISTED} more"] if len(names) > LISTED else []
    counts = (
        f"{len(missing)} of {len(own)} parameters missing in the checkpoint, {len(unexpected)} "
        f"unexpected there, {len(reshaped)} of another shape:"
    )
    fits = _architectures_of(given)
    hint = [f"It fits the architecture {' or '.join(fits)}."] if fits else []
    return "\n".join([f"the checkpoint does not fit the model. {counts}", *lines, *more, *hint])


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else str(list(shape))


def _architectures_of(given: Shapes) -> list[str]:
    """The named architectures whose names these are, whatever the number of classes."""
    from .architectures import ARCHITECTURES

    found = []
    for name, architecture in ARCHITECTURES.items():
        with torch.device("meta"):
            own = _shapes(architecture.make(architecture.classes).state_dict())
        prefix = common_prefix(own, given)
        bare = {key.removeprefix(prefix): shape for key, shape in given.items()}
        head = architecture.head.rpartition(".")[0]
        if own.keys() == bare.keys() and all(
            shape == bare[key] for key, shape in own.items() if not key.startswith(head)
        ):
            found.append(name)
    return found
