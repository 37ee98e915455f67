"""Methods of a few passes against their definitions, by autograd in float64."""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
import tubecam  # noqa: E402
from tubecam import MethodOptions, UsageError  # noqa: E402
from tubecam.export import export  # noqa: E402

METHODS = ["integrated-gradients", "smoothgrad", "gradient-shap"]
SHAPE = (nets.CLIP["length"], 3, nets.CLIP["height"], nets.CLIP["width"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few") / "net"
    export(nets.seeded(nets.Hard), folder, methods=METHODS, clip=nets.CLIP, measure=False)
    return folder


@pytest.fixture(scope="module")
def model():
    return nets.seeded(nets.Hard).double()


@pytest.fixture
def clip(rng):
    return rng.standard_normal(SHAPE).astype(np.float32)


def gradient(model, clip, target):
    """∂logit/∂clip [T, 3, H, W] and the logit."""
    x = torch.from_numpy(np.asarray(clip, np.float64))[None].requires_grad_()
    logits = model(x.transpose(1, 2))
    (found,) = torch.autograd.grad(logits[0, target], x)
    return found[0].numpy(), logits[0, target].item()


def integrated(model, clip, baseline, target, steps):
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    step = clip.astype(np.float64) - baseline
    places = [baseline + (1 + node) / 2 * step for node in nodes]
    mean = sum(w / 2 * gradient(model, p, target)[0] for w, p in zip(weights, places, strict=True))
    return (mean * step).sum(1)


def relative(got, want):
    return float(np.abs(got - want).max() / np.abs(want).max())


@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_integrated_gradients(folder, model, clip, steps):
    with tubecam.Explainer(folder, options=MethodOptions(steps=steps)) as explainer:
        found = explainer.explain(clip)
    want = integrated(model, clip, np.zeros(SHAPE), found.target_index, steps)
    assert found.tube.shape == want.shape == (SHAPE[0], *SHAPE[2:])
    assert relative(found.tube, want) < 1e-4
    assert found.receipt.passes == steps + 2
    baseline_logit = gradient(model, np.zeros(SHAPE), found.target_index)[1]
    assert found.receipt.baseline_logit == pytest.approx(baseline_logit, rel=1e-4, abs=1e-5)
    difference = found.logits[found.target_index] - baseline_logit
    assert found.receipt.conservation == pytest.approx(want.sum() / difference, rel=1e-3)


def test_more_steps_complete(folder, clip):
    gaps = []
    for steps in (1, 40):
        with tubecam.Explainer(folder, options=MethodOptions(steps=steps)) as explainer:
            gaps.append(abs(1 - explainer.explain(clip).receipt.conservation))
    assert gaps[1] < 0.02 and gaps[1] < gaps[0]


def test_a_frozen_baseline_leaves_motion_alone(folder, model, clip):
    baseline = np.repeat(clip[SHAPE[0] // 2][None], SHAPE[0], axis=0)
    with tubecam.Explainer(folder, options=MethodOptions(baseline="frozen")) as explainer:
        found = explainer.explain(clip)
        still = explainer.explain(baseline)
    want = integrated(model, clip, baseline, found.target_index, 8)
    assert relative(found.tube, want) < 1e-4
    assert not still.tube.any() and np.isnan(still.receipt.conservation)


def test_a_blurred_baseline_keeps_what_is_smooth(folder, clip):
    flat = np.broadcast_to(np.float32([0.5, -1, 2])[:, None, None], SHAPE).copy()
    with tubecam.Explainer(folder, options=MethodOptions(baseline="blurred")) as explainer:
        assert np.abs(explainer.explain(flat).tube).max() < 1e-5
        assert np.abs(explainer.explain(clip).tube).max() > 1e-3


def test_a_baseline_of_ones_own(folder, model, clip, rng):
    baseline = rng.standard_normal(SHAPE).astype(np.float32)
    with tubecam.Explainer(folder, options=MethodOptions(baseline=baseline)) as explainer:
        found = explainer.explain(clip)
    assert relative(found.tube, integrated(model, clip, baseline, found.target_index, 8)) < 1e-4


class Straight(nn.Module):
    """A ReLU network without biases is homogeneous: its gradient is constant along a ray."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 6, 3, padding=1, bias=False)
        self.second = nn.Conv3d(6, 8, 3, padding=1, stride=2, bias=False)
        self.head = nn.Linear(8, 4, bias=False)

    def forward(self, x):
        x = self.second(self.first(x).relu()).relu()
        return self.head(x.mean((2, 3, 4)))


def test_one_step_is_exact_without_biases(tmp_path, clip):
    model = nets.seeded(Straight)
    methods = ["integrated-gradients", "gradient-x-input"]
    export(model, tmp_path / "b", methods=methods, clip=nets.CLIP, measure=False)
    with tubecam.Explainer(tmp_path / "b", options=MethodOptions(steps=1)) as explainer:
        found = explainer.explain(clip)
        explainer.method = "gradient-x-input"
        product = explainer.explain(clip)
    assert found.receipt.conservation == pytest.approx(1, abs=1e-4)
    assert relative(found.tube, product.tube) < 1e-4


def test_smoothgrad_without_noise_is_the_sensitivity(folder, model, clip):
    with tubecam.Explainer(
        folder, method="smoothgrad", options=MethodOptions(steps=2, noise=0)
    ) as explainer:
        found = explainer.explain(clip)
    want = np.abs(gradient(model, clip, found.target_index)[0]).sum(1)
    assert relative(found.tube, want) < 1e-4
    assert np.isnan(found.receipt.conservation) and np.isnan(found.receipt.baseline_logit)


def test_smoothgrad_averages_over_noise(folder, model, clip):
    """With many draws it nears the mean over draws of another generator's."""
    options = MethodOptions(steps=200, noise=0.1)
    with tubecam.Explainer(folder, method="smoothgrad", options=options) as explainer:
        found, again = explainer.explain(clip), explainer.explain(clip)
    np.testing.assert_array_equal(found.tube, again.tube)
    random = np.random.default_rng(8)
    spread = 0.1 * (clip.max() - clip.min())
    draws = [
        gradient(model, clip + spread * random.standard_normal(SHAPE), found.target_index)[0]
        for _ in range(200)
    ]
    want = np.abs(np.mean(draws, 0)).sum(1)
    still = np.abs(gradient(model, clip, found.target_index)[0]).sum(1)
    away = np.linalg.norm(found.tube - want) / np.linalg.norm(want)
    assert away < 0.5 * np.linalg.norm(still - want) / np.linalg.norm(want)


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 5, 3, padding=1)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3, 4)))


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_expected_gradients_of_a_linear_network_are_exact(tmp_path, clip, steps):
    """Its gradient g is constant, so that relevance is g ⊙ (x − mean baseline)."""
    model = nets.seeded(Flat)
    clip += 1  # so that the logits differ by more than their rounding
    export(model, tmp_path / "b", methods=["gradient-shap"], clip=nets.CLIP, measure=False)
    with tubecam.Explainer(tmp_path / "b", options=MethodOptions(steps=steps)) as explainer:
        found = explainer.explain(clip)
    assert found.receipt.conservation == pytest.approx(1, abs=1e-4)
    g, _ = gradient(model.double(), clip, found.target_index)
    if steps == 1:  # the zero clip alone
        assert relative(found.tube, (g * clip).sum(1)) < 1e-4


