"""Marks: what a viewer has to know before believing an explanation (csrc/explain/marks.h)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import fields


class Mark(NamedTuple):
    """One thing that speaks against believing an explanation."""

    key: str  # stable: "not-class-specific"
    text: str  # a few words for people


def from_fields(reported: Mapping[str, Any]) -> tuple[Mark, ...]:
    """Those of a message or an explanation, none where it has no field `marks`."""
    return tuple(Mark(**mark) for mark in fields.each(reported, "mark"))
