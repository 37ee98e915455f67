"""What is reported of a window, by the core's one list (csrc/explain/explanation_fields.h).

Metadata, element messages and the core's explanations hold the same fields under the same names.
``python -m tubecam.windows.fields`` prints the list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .. import _core
from ..errors import UsageError

T = TypeVar("T")

_DTYPES = {"float32": "<f4", "int64": "<i8"}
_MISSING = {"string": "", "double": math.nan}


class Field(NamedTuple):
    """A line of the list."""

    group: str  # "", "receipt", "sampling", "timings"; "pathway" and "mark", of which are several
    name: str  # in metadata; behind "pathway-i-" and "mark-i-"
    key: str  # in Python
    type: str  # boolean, int, uint64, double, string; of arrays float32 or int64
    parts: str  # "t, y, x": one number for each, under "name-t", "name-y" and "name-x"
    shape: str  # of an array: numbers, and names of its group's fields that hold them
    meaning: str
    optional: bool  # it may be missing

    def read(self, fields: Mapping[str, Any], prefix: str = "") -> Any:
        """Its value; where it is missing, "" for words, NaN for a number, else None."""
        names = [f"{prefix}{self.name}{part}" for part in self._endings()]
        if self.optional and names[0] not in fields:
            return None if self.parts else _MISSING.get(self.type)
        return tuple(fields[name] for name in names) if self.parts else fields[names[0]]

    def _endings(self) -> list[str]:
        return [f"-{part}" for part in self.parts.split(", ")] if self.parts else [""]

    def array(self, fields: Mapping[str, Any], prefix: str = "") -> np.ndarray:
        """The field's bytes as a read-only array of its shape."""
        name = prefix + self.name
        sides = self.shape.split(", ") if self.shape else ["-1"]
        try:
            shape = [fields[prefix + side] if side[0].isalpha() else int(side) for side in sides]
            return np.frombuffer(fields[name], _DTYPES[self.type]).reshape(shape)
        except (KeyError, ValueError) as error:
            raise UsageError(
                f'the field "{name}" does not have the size it states: {error}'
            ) from error


FIELDS = tuple(Field(*line) for line in _core.explanation_fields())


def group(fields: Mapping[str, Any], name: str, prefix: str = "") -> dict[str, Any]:
    """The fields of one group under Python's names."""
    return {field.key: field.read(fields, prefix) for field in FIELDS if field.group == name}


def each(fields: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The same of every pathway or mark."""
    return [group(fields, name, prefix) for prefix in _prefixes(fields, name)]


def filled(cls: type[T], values: Mapping[str, Any], **own: Any) -> T:
    """An object whose attributes have the names of the list's fields, but for its `own`."""
    return cls(**{name: values[name] for name in cls.__annotations__.keys() & values.keys()} | own)


def with_arrays(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields with arrays in the place of bytes.

    Raises
    ------
    UsageError
        An array does not have the size that it states.
    """
    arrays = {}
    for field in FIELDS:
        if field.type not in _DTYPES:
            continue
        for prefix in _prefixes(fields, field.group):
            if prefix + field.name in fields:
                arrays[prefix + field.name] = field.array(fields, prefix)
    return {**fields, **arrays}


def _prefixes(fields: Mapping[str, Any], name: str) -> list[str]:
    if name not in ("pathway", "mark"):
        return [""]
    return [f"{name}-{i}-" for i in range(int(fields.get(f"{name}s") or 0))]


def _print() -> None:
    for field in FIELDS:
        name = f"{field.group}-i-{field.name}" if _prefixes({}, field.group) == [] else field.name
        parts = f" -{field.parts.replace(', ', ' -')}" if field.parts else ""
        kind = f"bytes of {field.type}" if field.type in _DTYPES else field.type
        missing = "; may be missing" if field.optional else ""
        print(f"{name + parts:<32}{kind:<18}{field.meaning}{missing}")


if __name__ == "__main__":
    _print()
