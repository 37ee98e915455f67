"""What a model's output says: found or declared, cut, and told by the runtime."""

from __future__ import annotations

import json

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import head_nets as nets  # noqa: E402
import tubecam  # noqa: E402
from tubecam.errors import ExportError, UsageError  # noqa: E402
from tubecam.export import bundle_folder, export  # noqa: E402


def made(model, folder, **settings):
    methods = settings.pop("methods", ["hirescam"])
    return export(model, folder, methods=methods, clip=nets.CLIP, measure=False, **settings)


def clips(count=2):
    return np.random.default_rng(4).normal(0, 1, (count, *nets.SHAPE)).astype(np.float32)


def given(model, clip):
    with torch.no_grad():
        x = torch.from_numpy(clip)[None].transpose(1, 2)
        return model(x), model.body(x)[0].numpy()


def hirescam(model, clip, weights):
    """Σ over channels of ∂(weights · logits)/∂A ⊙ A at the body's ReLU, [t, h, w]."""
    x = torch.from_numpy(clip)[None].transpose(1, 2)
    a = model.body.conv(x).relu().detach().requires_grad_()
    logits = model.body.fc(a.mean((2, 3, 4)))[0]
    (g,) = torch.autograd.grad((logits * torch.tensor(weights)).sum(), a)
    return (g * a)[0].sum(0).detach().numpy()


def close(got, want, scale=None):
    scale = np.abs(want).max() if scale is None else scale
    np.testing.assert_allclose(got, want, atol=2e-5 * scale)


# What ends in softmax or sigmoid, however it is written: the name of the end, how scores follow.
CUT = {
    "function": (lambda z: z.softmax(1), "softmax"),
    "functional": (lambda z: torch.nn.functional.softmax(z, dim=-1), "softmax"),
    "module": (torch.nn.Softmax(1), "softmax"),
    "of places": (nets.SoftmaxOfPlaces(), "softmax"),
    "temperature": (lambda z: (z / 2).softmax(1) , "softmax"),
    "log-softmax": (torch.nn.LogSoftmax(1), "softmax"),
    "log of softmax": (lambda z: torch.log(z.softmax(1)), "softmax"),
    "sigmoid": (torch.sigmoid, "sigmoid"),
    "in place": (lambda z: (z * 1).sigmoid_(), "sigmoid"),
}  # fmt: skip


@pytest.mark.parametrize("end, kind", CUT.values(), ids=list(CUT))
def test_the_last_operator_is_left_out_and_the_scores_are_the_models(tmp_path, end, kind):
    model = nets.seeded(end)
    report = made(model, tmp_path / "b", layer="relu")
    assert (report.head.kind, report.head.unit) == (kind, "logit")
    assert report.closed_form or end is CUT["temperature"][0]
    said = json.loads((tmp_path / "b" / "bundle.json").read_text())["head"]
    assert said == {"kind": kind, "unit": "logit"}
    with tubecam.Explainer(tmp_path / "b", method="hirescam") as explainer:
        for clip in clips():
            output, logits = given(model, clip)
            half = 0.5 if end is CUT["temperature"][0] else 1.0
            output = output.exp() if (output <= 0).all() else output
            found = explainer.explain(clip)
            assert found.head == kind and found.receipt.unit == "logit"
            close(found.logits, half * logits)
            close(found.scores, output[0].numpy(), 1)
            assert found.score == found.scores.max() == found.scores[found.label_index]
            close(
                found.tube, half * hirescam(model, clip, np.eye(4, dtype="f4")[found.label_index])
            )


