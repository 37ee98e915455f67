"""The class that is explained, by its number or its name; or one class rather than another."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import UsageError

Target = int | tuple[int, int]  # a class, or one and the one that it is held against


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
        if isinstance(target, bool):  # would be class 0 or 1
            raise TypeError
        number = int(target) if isinstance(target, str) else operator.index(target)
    except (TypeError, ValueError):
        raise UsageError(f"target {target!r}: no such class; for instance {_some(target, labels)}"
                         ) from None  # fmt: skip
    if not -1 <= number < len(labels):
        raise UsageError(f"target {number}: the classes are 0 to {len(labels) - 1}")
    return number


def parse_target(target: Any, labels: Sequence[str]) -> Target:
    """As `class_number`; of "A:B" both numbers, of evidence for A rather than B.

    Raises
    ------
    UsageError
        There is no such class, or both are the same.
    """
    if not isinstance(target, str) or target in labels or ":" not in target:
        return class_number(target, labels)
    places = [i for i, letter in enumerate(target) if letter == ":"]
    pairs = [
        (target[:i].strip(), target[i + 1 :].strip()) for i in places
    ]  # labels may hold colons
    known = [pair for pair in pairs if all(side in labels for side in pair)] or pairs
    first, second = (class_number(side, labels) for side in known[0])
    if min(first, second) < 0 or first == second:
        raise UsageError(f"target {target!r}: a contrast names two different classes")
    return first, second


def parse_targets(target: Any, labels: Sequence[str]) -> tuple[list[Target], bool]:
    """One target or many, and whether there were many."""
    one = isinstance(target, (str, bytes)) or getattr(target, "ndim", None) == 0
    many = isinstance(target, Iterable) and not one  # an array without axes is a number
    return [parse_target(each, labels) for each in (target if many else [target])], many


def _some(target: Any, labels: Sequence[str]) -> str:
    alike = [name for name in labels if str(target).lower() in name.lower()]
    known = alike or labels
    return ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
