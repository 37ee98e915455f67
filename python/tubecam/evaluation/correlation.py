"""How alike two maps are: Pearson's correlation over all of their cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def correlation(one: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """Pearson's correlation, -1…1, of two arrays of one size and any shape.

    None where it is not defined: an array is the same everywhere or holds values that are not
    finite, or the sizes differ.
    """
    a, b = (np.asarray(values, np.float64).ravel() for values in (one, other))
    if a.size != b.size or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 0 else None


def likeness(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """The correlation, and a number where it is not defined.

    Two maps that are each the same everywhere are alike (1); one like that is unrelated to any
    other, and so is one with values that are not finite (0).
    """
    found = correlation(one, other)
    return float(np.ptp(one) == np.ptp(other) == 0) if found is None else found
