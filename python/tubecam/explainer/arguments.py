"""What callers give: values of another type than an argument takes are refused by its name."""

from __future__ import annotations

import math
import operator
import os
from typing import Any

from ..drawing.heat import HeatStyle
from ..errors import UsageError

_TEXTS = ("device", "engine", "fallback", "method", "precision")
_WHOLE = ("frozen_slice", "hop", "steps", "threads")
_PATHS = ("bundle", "cache_dir")


def check_types(**given: Any) -> None:
    """UsageError for the first argument that is not what its name stands for."""
    for name, value in given.items():
        wanted, fits = _kind(name, value)
        if not fits:
            raise UsageError(f"{name} must be {wanted}, not {value!r:.60}")


def nanoseconds(seconds: Any) -> int:
    """A presentation time in nanoseconds; UsageError where it is none."""
    if not _is_number(seconds) or not math.isfinite(seconds) or abs(seconds) > 2**62 / 1e9:
        raise UsageError(f"a presentation time must be a number of seconds, not {seconds}")
    return round(float(seconds) * 1e9)


def _kind(name: str, value: Any) -> tuple[str, bool]:
    if name in _TEXTS:
        return "a text", isinstance(value, str)
    if name in _PATHS:
        return "a path", isinstance(value, (str, os.PathLike))
    if name == "style":
        return "a HeatStyle", isinstance(value, HeatStyle)
    if name in _WHOLE:
        return "a whole number", _is_number(value, operator.index)
    return "a number", _is_number(value)


def _is_number(value: Any, convert: Any = float) -> bool:
    try:
        return not isinstance(value, (str, bytes)) and convert(value) is not None
    except (TypeError, ValueError, OverflowError):
        return False
