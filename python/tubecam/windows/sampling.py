"""How a window's slices are taken from a video: the rate, and what fills up a short one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import _core
from ..errors import UsageError
from . import fields

PADS = tuple(_core.paddings())  # none, last, loop
RULES = ("rate", "uniform")
MARKS = ("padded", "resampled")  # keys of csrc/explain/marks.cc that are about sampling
_MOST_FPS = 240.0


class Sampling(NamedTuple):
    """Of one window."""

    fps: float  # slices a second; 0: unknown, of a clip that came as a whole
    stated_fps: float  # what the bundle states
    padding: str  # what the last slices are: "none", "last" (the last frame), "loop" (played again)
    padded: int  # how many slices that are


UNKNOWN = Sampling(0.0, 0.0, PADS[0], 0)


def from_fields(reported: Mapping[str, Any]) -> Sampling:
    """Of a message or an explanation."""
    return Sampling(**fields.group(reported, "sampling"))


def check(pad: str, rule: str) -> None:
    """Raises UsageError for words that are none of `PADS` and `RULES`."""
    for name, value, known in (("pad", pad, PADS), ("sampling", rule, RULES)):
        if value not in known:
            raise UsageError(f"{name} is {value!r}; choose one of {', '.join(known)}")


def uniform_rate(first: int, last: int, length: int) -> float:
    """Slices a second that spread `length` slices evenly from the first frame to the last one.

    Parameters
    ----------
    first, last
        The frames' times in nanoseconds.

    Returns
    -------
    float
        0, which stands for the bundle's own rate, where there is one frame or one slice only.
    """
    if last <= first or length < 2:
        return 0.0
    return min(_MOST_FPS, (length - 1) * 1e9 / (last - first))
