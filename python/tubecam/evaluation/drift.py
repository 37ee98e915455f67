"""How far an engine's explanations lie from the float32 reference's."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .correlation import likeness

if TYPE_CHECKING:
    from ..bundle.clip_spec import ClipSpec
    from ..explainer.explainer import Explainer
    from ..explainer.explanation import Explanation

LEAST_CORRELATION = 0.99  # below it, an explanation shows something else
MOST_PEAK_SHIFT = 1.0  # cells


@dataclass(frozen=True)
class Drift:
    """Two explanations of one clip.

    Attributes
    ----------
    correlation
        Of the tubes (:func:`.correlation.likeness`).
    peak_shift
        The greatest distance between the peaks along time, height or width, in cells.
    logit_error
        The greatest difference of logits, relative to the reference's greatest.
    same_label
        Both predict the same class.
    """

    correlation: float
    peak_shift: float
    logit_error: float
    same_label: bool

    @property
    def harmless(self) -> bool:
        """The explanation says the same."""
        return (
            self.same_label
            and self.correlation >= LEAST_CORRELATION
            and self.peak_shift <= MOST_PEAK_SHIFT
        )


def compare(reference: Explanation, other: Explanation) -> Drift:
    """The drift of `other` from `reference`; both explain the same clip by the same method."""
    first, second = (np.asarray(e.tube, np.float64) for e in (reference, other))
    peaks = [np.unravel_index(int(tube.argmax()), tube.shape) for tube in (first, second)]
    shift = max(abs(int(a) - int(b)) for a, b in zip(*peaks, strict=True))
    logits, others = (np.asarray(e.logits, np.float64) for e in (reference, other))
    largest = max(float(np.abs(logits).max()), np.finfo(np.float32).tiny)
    return Drift(
        likeness(first, second),
        float(shift),
        float(np.abs(logits - others).max()) / largest,
        reference.label_index == other.label_index,
    )


def sample_clip(explainer: Explainer, seed: int = 0) -> npt.NDArray[np.float32]:
    """A clip [T, 3, H, W] of smooth noise that moves, in the range of normalised pictures."""
    return moving_noise(explainer.clip_spec, seed)


def moving_noise(spec: ClipSpec, seed: int = 0) -> npt.NDArray[np.float32]:
    """The same for a clip's length, height and width."""
    random = np.random.default_rng(seed)
    coarse = random.normal(size=(3, spec.height // 8 + 2, spec.width // 8 + 2))
    picture = coarse.repeat(8, 1).repeat(8, 2)[:, : spec.height, : spec.width]
    slices = [np.roll(picture, (2 * t, 3 * t), (1, 2)) for t in range(spec.length)]
    return np.ascontiguousarray(slices, np.float32)


def median_milliseconds(explainer: Explainer, clip: npt.NDArray, repeats: int = 10) -> float:
    """How long one explanation takes, after a warm-up."""
    explainer.explain(clip)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        explainer.explain(clip)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)
