"""Which of a model's tensors is its prediction, and how that becomes one row [1, K]."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import ExportError, UsageError

REDUCTIONS = ("mean", "max", "last")


@dataclasses.dataclass(frozen=True)
class Selection:
    """From what a model gives to its row of values.

    Attributes
    ----------
    path : tuple of str
        Keys, fields and places that lead to the tensor; empty where the model gives one.
    reduce : str
        What becomes of several times: one of `REDUCTIONS`; empty where there is one.
    axis : int
        Of the classes, where there are several times.
    """

    path: tuple[str, ...] = ()
    reduce: str = ""
    axis: int = -1

    def tensor(self, given: Any) -> Tensor:
        for key in self.path:
            given = dict(_entries(given))[key]
        return given

    def row(self, given: Any) -> Tensor:
        """[1, K]."""
        values = self.tensor(given)
        if not self.reduce:
            return values.reshape(1, -1)
        rows = values.movedim(self.axis, -1).reshape(-1, values.shape[self.axis])
        if self.reduce == "last":
            return rows[-1:]
        return rows.mean(0, keepdim=True) if self.reduce == "mean" else rows.amax(0, keepdim=True)


def select(
    given: Any, key: str | None, reduce: str | None, labels: int | None, length: int
) -> Selection:
    """Finds the prediction in what a model gave for one clip of `length` slices.

    Parameters
    ----------
    key : str or None
        As the user named it: ``logits``, ``0``, ``heads.verb``.
    labels : int or None
        How many classes there are, where that is known.

    Raises
    ------
    UsageError
        There is no such output, or no reduction of that name.
    ExportError
        Several tensors could be meant, or none; or it is a prediction for each of several times.
    """
    if reduce is not None and reduce not in REDUCTIONS:
        raise UsageError(f"unknown reduction {reduce!r}: choose mean, max or last.")
    path = _named(given, key) if key is not None else _only(given, bool(reduce))
    shape = tuple(Selection(path).tensor(given).shape)
    if _is_row(shape) and not reduce:
        _check_unambiguous(shape, labels, length)
        return Selection(path)
    if not reduce:
        raise ExportError(
            f"{_output(path)} is {list(shape)} for one clip, as if it spoke of several times or "
            "places, and one value a class is needed: reduce it to one (--reduce mean, max or "
            "last), or name another output (--output-key)."
        )
    return Selection(path, reduce, _class_axis(shape, labels))


def _entries(given: Any) -> Iterator[tuple[str, Any]]:
    """What a mapping, a data class or a sequence holds, under the names that reach it."""
    if isinstance(given, Mapping):
        yield from ((str(key), value) for key, value in given.items())
    elif dataclasses.is_dataclass(given) and not isinstance(given, type):
        yield from ((f.name, getattr(given, f.name)) for f in dataclasses.fields(given))
    elif isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        yield from ((str(place), value) for place, value in enumerate(given))
        yield from ((name, getattr(given, name)) for name in getattr(given, "_fields", ()))


def _leaves(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    if isinstance(given, Tensor):
        yield path, given
        return
    seen: set[int] = set()  # a named tuple's fields have places, too
    for key, value in _entries(given):
        if id(value) not in seen:
            seen.add(id(value))
            yield from _leaves(value, (*path, key))


def _named(given: Any, key: str) -> tuple[str, ...]:
    if isinstance(given, Tensor):
        raise UsageError(
            f"the model gives one tensor, {list(given.shape)}: leave --output-key out."
        )
    path = tuple(key.split("."))
    place = given
    for part in path:
        place = dict(_entries(place)).get(part)
        if place is None:
            break
    if place is None:
        raise UsageError(f"the model has no output {key!r}; it gives {_listed(given)}.")
    if not isinstance(place, Tensor):
        raise UsageError(
            f"the model's output {key!r} is more than one tensor; it gives {_listed(given)}."
        )
    return path


def _only(given: Any, reduced: bool) -> tuple[str, ...]:
    """The path of the one tensor that can be a prediction."""
    found = dict(_leaves(given))
    rows = [path for path, x in found.items() if reduced or _is_row(tuple(x.shape))]
    if len(found) == 1 or len(rows) == 1:
        return (rows or list(found))[0]
    if not found:
        raise ExportError(
            f"the model gave {type(given).__name__}; a tensor [1, classes] is needed."
        )
    raise ExportError(
        f"the model gives {_listed(given)}: name the one that holds the classes (--output-key KEY)."
    )


def _is_row(shape: Sequence[int]) -> bool:
    """One clip's values along one axis."""
    return torch.Size(shape).numel() == max(shape, default=1)


def _check_unambiguous(shape: Sequence[int], labels: int | None, length: int) -> None:
    """[1, T, 1] is one value a slice, or T classes."""
    if len(shape) == 3 and shape[1:] == (length, 1) and length > 1 and labels != length:
        raise ExportError(
            f"the model gives {list(shape)}: {length} classes, or one value for each of {length} "
            f"slices? Give {length} labels for the former, or --reduce mean, max or last."
        )


def _class_axis(shape: Sequence[int], labels: int | None) -> int:
    """Where the classes lie: as many as labels; else [N, K, …] of pictures, [N, T, K] of times."""
    fitting = [axis for axis, size in enumerate(shape) if size == labels]
    if len(fitting) == 1:
        return fitting[0]
    return 1 if len(shape) > 3 else len(shape) - 1


def _output(path: tuple[str, ...]) -> str:
    return f"the model's output {'.'.join(path)!r}" if path else "the model's output"


def _listed(given: Any) -> str:
    found = [f"{'.'.join(path)} {list(x.shape)}" for path, x in _leaves(given)]
    return ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
