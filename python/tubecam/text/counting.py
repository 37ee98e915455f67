"""Numbers and choices of things in words."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """`1 window`, `2 windows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def either(choices: Sequence[str]) -> str:
    """`crop, stretch or pad`."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
