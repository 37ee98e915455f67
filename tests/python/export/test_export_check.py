"""The export's own check: what it refuses, and which clips it leaves out."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
from tubecam.cli.export_summary import summary  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.gradient import autotune, decompositions  # noqa: E402
from tubecam.export.verify import check  # noqa: E402
from tubecam.export.verify.autograd_reference import Case  # noqa: E402
from tubecam.export.verify.map_errors import relative_error  # noqa: E402
from tubecam.export.verify.unseen_clips import unseen_clips  # noqa: E402

aten = torch.ops.aten


def test_relative_errors_never_pass_what_is_not_a_number():
    one = np.ones((1, 2))
    assert relative_error(one * np.nan, one) == float("inf")
    assert relative_error(one, one * 0) == float("inf")
    assert relative_error(one[:, :1], one) == float("inf")
    assert relative_error(one * 1.5, one * 2) == 0.25


class Kinked(nn.Module):
    """Every channel's ReLU has a cell at zero on the first clip of the check, none on others."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            self.first = nn.Conv3d(3, 8, 3, 2, 1)
            self.second = nn.Conv3d(8, 6, 3, 2, 1)
            self.fc = nn.Linear(6, nets.CLASSES)
        clip = next(unseen_clips(KINK_SHAPE, 0)).double().transpose(1, 2)
        with torch.no_grad():
            self.first.bias.zero_()
            at = copy.deepcopy(self.first).double()(clip)[0, :, 1, 3, 3]
            self.first.bias.copy_(-at)

    def forward(self, x):
        return self.fc(torch.tanh(self.second(torch.relu(self.first(x)))).mean((2, 3, 4)))


KINK_SHAPE = (1, 4, 3, 16, 16)
KINK_CLIP = {"length": 4, "height": 16, "width": 16}


def test_a_clip_at_a_kink_is_replaced_and_counted(tmp_path):
    report = export(Kinked(), tmp_path / "b", layer="first", clip=KINK_CLIP)
    assert (report.check.inputs, report.check.replaced) == (3, 1)
    assert report.check.max_relative_error < 1e-5
    assert json.loads((tmp_path / "b/bundle.json").read_text())["check"]["replaced"] == 1
    assert "1 at kinks of the gradient left out" in summary(report)


def broken(operator, wrong):
    """The table of decompositions with one operator's result made wrong."""
    table = decompositions.decompositions

    def changed(choose):
        entries = table(choose)
        right = entries[operator]
        return {**entries, operator: lambda *a, **k: wrong(right(*a, **k), *a)}

    return changed


WRONG = {
    "sign": (aten.threshold_backward.default, lambda out, *_: -out),
    "no mask": (aten.threshold_backward.default, lambda out, grad, *_: grad),
    "scale": (aten.convolution_backward.default, lambda out, *_: (out[0] * 1.01, *out[1:])),
    "shift": (aten.convolution_backward.default, lambda out, *_: (out[0].roll(1, 4), *out[1:])),
}


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_backward_cannot_swap_its_way_to_acceptance(
    tmp_path, monkeypatch, wrong, everywhere
):
    monkeypatch.setattr(
        "tubecam.export.gradient.differentiate.decompositions", broken(*WRONG[wrong])
    )
    if everywhere:  # as if every clip were at a kink
        monkeypatch.setattr("tubecam.export.verify.check.at_kink", lambda reference, case: True)
    words = "cannot be told right from wrong" if everywhere else "does not agree with autograd"
    with pytest.raises(ExportError, match=words):
        export(Kinked(), tmp_path / "b", layer="first", clip=KINK_CLIP)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["logits", "activation"])
def test_what_does_not_jump_is_never_excused(name):
    errors = {"logits": 1e-6, "activation": 1e-6, "gradient": 0.3, "map": 0.1}
    assert check.only_gradient_fails(errors)
    assert not check.only_gradient_fails({**errors, name: 2e-3})
    assert not check.only_gradient_fails(dict.fromkeys(errors, 1e-6))


def test_only_a_clip_at_a_kink_may_be_replaced():
    def reference(clip, target, place):  # ∂/∂x of Σ relu(x − place), as the reference gives it
        step = (clip > place).double().numpy()
        return Case(clip.float().numpy(), target, step, (step,), (step,))

    clip = torch.linspace(0.1, 1, 16).reshape(1, 1, 1, 4, 4)
    at, away = float(clip[0, 0, 0, 1, 1]), float(clip[0, 0, 0, 1, 1]) + 0.01
    for place, kink in ((at, True), (away, False)):
        case = reference(clip, 0, place)
        assert check.at_kink(lambda c, t, p=place: reference(c, t, p), case) is kink


SMALL = ((1, 4, 4, 6, 6), (4, 4, 3, 3, 3), [8, 12, 12], [2, 2, 2], [1, 1, 1], [1, 1, 1], 1)
LARGE = ((1, 64, 8, 28, 28), (64, 64, 3, 3, 3), [16, 56, 56], [2, 2, 2], [1, 1, 1], [1, 1, 1], 1)


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ([1.0, 0.9, 0.8], "phases"),
        ([1.0, 0.5, 0.6], "interleaved"),
        ([1.0, 3.0, 0.5], "convolution"),
    ],
)
def test_large_gradients_take_the_form_that_was_clearly_faster(monkeypatch, times, chosen):
    monkeypatch.setattr(autotune, "_runner", lambda module, shape: module.form)
    monkeypatch.setattr(autotune, "_least_times", lambda forms: times[: len(forms)])
    choose = autotune.FormMeasurer()
    assert (choose(*SMALL), choose(*LARGE)) == ("interleaved", "phases")
    assert choose.measure_pending() is (chosen != "phases")
    assert (choose(*SMALL), choose(*LARGE)) == ("interleaved", chosen)


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_transposed_convolutions_are_never_offered(kernel, stride, dilation):
    forms = autotune.candidates([stride] * 3, [4, 4, *[kernel] * 3], [dilation] * 3)
    assert forms and "transposed" not in forms
