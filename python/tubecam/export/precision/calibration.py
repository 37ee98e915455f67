"""Which magnitude becomes ±127: the ranges of a graph's tensors on clips that the user names.

Notes
-----
*Rule.* Of each tensor a histogram of magnitudes is taken over all windows, and the range is chosen
that makes the expected squared error least: what lies within is rounded (a twelfth of the step
squared, zeros cost nothing), what lies beyond is clipped. Migacz 2017 ("8-bit inference with
TensorRT") minimises the divergence of distributions in the same way; Banner et al. 2019
("Post-training 4-bit quantization of convolution networks") the squared error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import onnx

from ..trace.model_input import feeds
from ..verify.engine import compile_in_engine
from .int8 import LEVELS

RULE = "range of least squared error"
BINS = 4096


class Range(NamedTuple):
    """Of one tensor."""

    limit: float  # the magnitude that becomes ±127; 1 where all values are zero
    noise: float  # expected squared error of rounding and clipping over the mean square


class Histogram:
    """Of magnitudes, from 0 on; its bins grow by doubling where a greater value comes."""

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)  # of what is not zero
        self.width = 0.0  # of a bin; 0: nothing but zeros was seen
        self.greatest = 0.0

    def add(self, values: np.ndarray) -> None:
        """Counts all values, of any shape; those that are not finite raise ValueError."""
        sizes = np.abs(values.ravel())
        sizes = sizes[sizes != 0]
        if not sizes.size:
            return
        greatest = float(sizes.max())
        if not np.isfinite(greatest):
            raise ValueError("a value is not finite")
        self.greatest = max(self.greatest, greatest)
        self.width = self.width or greatest / BINS
        while self.greatest > BINS * self.width:
            pairs = self.counts.reshape(-1, 2).sum(1)
            self.counts = np.concatenate([pairs, np.zeros_like(pairs)])
            self.width *= 2
        places = np.minimum((sizes * (1 / self.width)).astype(np.int64), BINS - 1)
        self.counts += np.bincount(places, minlength=BINS)

    def range(self) -> Range:
        """What loses least."""
        if self.width == 0:
            return Range(1.0, 0.0)
        limits = self.width * np.arange(1, BINS + 1)
        errors = self._errors(limits)
        best = int(np.argmin(errors))
        power = float(np.sum(self.counts * (limits - self.width / 2) ** 2))
        return Range(float(min(limits[best], self.greatest)), float(errors[best]) / power)

    def _errors(self, limits: np.ndarray) -> np.ndarray:
        """Expected squared error of every range that ends with a bin."""
        middles = limits - self.width / 2
        within = np.cumsum(self.counts)
        # Σ n (m − limit)² over the bins beyond, from sums of n, n m and n m².
        zeroth, first, second = (
            np.sum(self.counts * middles**k) - np.cumsum(self.counts * middles**k) for k in range(3)
        )
        clipped = second - 2 * limits * first + limits**2 * zeroth
        return within * (limits / LEVELS) ** 2 / 12 + clipped


def ranges(
    model: onnx.ModelProto,
    names: Sequence[str],
    clips: Iterable[np.ndarray],
    step: Callable[[int], object] = lambda done: None,
) -> dict[str, Range]:
    """The range of each tensor `names` of a float32 graph over `clips` [1, T, C, H, W].

    `step` hears how many clips are done.
    """
    compiled = compile_in_engine(with_outputs(model, names).SerializeToString())
    found = {name: Histogram() for name in names}
    for done, clip in enumerate(clips, 1):
        result = compiled(feeds(clip, -1))
        for name, histogram in found.items():
            histogram.add(result[name])
        step(done)
    return {name: histogram.range() for name, histogram in found.items()}


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """A copy that gives these tensors too."""
    wider = onnx.ModelProto()
    wider.CopyFrom(model)
    known = {value.name for value in (*wider.graph.output, *wider.graph.input)}
    wider.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in known
    )
    return wider
