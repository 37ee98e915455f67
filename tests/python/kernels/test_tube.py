"""Sampling, temporal curve, peak and boxes against their NumPy definitions, and exact truths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import TOLERANCES
from tubecam import _core
from tubecam.errors import UsageError
from tubecam.reference import tube as reference

tubes = st.builds(
    lambda shape, seed: np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32),
    st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 2**32),
)
strides = st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 7.3, 8.0, 16.0])] * 3)
offsets = st.tuples(*[st.sampled_from([-3.5, 0.0, 0.5, 7.5])] * 3)


@settings(max_examples=40, deadline=None)
@given(tubes, strides, offsets, st.integers(0, 2**32))
def test_samples_equal_definition(tube, stride, offset, seed):
    rng = np.random.default_rng(seed)
    reach = np.asarray(tube.shape) * stride
    points = offset + rng.uniform(-0.3, 1.3, (20, 3)) * reach
    got = _core.sample_tube(tube, stride, offset, *points.T)
    expected = [reference.sample_tube(tube, stride, offset, point) for point in points]
    unit = np.abs(tube).max()
    np.testing.assert_allclose(got / unit, np.array(expected) / unit, **TOLERANCES["tube"])


@pytest.mark.parametrize(
    "shapes",
    [((), (5, 1), (7,)), ((4, 1, 1), (5, 1), (7,)), ((2, 3), (2, 3), (2, 3)), ((), (), ()),
     ((3, 1), (1, 3), (3, 3)), ((0,), (), (1,)), ((2, 1, 3), (4, 1), (1, 1, 1))],
)  # fmt: skip
def test_samples_are_broadcast_as_numpy_does(rng, shapes):
    tube = rng.normal(0, 1, (3, 4, 5)).astype(np.float32)
    at = [rng.uniform(-1, 6, shape) for shape in shapes]
    got = _core.sample_tube(tube, (1, 1, 1), (0, 0, 0), *at)
    full = np.broadcast_arrays(*at)
    one_by_one = [
        _core.sample_tube(tube, (1, 1, 1), (0, 0, 0), *p) for p in zip(*map(np.ravel, full))
    ]
    assert got.shape == full[0].shape
    np.testing.assert_array_equal(got.ravel(), one_by_one)
    views = [array[..., ::-1] if array.ndim else array for array in full]
    got = _core.sample_tube(tube, (1, 1, 1), (0, 0, 0), *views)
    np.testing.assert_array_equal(
        got[..., ::-1] if got.ndim else got, np.reshape(one_by_one, full[0].shape)
    )


@settings(max_examples=40, deadline=None)
@given(tubes, strides, offsets)
def test_cell_centres_give_the_cells_back(tube, stride, offset):
    cells = np.stack(np.indices(tube.shape), axis=-1).reshape(-1, 3)
    points = np.asarray(offset) + np.asarray(stride) * cells
    got = _core.sample_tube(tube, stride, offset, *points.T).reshape(tube.shape)
    np.testing.assert_allclose(got, tube, rtol=1e-6, atol=1e-6)
    if all(float(step).is_integer() for step in stride):
        np.testing.assert_array_equal(got, tube)


@settings(max_examples=40, deadline=None)
@given(tubes, strides, offsets, st.integers(1, 32))
def test_planes_and_curve_equal_definition(tube, stride, offset, length):
    unit = np.abs(tube).max()
    for position in np.linspace(-2, length + 2, 7):
        got = _core.tube_plane(tube, stride, offset, position)
        expected = reference.tube_plane(tube, stride, offset, position)
        np.testing.assert_allclose(got / unit, expected / unit, **TOLERANCES["tube"])
    curve = _core.temporal_curve(tube, stride, offset, length)
    expected = reference.temporal_curve(tube, stride, offset, length)
    unit *= tube[0].size
    np.testing.assert_allclose(curve / unit, expected / unit, **TOLERANCES["tube"])


@given(tubes, strides, offsets)
def test_peak_is_the_first_maximum(tube, stride, offset):
    peak = _core.tube_peak(tube, stride, offset)
    cell = np.unravel_index(tube.argmax(), tube.shape)
    assert peak.value == tube.max()
    expected = np.asarray(offset) + np.asarray(stride) * cell
    np.testing.assert_allclose([peak.slice, peak.y, peak.x], expected)


@settings(max_examples=60, deadline=None)
@given(tubes, strides, offsets, st.floats(-1, 1), st.booleans())
def test_boxes_equal_definition(tube, stride, offset, threshold, wide):
    source = (0.125, 0.0, 0.75, 1.0) if wide else (0.0, -0.25, 1.0, 1.5)
    plane, threshold = tube[0], float(np.float32(threshold))
    arguments = (stride, offset, 40, 48, source, threshold)
    got = _core.plane_boxes(plane, *arguments, limit=1000)
    expected = reference.plane_boxes(plane, *arguments)
    values = [(box.x, box.y, box.width, box.height, box.value) for box in got]
    assert len(values) == len(expected)
    np.testing.assert_allclose(
        np.reshape(values, (-1, 5)), np.reshape(expected, (-1, 5)), atol=1e-6
    )


def test_diagonal_neighbours_are_two_regions_and_the_limit_keeps_the_greatest():
    plane = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)
    arguments = ((1, 1, 1), (0, 0, 0), 3, 3, (0, 0, 1, 1), 0.5)
    assert [box.value for box in _core.plane_boxes(plane, *arguments)] == [3, 2, 1]
    assert [box.value for box in _core.plane_boxes(plane, *arguments, limit=1)] == [3]


def test_a_cell_covers_its_stride():
    plane = np.zeros((4, 4), np.float32)
    plane[1, 2] = 1
    (box,) = _core.plane_boxes(plane, (1, 8, 8), (0, 3.5, 3.5), 32, 32, (0, 0, 1, 1), 0.5)
    assert (box.x, box.y, box.width, box.height) == (0.5, 0.25, 0.25, 0.25)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.integers(-3, 40))
def test_slice_at_is_monotone_and_inside(steps, time):
    pts = np.cumsum(steps).astype(np.int64)
    position = _core.slice_at(pts, time)
    assert 0 <= position <= len(pts) - 1
    assert position <= _core.slice_at(pts, time + 1)
    if time in pts:
        assert pts[round(position)] == time
    elif pts[0] < time < pts[-1]:
        low = int(position)
        assert pts[low] < time < pts[low + 1]


def test_refuses_what_does_not_fit():
    tube, ones, zeros = np.ones((2, 3, 3), np.float32), (1, 1, 1), (0, 0, 0)
    with pytest.raises(UsageError, match="stride"):
        _core.tube_plane(tube, (0, 1, 1), zeros, 0.0)
    with pytest.raises(UsageError, match="float64"):
        _core.tube_plane(tube.astype(np.float64), ones, zeros, 0.0)
    with pytest.raises(UsageError, match="positive"):
        _core.tube_peak(tube[:0], ones, zeros)
    with pytest.raises(UsageError, match=r"\[4\], float64 \[3, 1\] and float64 \[3\]"):
        _core.sample_tube(tube, ones, zeros, np.zeros(4), np.zeros((3, 1)), np.zeros(3))
    for bad in range(3):
        with pytest.raises(UsageError, match="NaN"):
            _core.sample_tube(tube, ones, zeros, *np.where(np.arange(3) == bad, np.nan, 0))
    with pytest.raises(UsageError, match="length"):
        _core.temporal_curve(tube, ones, zeros, 0)
    assert np.isfinite(_core.tube_plane(tube, ones, zeros, float("nan"))).all()
