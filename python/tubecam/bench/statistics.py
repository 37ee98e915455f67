"""Numbers from samples: percentiles with their conditions, spread, ratios with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

PERCENTILES = (50, 90, 99)
BLOCKS = 5  # of successive samples, whose medians show how steady the machine was
RESAMPLES = 2000
CONFIDENCE = 95  # per cent


def samples_needed(percentile: int) -> int:
    """The fewest samples of which one is expected beyond a percentile: 10 for p90, 100 for p99."""
    return max(2, round(100 / (100 - percentile)))


def summarise(samples: Sequence[float]) -> dict[str, float | int | None]:
    """Percentiles, maximum, count and spread of samples of one unit.

    Returns
    -------
    dict
        ``n``, ``p50``, ``p90``, ``p99``, ``max`` and ``spread``; a percentile for which there are
        too few samples (`samples_needed`) is None, and so is all of an empty series.
    """
    values = np.asarray(samples, np.float64)
    values = values[np.isfinite(values)]
    few = {q: values.size < samples_needed(q) for q in PERCENTILES}
    found = {f"p{q}": None if few[q] else float(np.percentile(values, q)) for q in PERCENTILES}
    largest = float(values.max()) if values.size else None
    return {"n": int(values.size), **found, "max": largest, "spread": spread(values)}


def spread(samples: npt.ArrayLike) -> float | None:
    """How far the medians of five successive blocks lie apart, relative to the whole's median.

    None below two samples a block: then nothing is known about it.
    """
    values = np.asarray(samples, np.float64)
    if values.size < 2 * BLOCKS:
        return None
    medians = [np.median(block) for block in np.array_split(values, BLOCKS)]
    middle = float(np.median(values))
    return (max(medians) - min(medians)) / middle if middle > 0 else 0.0


def paired_ratio(
    above: Sequence[float], below: Sequence[float], seed: int = 0
) -> dict[str, float | int] | None:
    """Ratio of the medians of two series of the same rounds, with its bootstrap interval.

    Rounds are drawn with replacement, both series together, so that what disturbed a round counts
    once (Efron & Tibshirani, "An Introduction to the Bootstrap", percentile method). NaN marks a
    round in which a series has no sample.

    Returns
    -------
    dict or None
        ``value``, ``low``, ``high`` (95 %) and ``n`` rounds; None below three rounds.
    """
    pairs = np.stack([np.asarray(above, np.float64), np.asarray(below, np.float64)])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    count = pairs.shape[1]
    if count < 3:
        return None
    draws = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    medians = np.median(pairs[:, draws], axis=2)
    return _interval(pairs, medians[0] / medians[1], count)


def ratio(
    above: Sequence[float], below: Sequence[float], seed: int = 0
) -> dict[str, float | int] | None:
    """The same for two series that were not measured together; each is resampled by itself."""
    series = [np.asarray(s, np.float64) for s in (above, below)]
    series = [s[np.isfinite(s)] for s in series]
    if min(s.size for s in series) < 3:
        return None
    random = np.random.default_rng(seed)
    medians = [np.median(random.choice(s, (RESAMPLES, s.size)), axis=1) for s in series]
    return _interval(series, medians[0] / medians[1], min(s.size for s in series))


def _interval(series, ratios: npt.NDArray, count: int) -> dict[str, float | int]:
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(ratios, [tail, 100 - tail])
    value = np.median(series[0]) / np.median(series[1])
    return {"value": float(value), "low": float(low), "high": float(high), "n": count}