@pytest.mark.parametrize("end", [lambda z: z, torch.sigmoid, lambda z: z[:, 0]])
def test_one_logit_decides_between_two_labels(tmp_path, end):
    model = nets.seeded(end, classes=1)
    report = made(model, tmp_path / "b", labels=["fight"])
    assert report.head.one_logit and report.classes == 2 and report.closed_form
    bias = -float(np.mean([given(model, clip)[1][0] for clip in clips(6)]))
    with torch.no_grad():
        model.body.fc.bias += bias  # so that both answers come
    made(model, tmp_path / "b", labels=["fight"], force=True)
    answers = set()
    with tubecam.Explainer(tmp_path / "b", method="hirescam") as explainer:
        for clip in clips(6):
            z = given(model, clip)[1][0]
            found = explainer.explain(clip)
            assert found.label == ("fight" if z > 0 else "not fight")
            answers.add(found.label_index)
            close(found.scores, np.array([1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))]), 1)
            assert found.receipt.logit == pytest.approx(abs(z), rel=1e-4)
            close(found.tube, hirescam(model, clip, np.float32([np.sign(z)])))
            assert [name for name, _ in found.record().present] == [found.label]
    assert answers == {0, 1}


def test_labels_are_counted_before_minutes_of_tracing(tmp_path):
    said: list[str] = []
    with pytest.raises(UsageError, match="3 labels for a model of 4 classes"):
        made(nets.seeded(torch.sigmoid), tmp_path / "b", labels=["a"] * 3, progress=said.append)
    assert not any("tracing" in line for line in said)


@pytest.mark.parametrize("end", [torch.nn.Softmax(1), torch.sigmoid])
def test_rules_begin_at_the_logits(tmp_path, end):
    """A softmax or sigmoid passes nothing back by LRP's rules, which count gates as constants."""
    report = made(nets.seeded(end), tmp_path / "b", methods=["lrp-epsilon"])
    assert report.sanity["lrp-epsilon"].conservation > 0
    with tubecam.Explainer(tmp_path / "b") as explainer:
        assert explainer.explain(clips(1)[0]).tube.any()


def test_a_bundle_in_another_precision_keeps_its_head(tmp_path):
    made(nets.seeded(lambda z: z, classes=1), tmp_path / "b", labels=["fight"])
    export(str(tmp_path / "b"), tmp_path / "half", precision="float16")
    half = tubecam.load_bundle(tmp_path / "half")
    assert half.core.head == "sigmoid" and half.labels == ("not fight", "fight")
    assert "sigmoid: each class by itself" in half.describe()


def test_a_bundle_of_one_value_without_a_head_tells_no_probability(tmp_path):
    made(nets.seeded(lambda z: z, classes=1), tmp_path / "b", head="scores")
    sidecar = json.loads((tmp_path / "b" / "bundle.json").read_text())
    del sidecar["head"]
    bundle_folder.state(tmp_path / "b", sidecar)
    assert tubecam.load_bundle(tmp_path / "b").core.head == "scores"


def test_labels_of_one_logit(tmp_path):
    model = nets.seeded(lambda z: z, classes=1)
    for labels, expected in ((None, ["negative", "positive"]), (["calm", "fight"],) * 2):
        made(model, tmp_path / "b", labels=labels, force=True, methods=["gradcam"])
        assert list(tubecam.load_bundle(tmp_path / "b").labels) == expected
    with pytest.raises(UsageError, match="3 labels for a model of one logit"):
        made(model, tmp_path / "c", labels=["a", "b", "c"])


def test_a_value_is_shown_as_it_is(tmp_path):
    model = nets.seeded(lambda z: z * 100, classes=1)
    report = made(model, tmp_path / "b", head="scores")
    assert report.head.sidecar() == {"kind": "scores", "unit": "score"} and report.classes == 1
    with tubecam.Explainer(tmp_path / "b") as explainer:
        found = explainer.explain(clips(1)[0])
        value = float(given(model, clips(1)[0])[0])
        assert found.score == pytest.approx(value, rel=1e-4) and found.receipt.unit == "score"
        record = found.record()
        assert record.score_text == f"{value:.3g}" and "%" not in record.score_text
        assert found.to_dict()["head"] == "scores"


def test_logits_that_are_each_judged_by_themselves(tmp_path):
    model = nets.seeded(lambda z: z)
    made(model, tmp_path / "b", head="multi-label")
    with tubecam.Explainer(tmp_path / "b") as explainer:
        found = explainer.explain(clips(1)[0])
    logits = given(model, clips(1)[0])[1]
    close(found.scores, 1 / (1 + np.exp(-logits)), 1)
    above = sorted((s for s in found.scores.tolist() if s > 0.5), reverse=True)
    told = [entry["score"] for entry in found.to_dict()["present"]]
    assert told == pytest.approx(above, rel=1e-5) and len(above) > 0


