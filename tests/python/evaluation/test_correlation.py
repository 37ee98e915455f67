"""The correlation that every comparison of maps uses."""

from __future__ import annotations

import numpy as np
import pytest

from tubecam.evaluation.correlation import correlation, likeness


def test_it_is_pearsons(rng):
    a, b = rng.standard_normal((2, 3, 4, 5))
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert correlation(a, 3 * a + 1) == pytest.approx(1)
    assert correlation(a, 5 - 3 * a) == pytest.approx(-1)
    assert likeness(a, b) == correlation(a, b)


@pytest.mark.parametrize(
    "other", [np.ones(12), np.arange(5), np.full(12, np.nan), np.full(12, np.inf)]
)
def test_it_is_not_always_defined(other):
    assert correlation(np.arange(12.0), other) is None
    assert correlation(other, np.arange(12.0)) is None


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([1, 1], [2, 2], 1), ([1, 1], [1, 2], 0), ([1, 2], [2, 1], -1), ([1, np.nan], [1, 2], 0)],
)
def test_likeness_always_is(a, b, expected):
    assert likeness(a, b) == pytest.approx(expected) == pytest.approx(likeness(b, a))
