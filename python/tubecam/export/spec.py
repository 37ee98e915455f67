"""Clip settings that are given to an export, on top of a model's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ..bundle.clip_spec import LIMITS, ClipSpec, FlowSpec
from ..errors import UsageError

__all__ = ["LIMITS", "ClipSpec", "FlowSpec", "clip_spec"]


def clip_spec(given: ClipSpec | Mapping[str, Any] | None, default: ClipSpec) -> ClipSpec:
    """`given` on top of `default`; a mapping may name some fields, or be a sidecar's entry."""
    if given is None:
        return default
    if isinstance(given, ClipSpec):
        return given
    values = dict(given)
    resize = values.get("resize")
    if isinstance(resize, Mapping):
        values["resize"] = resize.get("rule", default.resize)
        if "short_side" in resize:
            values["short_side"] = resize["short_side"]
    known = {f.name for f in fields(ClipSpec)}
    wrong = sorted(set(values) - known)
    if wrong:
        raise UsageError(f"unknown clip settings {', '.join(wrong)}; there are {sorted(known)}.")
    if values.get("resize", default.resize) != "crop":
        values.setdefault("short_side", None)
    return replace(default, **values)
