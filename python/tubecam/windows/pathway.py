"""One of several explained layers: a stream, a rate of frames, a group of channels."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


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


def from_fields(fields: Mapping[str, Any]) -> tuple[Pathway, ...]:
    """Those of an element message (csrc/plugin/meta/meta.h), none where it has no `pathways`."""
    return tuple(_one(fields, f"pathway-{i}-") for i in range(int(fields.get("pathways") or 0)))


def _one(fields: Mapping[str, Any], prefix: str) -> Pathway:
    def triple(name: str, axes: str) -> tuple[Any, Any, Any]:
        first, second, third = (fields[f"{prefix}{name}{axis}"] for axis in axes)
        return first, second, third

    return Pathway(
        str(fields[f"{prefix}name"]),
        str(fields[f"{prefix}layer"]),
        bool(fields[f"{prefix}of-flow"]),
        np.reshape(np.asarray(fields[f"{prefix}tube"], np.float32), triple("", "thw")),
        triple("stride-", "tyx"),
        triple("offset-", "tyx"),
        float(fields[f"{prefix}relevance-sum"]),
        float(fields[f"{prefix}share"]),
    )
