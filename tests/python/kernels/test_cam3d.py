"""cam3d against its NumPy definition, and input that must be refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import TOLERANCES
from tubecam import _core
from tubecam.errors import UnavailableError, UsageError
from tubecam.reference import cam3d as reference

METHODS = list(_core.methods("class-activation"))
# Each method with the head's weight and with a gradient, but for cam, which needs the weight.
FORMS = [(name, closed) for name in METHODS for closed in (True, False) if closed or name != "cam"]
shapes = st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))


def random_input(shape, seed, closed, signed):
    """Activation like a ReLU's (or signed) and the head's weight or a gradient."""
    rng = np.random.default_rng(seed)
    activation = rng.normal(0, 2, shape).astype(np.float32)
    if not signed:
        activation = np.maximum(activation, 0)
    if closed:
        return activation, {"weight": rng.normal(0, 1, shape[0]).astype(np.float32)}
    gradient = rng.normal(0, 1, shape).astype(np.float32)
    gradient[rng.random(shape) < 0.2] = 0
    return activation, {"gradient": gradient}


def assert_equals_reference(activation, method, other):
    tube, stats = _core.cam3d(activation, method, **other)
    expected, relevance = reference.cam3d(activation, method, **other)
    # Relative to what is summed: where terms of both signs cancel, the sum itself can be tiny.
    unit = max(1e-20, np.abs(relevance).max())
    assert tube.shape == activation.shape[1:] and tube.dtype == np.float32
    np.testing.assert_allclose(tube / unit, expected / unit, **TOLERANCES["cam3d"])
    assert stats.finite
    assert stats.max == tube.max() and stats.min == tube.min() and stats.peak == tube.argmax()
    assert abs(stats.sum - relevance.sum()) <= 1e-9 * np.abs(relevance).sum() + 1e-12


@settings(max_examples=60, deadline=None)
@given(shapes, st.integers(0, 2**32), st.sampled_from(METHODS), st.booleans())
def test_equals_definition(shape, seed, method, closed):
    closed = closed or method == "cam"
    activation, other = random_input(shape, seed, closed, signed=False)
    assert_equals_reference(activation, method, other)


@pytest.mark.parametrize("method, closed", [form for form in FORMS if form[0] != "gradcam++"])
def test_equals_definition_of_signed_activations(method, closed):
    # Not Grad-CAM++: its denominator passes through zero there.
    activation, other = random_input((64, 2, 7, 7), 4, closed, signed=True)
    assert_equals_reference(activation, method, other)


@pytest.mark.parametrize("method", METHODS)
def test_large_layer(method):
    activation, other = random_input((2048, 2, 7, 7), 1, method == "cam", signed=False)
    assert_equals_reference(activation, method, other)


@pytest.mark.parametrize("method", METHODS)
def test_same_bits_every_time(method):
    activation, other = random_input((96, 3, 7, 5), 2, method == "cam", signed=False)
    first, _ = _core.cam3d(activation, method, **other)
    for _ in range(3):
        np.testing.assert_array_equal(_core.cam3d(activation, method, **other)[0], first)


def test_dead_channels_count_nothing():
    activation = np.zeros((4, 2, 3, 3), np.float32)
    gradient = np.ones_like(activation)
    for method in METHODS:
        other = {"weight": np.ones(4, np.float32)} if method == "cam" else {"gradient": gradient}
        tube, stats = _core.cam3d(activation, method, **other)
        assert stats.finite and not tube.any()


@pytest.mark.parametrize("method, closed", FORMS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["activation", "other"])
def test_nan_and_infinity_are_noticed_anywhere(method, bad, where, closed):
    activation, other = random_input((5, 2, 3, 3), 3, closed, signed=False)
    (values,) = other.values()
    (activation if where == "activation" else values).flat[-1] = bad
    tube, stats = _core.cam3d(activation, method, **other)
    assert not stats.finite and not tube.any()


def test_overflow_of_float32_is_noticed():
    activation = np.full((2, 1, 1, 1), 3e38, np.float32)
    tube, stats = _core.cam3d(activation, "cam", weight=np.ones(2, np.float32))
    assert not stats.finite and not tube.any()


def test_strided_arrays_are_read_as_they_are():
    activation, other = random_input((8, 3, 6, 6), 5, False, signed=False)
    every_other = np.repeat(activation, 2, axis=3)[..., ::2]
    assert not every_other.flags.c_contiguous
    got, _ = _core.cam3d(every_other, "hirescam", **other)
    np.testing.assert_array_equal(got, _core.cam3d(activation, "hirescam", **other)[0])


def test_refuses_what_does_not_fit():
    a, w = np.ones((4, 2, 3, 3), np.float32), np.ones(4, np.float32)
    refused = [
        ((a, "nonsense"), {"weight": w}, "gradcam"),
        ((a, "cam"), {"gradient": a}, "weight"),
        ((a, "gradcam"), {}, "either"),
        ((a, "gradcam"), {"weight": w, "gradient": a}, "either"),
        ((a, "gradcam"), {"weight": w[:3]}, "fit"),
        ((a, "gradcam"), {"gradient": a[:, :1]}, "fit"),
        ((a.astype(np.float64), "gradcam"), {"weight": w}, "float64"),
        ((a[0], "gradcam"), {"weight": w}, r"\[2, 3, 3\]"),
        ((a[:0], "gradcam"), {"weight": w[:0]}, "positive"),
        ((a[:, :, :0], "gradcam"), {"weight": w}, "positive"),
    ]
    for arguments, keywords, words in refused:
        with pytest.raises(UsageError, match=words):
            _core.cam3d(*arguments, **keywords)


def test_unknown_device_is_no_silent_fallback(tmp_path):
    import tiny_bundle
    import tubecam

    missing = "TUBECAM_TENSORRT|libnvinfer|driver|there is no device"
    with pytest.raises(UnavailableError, match=missing):
        tubecam.Explainer(tiny_bundle.write(tmp_path), device="cuda:999")
