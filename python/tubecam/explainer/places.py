"""Where and when relevance is high: a window's peak and boxes, a stream's signal."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Peak(NamedTuple):
    """Where relevance is greatest."""

    time: float  # seconds
    x: float  # relative to the frame, 0…1 from left to right
    y: float  # relative to the frame, 0…1 from top to bottom
    value: float  # in the receipt's unit


class Signal(NamedTuple):
    """A part of a stream's relevance over time."""

    pts: npt.NDArray[np.int64]  # nanoseconds, [n]
    values: npt.NDArray[np.float32]  # in the receipt's unit, summed over the picture, [n]


class Box(NamedTuple):
    """A region of high relevance, relative to the frame (0…1)."""

    x: float
    y: float
    width: float
    height: float
    value: float  # greatest relevance inside, in the receipt's unit
