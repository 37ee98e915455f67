"""Exact truths: equalities that hold on paper, tested on the kernels and on their definitions."""

from __future__ import annotations

import numpy as np
import pytest

import tiny_bundle
import tubecam
from tubecam import _core, reference
from tubecam.reference import cam3d as cam3d_reference

SAME = {"rtol": 2e-6, "atol": 1e-7}


def kernel(activation, method, **other):
    return _core.cam3d(activation, method, **other)[0]


def definition(activation, method, **other):
    return cam3d_reference.cam3d(activation, method, **other)[0]


@pytest.fixture(params=[kernel, definition], ids=["kernel", "definition"])
def cam3d(request):
    return request.param


@pytest.fixture
def pooled_head(rng):
    """Activation ≥ 0 and the weight of a head of average pool + linear, with its gradient."""
    activation = np.maximum(rng.normal(0, 1, (32, 4, 7, 6)), 0).astype(np.float32)
    weight = rng.normal(0, 1, 32).astype(np.float32)
    cells = activation[0].size
    gradient = np.broadcast_to((weight / cells)[:, None, None, None], activation.shape)
    return activation, weight, np.ascontiguousarray(gradient, np.float32), cells


def forms(weight, gradient):
    """The closed form, and the same network's gradient."""
    return {"weight": weight}, {"gradient": gradient}


def test_pooled_head_makes_the_cam_methods_one(cam3d, pooled_head):
    activation, weight, gradient, cells = pooled_head
    expected = cam3d(activation, "cam", weight=weight)
    for form in forms(weight, gradient):
        np.testing.assert_allclose(cam3d(activation, "hirescam", **form), expected, **SAME)
        for method in ("gradcam", "gradcam-frame", "xgradcam"):
            got = cam3d(activation, method, **form)
            np.testing.assert_allclose(got, np.maximum(expected, 0), **SAME)


def test_pooled_head_layercam(cam3d, pooled_head):
    activation, weight, gradient, cells = pooled_head
    expected = np.einsum("k,kthw->thw", np.maximum(weight, 0), activation) / cells
    for form in forms(weight, gradient):
        np.testing.assert_allclose(cam3d(activation, "layercam", **form), expected, **SAME)


def test_pooled_head_gradcam_plus_plus(cam3d, pooled_head):
    activation, weight, gradient, cells = pooled_head
    mean = activation.mean(axis=(1, 2, 3), dtype=np.float64)
    weights = np.maximum(weight, 0) / (2 + weight * mean) / cells
    expected = np.maximum(np.einsum("k,kthw->thw", weights, activation), 0)
    for form in forms(weight, gradient):
        np.testing.assert_allclose(cam3d(activation, "gradcam++", **form), expected, **SAME)


def test_gradient_that_varies_tells_the_methods_apart(cam3d, rng):
    activation = np.maximum(rng.normal(0, 1, (16, 4, 5, 5)), 0).astype(np.float32)
    gradient = rng.normal(0, 1, activation.shape).astype(np.float32)
    tubes = [cam3d(activation, method, gradient=gradient) for method in tiny_bundle.METHODS]
    for i, tube in enumerate(tubes):
        for other in tubes[:i]:
            assert np.abs(tube - other).max() > 0.1


@pytest.mark.parametrize("head", ["pool", "full"])
@pytest.mark.parametrize("target", [-1, 0, 4])
def test_hirescam_sums_to_the_logit_less_the_bias(tmp_path, head, target):
    """For any head that is linear in the layer, and through the whole engine."""
    bias = tiny_bundle.weights(head)["bias"]
    with tubecam.Explainer(tiny_bundle.write(tmp_path, head), method="hirescam") as explainer:
        explainer.target = target
        result = explainer.explain(tiny_bundle.clip())
    receipt, expected = (
        result.receipt,
        result.logits[result.target_index] - bias[result.target_index],
    )
    assert result.target_index == (result.label_index if target < 0 else target)
    assert receipt.relevance_sum == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert result.tube.sum(dtype=np.float64) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert receipt.logit == result.logits[result.target_index]


def test_averages_over_time_and_by_frame_agree_when_the_gradient_stands_still(cam3d, rng):
    activation = np.maximum(rng.normal(0, 1, (8, 5, 4, 4)), 0).astype(np.float32)
    frame = rng.normal(0, 1, (8, 1, 4, 4)).astype(np.float32)
    gradient = np.ascontiguousarray(np.broadcast_to(frame, activation.shape))
    per_frame = cam3d(activation, "gradcam-frame", gradient=gradient)
    np.testing.assert_allclose(cam3d(activation, "gradcam", gradient=gradient), per_frame, **SAME)


def test_tube_grows_with_the_logit(cam3d, pooled_head):
    """Logit units: a head twice as steep doubles the tube (Grad-CAM++ alone normalises it away)."""
    activation, weight, gradient, _ = pooled_head
    for method in ("gradcam", "gradcam-frame", "hirescam", "layercam", "xgradcam"):
        for form, double in zip(forms(weight, gradient), forms(2 * weight, 2 * gradient)):
            tube = cam3d(activation, method, **form)
            np.testing.assert_allclose(cam3d(activation, method, **double), 2 * tube, **SAME)


def test_curve_adds_up_to_the_tube(rng):
    """With a cell a slice, the curve is the tube's sum over space and adds up to its whole sum."""
    tube = rng.normal(0, 1, (6, 5, 7)).astype(np.float32)
    curve = _core.temporal_curve(tube, (1, 8, 8), (0, 3.5, 3.5), 6)
    np.testing.assert_allclose(curve, tube.sum(axis=(1, 2)), rtol=1e-5, atol=1e-5)


def test_reference_package_names_every_kernel():
    import importlib

    for kernel_name in ("preprocess", "cam3d", "tube", "overlay"):
        assert importlib.import_module(f"{reference.__name__}.{kernel_name}").__doc__
