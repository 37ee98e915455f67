"""Marks: what a viewer has to know before believing an explanation (csrc/explain/marks.h)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Mark(NamedTuple):
    """One thing that speaks against believing an explanation."""

    key: str  # stable: "not-class-specific"
    text: str  # a few words for people


def from_fields(fields: Mapping[str, Any]) -> tuple[Mark, ...]:
    """Those of an element message (csrc/plugin/meta/meta.h), none where it has no field `marks`."""
    return tuple(
        Mark(str(fields[f"mark-{i}-key"]), str(fields[f"mark-{i}-text"]))
        for i in range(int(fields.get("marks") or 0))
    )