def test_a_multi_label_model_that_ends_in_a_sigmoid_has_one(tmp_path):
    model = nets.seeded(torch.sigmoid)
    report = made(model, tmp_path / "b", head="multi-label")
    assert report.head.unit == "logit" and report.head.kind == "sigmoid"
    with tubecam.Explainer(tmp_path / "b") as explainer:
        scores = explainer.explain(clips(1)[0]).scores
    close(scores, 1 / (1 + np.exp(-given(model, clips(1)[0])[1])), 1)


PROBABILITIES = {
    "segments": (lambda z: z.softmax(-1).mean(1), True, None),  # as TSN's consensus of scores
    "own formula": (nets.own_softmax, False, None),
    "declared": (nets.own_softmax, False, "softmax"),
}


@pytest.mark.parametrize("end, by_slice, head", PROBABILITIES.values(), ids=list(PROBABILITIES))
def test_of_probabilities_without_logits_the_logarithm_is_explained(tmp_path, end, by_slice, head):
    model = nets.seeded(end, by_slice=by_slice)
    report = made(model, tmp_path / "b", head=head, methods=["gradient-x-input"])
    assert (report.head.kind, report.head.unit) == ("softmax", "log-probability")
    with tubecam.Explainer(tmp_path / "b", method="gradient-x-input") as explainer:
        found = explainer.explain(clips(1)[0])
    x = torch.from_numpy(clips(1)).transpose(1, 2).requires_grad_()
    output = model(x)
    close(found.scores, output[0].detach().numpy(), 1)
    assert found.receipt.unit == "log-probability"
    (g,) = torch.autograd.grad(output[0, found.label_index].log(), x)
    close(found.tube, (g * x)[0].sum(0).detach().numpy())


def test_a_sigmoid_of_its_own_formula_is_inverted(tmp_path):
    model = nets.seeded(lambda z: (1 + torch.tanh(z / 2)) / 2)  # σ(z)
    report = made(model, tmp_path / "b", head="sigmoid")
    assert (report.head.kind, report.head.unit) == ("sigmoid", "logit")
    with tubecam.Explainer(tmp_path / "b") as explainer:
        found = explainer.explain(clips(1)[0])
    output, logits = given(model, clips(1)[0])
    close(found.scores, output[0].numpy(), 1)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("end", [lambda z: z, lambda z: 50 * torch.tanh(z / 50)])
def test_logits_stay_logits(tmp_path, end):
    report = made(nets.seeded(end), tmp_path / "b")
    assert report.head.sidecar() == {"kind": "softmax", "unit": "logit"}


def test_what_changes_a_softmaxs_result_is_not_cut_away(tmp_path):
    model = nets.seeded(lambda z: z.softmax(1).clamp(1e-4, 1))
    report = made(model, tmp_path / "b", methods=["gradcam"])
    assert report.head.unit == "log-probability"
    with tubecam.Explainer(tmp_path / "b") as explainer:
        found = explainer.explain(clips(1)[0])
    close(found.scores, given(model, clips(1)[0])[0][0].numpy(), 1)


@pytest.mark.parametrize(
    "end, classes, head, error, words",
    [
        (lambda z: z, 4, "softmax", UsageError, "no softmax gives. For logits say logits"),
        (lambda z: z, 4, "log-softmax", UsageError, "no log-softmax gives"),
        (lambda z: z, 4, "sigmoid", UsageError, "no sigmoid gives. .* say multi-label"),
        (torch.sigmoid, 4, "softmax", UsageError, "no softmax gives"),
        (lambda z: z, 4, "softplus", UsageError, "choose one of logits, softmax"),
        (lambda z: z.softmax(1), 1, None, ExportError, "softmax over one value, which is 1"),
    ],
)  # fmt: skip
def test_heads_that_are_refused(tmp_path, end, classes, head, error, words):
    with pytest.raises(error, match=words):
        made(nets.seeded(end, classes), tmp_path / "b", head=head)
    assert not (tmp_path / "b").exists()