def test_cells_sum_what_lies_in_them(tmp_path, folder, clip):
    export(
        nets.seeded(nets.Hard), tmp_path / "b", methods=METHODS, clip=nets.CLIP, measure=False,
        pool=(2, 4, 2),
    )  # fmt: skip
    with tubecam.Explainer(folder) as fine, tubecam.Explainer(tmp_path / "b") as coarse:
        want, found = fine.explain(clip).tube, coarse.explain(clip).tube
    t, h, w = want.shape
    want = want.reshape(t // 2, 2, h // 4, 4, w // 2, 2).sum((1, 3, 5))
    assert relative(found, want) < 1e-4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps must be 1 … 1024, not 0"),
        ({"noise": -1.0}, "noise must be a share of the clip's range"),
        ({"noise": float("nan")}, "noise must be"),
        ({"baseline": "grey"}, 'unknown baseline "grey": choose zero, blurred or frozen'),
        ({"baseline": np.zeros((2, 3, 4, 4), np.float32)}, "the baseline has 96 values; a clip of"),
        ({"baseline": np.zeros((2, 3, 4), np.float32)}, "expected a baseline float32"),
        ({"baseline": np.full(SHAPE, np.inf, np.float32)}, "the baseline holds NaN or infinity"),
        ({"sigma": -1.0}, "sigma must be a number of standard deviations"),
        ({"frozen_slice": SHAPE[0]}, "the frozen slice must be"),
    ],
)
def test_options_out_of_range(folder, options, words):
    with pytest.raises(UsageError, match=words):
        tubecam.Explainer(folder, options=MethodOptions(**options))
    with tubecam.Explainer(folder) as explainer:
        with pytest.raises(UsageError, match=words):
            explainer.options = MethodOptions(**options)
        assert explainer.options.steps == 8  # as before


def test_a_clip_with_nan_is_refused(folder, clip):
    clip[1, 0, 2, 3] = np.nan
    with tubecam.Explainer(folder) as explainer:
        found = explainer.explain(clip)
    assert not found.valid and "the clip holds NaN" in found.problem and not found.tube.any()
