"""One of several explained layers: a stream, a rate of frames, a group of channels."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import fields


class Pathway(NamedTuple):
    """One explained layer of a model that has several."""

    name: str
    layer: str
    of_flow: bool  # it sees the optical flow and not the picture
    tube: npt.NDArray[np.float32]  # [t, h, w], logit units
    stride: tuple[float, float, float]  # as Explanation.stride
    offset: tuple[float, float, float]
    relevance_sum: float  # before ReLU, logit units
    share: float  # per cent of the decision, NaN where pathways cancel

    @property
    def slices(self) -> npt.NDArray[np.float64]:
        """Where its cells lie in time, slices of the clip: float64 [t]."""
        return self.offset[0] + self.stride[0] * np.arange(len(self.tube))

    @property
    def segments(self) -> npt.NDArray[np.float64]:
        """Relevance of each of its cells in time, summed over the picture: float64 [t]."""
        return self.tube.sum((1, 2), dtype=np.float64)


def from_fields(reported: Mapping[str, Any]) -> tuple[Pathway, ...]:
    """Those of a message or an explanation, none where it has no `pathways`."""
    values = fields.each(reported, "pathway")
    return tuple(Pathway(*(value[name] for name in Pathway._fields)) for value in values)
