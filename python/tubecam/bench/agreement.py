"""How far one map lies from another: in two precisions, and a peer's from ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..evaluation.correlation import correlation
from ..evaluation.drift import compare, sample_clip
from ..explainer.explainer import Explainer

DRIFT_CLIPS = 8  # on which maps of two precisions are compared
SAME = 0.999  # correlation from which on two maps are the same method's


def drift_over(reference: Explainer, other: Explainer) -> dict[str, Any]:
    """How far the maps of one precision lie from another's, over synthetic clips."""
    drifts = []
    for seed in range(DRIFT_CLIPS):
        clip = sample_clip(reference, seed)
        expected = reference.explain(clip)
        other.target = expected.target  # a tie may fall the other way
        drifts.append(compare(expected, other.explain(clip)))
    other.target = reference.target
    return {
        "same_method": True,
        "correlation": float(np.mean([d.correlation for d in drifts])),
        "correlation_min": min(d.correlation for d in drifts),
        "peak_shift": max(d.peak_shift for d in drifts),
        "logit_error": max(d.logit_error for d in drifts),
        "same_label": float(np.mean([d.same_label for d in drifts])),
        "clips": DRIFT_CLIPS,
    }


def agree(tube: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """Whether two maps are one method's: Pearson's correlation and, in equal units, the drift."""
    if np.shape(tube) != reference.shape:
        return {"same_method": False, "correlation": None, "drift": None}
    found, scale = correlation(tube, reference), float(np.abs(reference).max())
    drift = float(np.abs(tube - reference).max()) / scale if scale > 0 else None
    return {
        "same_method": found is not None and found >= SAME,
        "correlation": found,
        "drift": drift,
    }
