"""A tube on a frame: relevance at points of it, and all over it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import UsageError

MOST_PIXELS = 1 << 26


class OnFrame(Protocol):
    """What is read of an explanation."""

    tube: npt.NDArray[np.float32]
    stride: tuple[float, float, float]
    offset: tuple[float, float, float]
    clip: tuple[int, int, int]
    crop: tuple[float, float, float, float]


def sample(
    of: OnFrame, slices: npt.ArrayLike, x: npt.ArrayLike, y: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Relevance at slices of the clip and places relative to the frame; clamped outside."""
    left, top, width, height = of.crop
    down, across = height / of.clip[1], width / of.clip[2]  # of a clip pixel
    (every, rows, columns), (first, row, column) = of.stride, of.offset
    return _core.sample_tube(
        of.tube,
        (every, rows * down, columns * across),
        (first, top + (row + 0.5) * down, left + (column + 0.5) * across),
        slices, y, x,
    )  # fmt: skip


def points(*coordinates: npt.ArrayLike) -> list[npt.NDArray[np.float64]]:
    """As arrays of numbers; UsageError where they are none."""
    try:
        return [np.asarray(each, np.float64) for each in coordinates]
    except (TypeError, ValueError) as error:
        raise UsageError("a point is a time in seconds, x and y: numbers or arrays") from error


def heatmap(of: OnFrame, at: float, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Relevance over a frame of `size` (height, width) at one slice; 0 outside the crop."""
    if not _is_size(size):
        raise UsageError(f"the size of a heat map is its height and width in pixels, not {size}")
    y, x = ((np.arange(n) + 0.5) / n for n in size)
    left, top, width, height = of.crop
    values = sample(of, np.clip(at, 0, of.clip[0] - 1), x, y[:, None])
    values *= (np.abs(x - left - width / 2) <= width / 2).astype(np.float32)
    values *= (np.abs(y - top - height / 2) <= height / 2).astype(np.float32)[:, None]
    return values


def _is_size(size: Any) -> bool:
    sizes = np.asarray(size)
    if sizes.shape != (2,) or sizes.dtype.kind not in "iu":
        return False
    return sizes.min() >= 1 and int(sizes[0]) * int(sizes[1]) <= MOST_PIXELS
