"""LRP of the zoo: against autograd through frozen gates, and to the last constant."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import zoo  # noqa: E402
from frozen_network import Frozen  # noqa: E402
from lrp_networks import explained, rules_of, shares, zoo_capture, zoo_network  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export.relevance import weighted  # noqa: E402

# Their heads are read before LRP sees them (find_head.py), or give no row of numbers.
HEADS = {name for name in zoo.NETWORKS if name.startswith("head-")}
NETWORKS = [name for name in zoo.NETWORKS if name not in HEADS]
REFUSED = {"reciprocal": r"aten.reciprocal in trunk.1 \(Apply\)"}
SOFT = {"logsumexp"}  # a soft maximum loses its entropy
ATTENTION = [
    "vit", "vit-class-token", "vit-masked", "vit-rotary", "vit-stable-softmax", "vit-multi-head",
    "vit-attentive-pool", "encoder-padded", "non-local", "attention-pool", "mvit", "state-space",
]  # fmt: skip
WITHOUT_ATTENTION = [
    "group-norm", "instance-norm", "rms-norm-by-hand", "prelu", "gelu-tanh", "glu", "softplus",
    "transposed-grouped", "depthwise", "generalised-mean", "max-over-time", "two-norm", "conv-gru",
    "lrcn-lstm", "squeeze-excitation", "written-over", "trilinear", "circular-edges", "slowfast",
]  # fmt: skip
DEEPLIFT_REFUSES = {
    "signed-root": "aten.mul in trunk.1",  # a sign
    "masked": "aten.where in trunk.2",
    "logsumexp": "aten.logsumexp in pool",
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Tiny networks wait for threads longer than they compute. ε is next to nothing."""
    monkeypatch.setattr(weighted, "EPSILON", 1e-14)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def by_autograd(module, relevance, clip, target):
    """Gradient × input of the frozen network."""
    x = clip.double().requires_grad_()
    (gradient,) = torch.autograd.grad(Frozen(module, relevance).run(x)[0, target], x)
    return (gradient * x.detach()).sum(2).numpy()


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in REFUSED])
def test_epsilon_is_gradient_times_input_of_the_frozen_network(name):
    captured, clip = zoo_capture(name)
    whole = torch.fx.GraphModule(captured.module, copy.deepcopy(captured.module.graph))
    relevance = rules_of(captured, "lrp-epsilon")
    want = by_autograd(whole, relevance, clip, 1)
    with torch.no_grad():
        got = relevance(clip.double(), torch.tensor([1]))[1].numpy()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-7 * np.abs(want).max())
    logit, found, constants = shares(relevance, clip, 1)
    if name not in SOFT:
        assert found + constants == pytest.approx(logit, abs=1e-9 * (abs(found) + abs(logit)))


@pytest.mark.parametrize("name", ATTENTION + WITHOUT_ATTENTION)
def test_gamma_shares_the_logit_out_over_clip_and_constants(name):
    relevance, clip = zoo_network(name, "lrp-gamma")
    logit, found, constants = shares(relevance, clip)
    assert abs(found) > 1e-6 * abs(logit)
    assert found + constants == pytest.approx(logit, abs=1e-9 * (abs(found) + abs(logit)))


@pytest.mark.parametrize("name", ATTENTION + WITHOUT_ATTENTION)
def test_deeplift_completes(name):
    relevance, clip = zoo_network(name, "deeplift")
    logit, found, _ = shares(relevance, clip, 0)
    with torch.no_grad():
        reference = torch.zeros_like(clip).double()
        other, *_ = relevance(reference, torch.tensor([0]))
    assert found == pytest.approx(logit - float(other[0, 0]), rel=1e-6)


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_takes_part_in_attn_lrp(name):
    """Its relevance is other than where attention is a constant, and finite."""
    through, clip = zoo_network(name, "attn-lrp")
    around, _ = zoo_network(name, "lrp-gamma")
    with torch.no_grad():
        one, other = (r(clip.double(), torch.tensor([0]))[1] for r in (through, around))
    assert torch.isfinite(one).all()
    assert float((one - other).abs().max()) > 1e-4 * float(other.abs().max())


@pytest.mark.parametrize("name", ["group-norm", "lrcn-lstm", "slowfast"])
def test_without_attention_attn_lrp_is_refused(name):
    with pytest.raises(ExportError, match="has none: it would be lrp-gamma"):
        zoo_network(name, "attn-lrp")


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_named_with_its_module(name):
    for method in ("lrp-epsilon", "lrp-gamma", "excitation-backprop"):
        with pytest.raises(ExportError, match=f"{method} has no rule for {REFUSED[name]}"):
            zoo_network(name, method)


@pytest.mark.parametrize("name", DEEPLIFT_REFUSES)
def test_deeplift_refuses_what_it_could_not_complete(name):
    with pytest.raises(ExportError, match=f"deeplift has no rule for {DEEPLIFT_REFUSES[name]}"):
        zoo_network(name, "deeplift")


@pytest.mark.parametrize("method", ["lrp-epsilon", "lrp-gamma", "lrp-alpha1beta0", "deep-taylor"])
@pytest.mark.parametrize("name", ["swin-3d", "vit-divided", "mixer", "recurrent-cells"])
def test_rules_of_both_signs_run(name, method):
    relevance, clip = zoo_network(name, method)
    with torch.no_grad():
        _, found = relevance(clip.double(), torch.tensor([-1]))
    assert torch.isfinite(found).all() and found.any()


def test_a_softmax_at_the_end_is_said_to_hold_all_relevance_back():
    with pytest.raises(ExportError, match=r"counts aten._softmax in the model \(Headed\) as a con"):
        explained(zoo.network("head-softmax"), "lrp-epsilon", zoo.clip("head-softmax"))
