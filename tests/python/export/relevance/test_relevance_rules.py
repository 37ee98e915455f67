"""Each rule against its slow definition, and the exact equalities between methods, in float64."""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import relevance_rules as slow  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export.models.load import load_source  # noqa: E402
from tubecam.export.relevance import weighted  # noqa: E402
from tubecam.export.relevance.domain import domain_of  # noqa: E402
from tubecam.export.relevance.propagate import Relevance  # noqa: E402
from tubecam.export.spec import ClipSpec  # noqa: E402
from tubecam.export.trace.batch_norm_folding import fold_batch_norm, fold_constants  # noqa: E402
from tubecam.export.trace.capture import capture  # noqa: E402

SHAPE = (1, 4, 3, 8, 8)
LRP = (
    "lrp-epsilon", "lrp-alpha1beta0", "deep-taylor", "lrp-epsilon-plus", "lrp-epsilon-plus-flat",
    "lrp-gamma", "excitation-backprop",
)  # fmt: skip
SPEC = ClipSpec(4, 8, 8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
EXACT = 1e-6  # models are float32, so that a folded normalisation is rounded once


def captured_of(model, example=None):
    captured = capture(model, clip() if example is None else example, False)
    fold_constants(captured.module)
    fold_batch_norm(captured, ())
    return captured


def relevance(model, method, x, target=-1, pool=(1, 1, 1), reference=None):
    """Logits and relevance in float64."""
    explain = Relevance(captured_of(model), method, pool, domain_of(SPEC, reference))
    with torch.no_grad():
        return explain(x, torch.tensor([target]))


def clip(seed=3):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def made(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        return build().eval()


def assert_close(got, want, tolerance=EXACT):
    got, want = np.asarray(got), np.asarray(want)
    assert np.abs(want).max() > 0
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * np.abs(want).max())


def layers(bias=True):
    return [
        nn.Conv3d(3, 4, (2, 3, 3), (1, 2, 2), (1, 0, 1), bias=bias), nn.ReLU(),
        nn.Conv3d(4, 6, 2, 1, 1, dilation=(1, 2, 2), groups=2, bias=bias), nn.ReLU(),
        nn.Flatten(), nn.Linear(6 * 6 * 3 * 4, 3, bias=bias),
    ]  # fmt: skip


RULES = {
    "lrp-epsilon": {nn.Conv3d: "epsilon", nn.Linear: "epsilon"},
    "lrp-alpha1beta0": {nn.Conv3d: "alpha1beta0", nn.Linear: "alpha1beta0"},
    "deep-taylor": {nn.Conv3d: "alpha1beta0", nn.Linear: "alpha1beta0"},
    "lrp-epsilon-plus": {nn.Conv3d: "alpha1beta0", nn.Linear: "epsilon"},
    "lrp-epsilon-plus-flat": {nn.Conv3d: "alpha1beta0", nn.Linear: "epsilon"},
    "lrp-gamma": {nn.Conv3d: "gamma 0.25", nn.Linear: "gamma 0.05"},
    "excitation-backprop": {nn.Conv3d: "excitation", nn.Linear: "excitation"},
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("method", LRP)
def test_rules_equal_their_slow_definitions(method, bias):
    model = made(lambda: nn.Sequential(*layers(bias)))
    x = clip().double()
    for target in (0, 2):
        _, got = relevance(model, method, x, target)
        volume = x[0].transpose(0, 1).numpy()
        box = [end[0, 0, :, None].double().numpy() for end in domain_of(SPEC, None).range]
        first = {"deep-taylor": "z_box", "lrp-epsilon-plus-flat": "flat"}.get(method, "")
        want = slow.sequential(list(model), volume, target, RULES[method], first=first, box=box)
        assert_close(got[0], want.sum(0), 1e-9)


def test_epsilon_damps_as_its_definition_says(monkeypatch):
    monkeypatch.setattr(weighted, "EPSILON", 0.3)
    model = made(lambda: nn.Sequential(*layers()))
    x = clip().double()
    _, got = relevance(model, "lrp-epsilon", x, 1)
    volume = x[0].transpose(0, 1).numpy()
    want = slow.sequential(list(model), volume, 1, RULES["lrp-epsilon"], 0.3)
    assert_close(got[0], want.sum(0), 1e-9)


@pytest.mark.parametrize(("method", "rule"), [("deconvolution", "d"), ("guided-backprop", "g")])
def test_altered_gradients_of_relu_equal_hand_written_ones(method, rule):
    class Altered(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad.clamp(min=0) * (1 if rule == "d" else (x > 0))

    model = made(lambda: nn.Sequential(*layers()))
    x = clip().double().requires_grad_()
    y = x.transpose(1, 2)
    for layer in model.double():
        y = Altered.apply(y) if isinstance(layer, nn.ReLU) else layer(y)
    (want,) = torch.autograd.grad(y[0, 1], x)
    assert_close(relevance(model.float(), method, x.detach(), 1)[1], want.sum(2))


class Residual(nn.Module):
    """Residual adds, concatenation, overlapping max pool, average pools, gate, BatchNorm, reuse."""

    def __init__(self, bias):
        super().__init__()
        self.stem = nn.Conv3d(3, 6, 3, (1, 2, 2), 1, bias=bias)
        self.norm = nn.BatchNorm3d(6)
        self.block = nn.Conv3d(6, 6, 3, 1, 1, bias=bias)
        self.down = nn.Conv3d(6, 6, 1, bias=bias)
        self.gate = nn.Linear(12, 12)
        self.fc = nn.Linear(12, 4, bias=bias)
        if not bias:
            self.norm = nn.Identity()

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = F.max_pool3d(x, (2, 3, 3), (1, 1, 1), (0, 1, 1))
        for _ in range(3):
            x = F.relu(self.block(x) + x)
        side = F.relu(self.down(F.avg_pool3d(x, 3, 1, 1, count_include_pad=False)))
        x = torch.cat([x, side], 1)
        x = x * torch.sigmoid(self.gate(x.mean((2, 3, 4))))[:, :, None, None, None]
        return self.fc(F.adaptive_avg_pool3d(x, 1).flatten(1))


@pytest.mark.parametrize("method", LRP)
def test_networks_without_biases_conserve_the_logit(method, monkeypatch):
    monkeypatch.setattr(weighted, "EPSILON", 1e-14)
    for target in range(4):
        logits, got = relevance(made(lambda: Residual(False)), method, clip().double(), target)
        assert float(got.sum()) == pytest.approx(float(logits[0, target]), rel=1e-9), target


@pytest.mark.parametrize("name", ["r3d_18", "r2plus1d_18", "mc3_18"])
def test_video_resnets_without_biases_conserve_the_logit(name, monkeypatch):
    """Residual adds share relevance: doubling it at each of the eight would give 256."""
    monkeypatch.setattr(weighted, "EPSILON", 1e-14)
    model = load_source(name, None, True, 0, None).model
    nn.init.zeros_(model.fc.bias)
    x = torch.randn((1, 4, 3, 32, 32), generator=torch.Generator().manual_seed(4))
    captured = captured_of(model, x)
    with torch.no_grad():
        explain = Relevance(captured, "lrp-epsilon-plus", (1, 1, 1), domain_of(SPEC, None))
        logits, got = explain(x.double(), torch.tensor([7]))
    assert float(got.sum()) == pytest.approx(float(logits[0, 7]), rel=1e-6)


@pytest.mark.parametrize("given", [False, True])
def test_deeplift_equals_its_slow_definition(given):
    model, x = made(lambda: nn.Sequential(*layers())), clip().double()
    reference = clip(8)[0].numpy() if given else np.zeros(SHAPE[1:])
    got = relevance(model, "deeplift", x, 1, reference=reference if given else None)[1]
    volumes = (v.swapaxes(0, 1) for v in (x[0].numpy(), reference.astype(np.float64)))
    assert_close(got[0], slow.deeplift(list(model), *volumes, 1).sum(0), 1e-9)


@pytest.mark.parametrize("given", [False, True])
def test_deeplift_completes_to_the_difference_of_the_logits(given):
    """With biases, overlapping max pools, a gate, products of two changing factors."""
    model, x = made(lambda: Residual(True)), clip().double()
    reference = clip(8).double() if given else torch.zeros_like(x)
    for target in range(4):
        logits, got = relevance(
            model, "deeplift", x, target, reference=reference[0].numpy() if given else None
        )
        with torch.no_grad():
            other = model.double()(reference.transpose(1, 2))
        model.float()
        difference = float(logits[0, target] - other[0, target])
        assert float(got.sum()) == pytest.approx(difference, rel=1e-6)


def test_the_box_and_flat_rules_need_weights_right_behind_the_clip():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(3, 2, 2)

        def forward(self, x):
            return F.relu(self.conv(x.flip(1) * 2)).mean((2, 3, 4))

    for method in ("deep-taylor", "lrp-epsilon-plus-flat"):
        with pytest.raises(ExportError, match=f"{method} needs a layer with weights.*aten.mul"):
            relevance(made(Scaled), method, clip())


def test_epsilon_to_zero_is_gradient_times_input_in_relu_networks(monkeypatch):
    monkeypatch.setattr(weighted, "EPSILON", 1e-14)
    model, x = made(lambda: nn.Sequential(*layers())), clip().double()
    want = relevance(model, "gradient-x-input", x)[1]
    assert_close(relevance(model, "lrp-epsilon", x)[1], want, 1e-9)


def test_z_plus_is_excitation_backprop_for_nonnegative_activations():
    model, x = made(lambda: Residual(False)), clip().double().abs()
    want = relevance(model, "excitation-backprop", x)[1]
    assert_close(relevance(model, "lrp-alpha1beta0", x)[1], want, 1e-9)


@pytest.mark.parametrize("method", ["sensitivity", "gradient-x-input"])
def test_gradients_equal_autograd(method):
    model, x = made(lambda: Residual(True)), clip().double().requires_grad_()
    y = model.double()(x.transpose(1, 2))
    (gradient,) = torch.autograd.grad(y[0, 3], x)
    want = gradient.abs() if method == "sensitivity" else gradient * x.detach()
    assert_close(relevance(model.float(), method, x.detach(), 3)[1], want.sum(2))


def test_cells_are_sums():
    model, x = made(lambda: Residual(True)), clip().double()
    whole = relevance(model, "lrp-epsilon-plus", x)[1]
    cells = relevance(model, "lrp-epsilon-plus", x, pool=(2, 4, 2))[1]
    want = whole.reshape(1, 2, 2, 2, 4, 4, 2).sum((2, 4, 6))
    assert cells.shape == (1, 2, 2, 4)
    assert_close(cells, want, 1e-12)


def test_a_method_that_does_not_apply_names_the_operator_and_its_module():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.atan2(x, x.roll(1, 2) + 2).mean((3, 4)).flatten(1)

    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.Sequential(nn.Identity(), Odd())

        def forward(self, x):
            return self.parts(x)

    words = r"lrp-epsilon has no rule for aten.atan2 in parts.1 \(Odd\)"
    with pytest.raises(ExportError, match=words):
        relevance(made(Inside), "lrp-epsilon", clip())
    with pytest.raises(ExportError, match="guided-backprop changes what passes a relu"):
        relevance(made(Inside), "guided-backprop", clip())
