"""Arrays that callers give as clips: which axis is which, and what to do where it is another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import UsageError


def holds_bytes(array: Any) -> bool:
    """Whether it holds frames; what has no dtype of its own is a clip, and is looked at as one."""
    return str(getattr(array, "dtype", "")).removeprefix("torch.") == "uint8"


def detached(array: Any) -> Any:
    """A torch tensor without its gradient, which nothing here needs; anything else as it is."""
    return array.detach() if getattr(array, "requires_grad", False) is True else array


def one_clip(clip: Any, spec: _core.ClipSpec) -> Any:
    """A clip as explain() takes it: without a batch axis of 1, frames with their colours last.

    Raises
    ------
    UsageError
        It is a batch, or has the axes in an order that the message names.
    """
    clip = detached(clip)
    shape = tuple(getattr(clip, "shape", ()))
    if len(shape) == 5 and shape[0] == 1:
        return one_clip(clip[0], spec)
    if holds_bytes(clip) and len(shape) == 4 and shape[1] == 3 != shape[3]:
        return _colours_last(clip)
    found = _layout(shape, spec.length, holds_bytes(clip))
    if found:
        size = [spec.length, 3, spec.height, spec.width]
        raise UsageError(
            f"the clip {list(shape)} is {found}; one clip is float32 {size}, normalised, or uint8"
            f" [{spec.length}, height, width, 3]"
        )
    return clip


def slice_times(times: npt.ArrayLike) -> list[float]:
    """Seconds of a clip's slices; UsageError where they fall."""
    try:
        seconds = np.ravel(np.asarray(times, np.float64)).tolist()
    except (TypeError, ValueError) as error:
        raise UsageError(f"the times of a clip are seconds, not {times!r}") from error
    for before, after in zip(seconds, seconds[1:]):
        if after < before:
            raise UsageError(
                f"the times of a clip must not fall, and {after:g} s comes after {before:g} s"
            )
    return seconds


def _layout(shape: tuple[int, ...], length: int, frames: bool) -> str:
    """What is known of a layout that is not taken, else nothing."""
    if len(shape) == 5:
        return f"a batch of {shape[0]} clips: call explain() for each of them"
    if len(shape) != 4 or (frames and shape[3] in (3, 4)):
        return ""
    if shape[0] == 3 and shape[1] == length:
        return "colours first: swap the first two axes"
    if not frames and shape[3] == 3 and shape[1] != 3:
        return "frames that are not uint8: normalise them and move the colours to the second axis"
    return ""


def _colours_last(clip: Any) -> Any:
    if hasattr(clip, "permute"):
        return clip.permute(0, 2, 3, 1).contiguous()
    return clip.transpose(0, 2, 3, 1).copy()
