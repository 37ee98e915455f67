"""Words for a layer's grid: what one of its cells can depend on, and whether cells are few."""

from __future__ import annotations

from collections.abc import Sequence

COARSE = 5  # cells along the picture's shorter side; fewer look exact between them and are not


def is_coarse(shape: Sequence[int]) -> bool:
    """Of cells [.., h, w], as csrc/explain/marks.cc judges them."""
    return min(shape[-2:]) < COARSE


def field_text(field: Sequence[float] | None, clip: Sequence[int]) -> str:
    """A receptive field of slices, rows and columns in a clip of T×H×W; empty if it is unknown."""
    if not field:
        return ""
    if all(seen >= n for seen, n in zip(field, clip)):
        return "the whole clip"
    slices, rows, columns = (f"{seen:g}" for seen in field)
    return f"{slices} slice{'s' * (slices != '1')} of {columns}×{rows} pixels"
