"""The class that is explained, by its number or its name."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError


def class_number(target: Any, labels: Sequence[str]) -> int:
    """A class's number; −1 stands for the predicted one.

    Parameters
    ----------
    target : int or str
        A number, also as text, or a label; a label that is a number is meant as a label.

    Raises
    ------
    UsageError
        There is no such class; the message names some.
    """
    if isinstance(target, str) and target in labels:
        return list(labels).index(target)
    try:
        number = int(target) if isinstance(target, str) else operator.index(target)
    except (TypeError, ValueError):
        raise UsageError(f"target {target!r}: no such class; for instance {_some(target, labels)}"
                         ) from None  # fmt: skip
    if not -1 <= number < len(labels):
        raise UsageError(f"target {number}: the classes are 0 to {len(labels) - 1}")
    return number


def _some(target: Any, labels: Sequence[str]) -> str:
    alike = [name for name in labels if str(target).lower() in name.lower()]
    known = alike or labels
    return ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
