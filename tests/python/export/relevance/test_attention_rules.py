"""LRP of attention, gates and state spaces: exact equalities, and networks frozen by hand."""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import zoo  # noqa: E402
from lrp_networks import explained, relevance, shares  # noqa: E402
from tubecam.export.relevance import weighted  # noqa: E402
from tubecam.export.trace.operators import SHARES  # noqa: E402
from zoo.recurrent import SelectiveScan  # noqa: E402

WIDTH, CLASSES = 12, 3


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """ε and γ next to nothing: every linear layer shares by contribution."""
    monkeypatch.setattr(weighted, "EPSILON", 1e-14)
    for rule in weighted.GAMMA:
        monkeypatch.setitem(weighted.GAMMA, rule, 0.0)


def clip(seed=3):
    return torch.randn((1, 4, 3, 8, 8), generator=torch.Generator().manual_seed(seed))


class Tokens(nn.Module):
    """Patches of 2x4x4 without biases, a body over [N, L, D], the mean, a linear head."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.embed = nn.Conv3d(3, WIDTH, (2, 4, 4), (2, 4, 4), bias=False)
        self.body, self.fc = body, nn.Linear(WIDTH, CLASSES, bias=False)

    def forward(self, x):
        return self.fc(self.body(self.embed(x).flatten(2).transpose(1, 2)).mean(1))


class Attention(nn.Module):
    """Of one head; `soft` or linear. What is frozen or halved by hand is so in `by_hand`."""

    def __init__(self, soft: bool = True) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.soft = soft

    def forward(self, x):
        return self.attend(self.query(x), self.key(x), self.value(x))

    def attend(self, q, k, v):
        scores = q @ k.transpose(1, 2)
        return (scores.softmax(-1) if self.soft else scores) @ v


def made(body, norm=False):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        layers = [nn.LayerNorm(WIDTH, bias=False), body()] if norm else [body()]
        return Tokens(nn.Sequential(*layers)).eval()


def product(model, x, target):
    """Gradient × input of a module, in float64."""
    x = x.double().requires_grad_()
    (gradient,) = torch.autograd.grad(model.double()(x.transpose(1, 2))[0, target], x)
    return (gradient * x.detach()).sum(2).numpy()


def assert_close(got, want):
    got, want = np.asarray(got), np.asarray(want)
    assert np.abs(want).max() > 0
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-8 * np.abs(want).max())


def test_attention_as_a_constant_conserves_the_logit():
    for target in range(CLASSES):
        logits, found = relevance(made(Attention, norm=True), "lrp-epsilon", clip(), target)
        assert float(found.sum()) == pytest.approx(float(logits[0, target]), rel=1e-9)


def test_through_attention_the_rest_is_that_of_softmax():
    """logit = ΣR + Σ_j s_j m_j (1 − z_j + z̄) over every softmax, z̄ = Σ s z."""
    method = explained(made(Attention, norm=True), "attn-lrp", clip())
    rest = []

    def visit(call, rule, signal):
        if call.kind == SHARES:
            s, (z,) = call.output, call.inputs
            mean = (s * z).sum(-1, keepdim=True)
            rest.append(float((s * signal * (1 - z + mean)).sum()))

    with torch.no_grad():
        logits, found = method.explain(*method.evaluate(clip().double()), torch.tensor([1]), visit)
    assert len(rest) == 1 and abs(rest[0]) > 1e-3 * abs(float(logits[0, 1]))
    assert float(found.sum()) + rest[0] == pytest.approx(float(logits[0, 1]), rel=1e-9)


def test_a_number_added_to_a_row_of_scores_changes_nothing():
    class Lifted(Attention):
        def attend(self, q, k, v):
            scores = q @ k.transpose(1, 2)
            return (scores + torch.arange(8.0).to(q.dtype)[:, None]).softmax(-1) @ v

    _, plain = relevance(made(Attention), "attn-lrp", clip(), 0)
    _, lifted = relevance(made(Lifted), "attn-lrp", clip(), 0)
    assert_close(lifted, plain)


def test_linear_attention_conserves_in_halves():
    """A quarter to queries, a quarter to keys, half to values; gradient × input counts 3 times."""
    linear = lambda: Attention(soft=False)  # noqa: E731
    logits, found = relevance(made(linear), "lrp-epsilon", clip(), 2)
    logit = float(logits[0, 2])
    assert float(found.sum()) == pytest.approx(logit, rel=1e-9)
    assert product(made(linear), clip(), 2).sum() == pytest.approx(3 * logit, rel=1e-9)

    class Alone(Attention):
        """Only one of the three carries a gradient."""

        def attend(self, *parts):
            held = [p if i == self.place else p.detach() for i, p in enumerate(parts)]
            return super().attend(*held)

    want = 0
    for place, part in enumerate((0.25, 0.25, 0.5)):
        model = made(lambda: Alone(soft=False))
        model.body[0].place = place
        want = want + part * product(model, clip(), 2)
    assert_close(found[0], want[0])


class Gated(nn.Module):
    """SwiGLU; by hand with the gate a constant, or with half for each factor."""

    def __init__(self, by_hand: str = "") -> None:
        super().__init__()
        self.gate, self.up, self.down = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.by_hand = by_hand

    def forward(self, x):
        gate, up = self.gate(x), self.up(x)
        if self.by_hand:
            gate = gate * (F.silu(gate) / gate).detach()
        else:
            gate = F.silu(gate)
        if self.by_hand == "constant":
            return self.down(gate.detach() * up)
        if self.by_hand == "halves":
            return self.down((gate.detach() * up + gate * up.detach()) / 2)
        return self.down(gate * up)


@pytest.mark.parametrize(
    ("method", "by_hand"), [("lrp-epsilon", "constant"), ("attn-lrp", "halves")]
)
def test_gated_layers(method, by_hand):
    _, found = relevance(made(Gated), method, clip(), 1)
    assert_close(found[0], product(made(lambda: Gated(by_hand)), clip(), 1)[0])


SELF_GATED = {
    "erf": (lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)), F.gelu),
    "tanh": (
        lambda x: x * (0.5 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "cubed": (
        lambda x: 0.5 * x * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x))),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "sigmoid": (lambda x: x * torch.sigmoid(x), F.silu),
    "softplus": (lambda x: x * torch.tanh(F.softplus(x)), F.mish),
    "clamp": (lambda x: x * torch.clamp(x + 3, 0, 6) / 6, F.hardswish),
}


@pytest.mark.parametrize("method", ["lrp-epsilon", "attn-lrp"])
@pytest.mark.parametrize("spelling", SELF_GATED)
def test_an_activation_written_out_is_that_activation(spelling, method):
    class Activated(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.inner, self.function = nn.Linear(WIDTH, WIDTH, bias=False), function
            self.attention = Attention()

        def forward(self, x):
            return self.attention(self.function(self.inner(x)))

    found, want = (
        relevance(made(lambda f=f: Activated(f)), method, clip(), 0)[1]
        for f in SELF_GATED[spelling]
    )
    np.testing.assert_allclose(found, want, rtol=0, atol=2e-6 * float(want.abs().max()))


class HeldScan(SelectiveScan):
    """MambaLRP (Jafari et al. 2024) by hand: A, B, C and Δ are constants, the gate half or all."""

    halves = False

    def forward(self, x):
        length = x.shape[1]
        x, gate = self.into(x).chunk(2, -1)
        x = self.short(x.transpose(1, 2))[..., :length].transpose(1, 2)
        x, gate = (v * (F.silu(v) / v).detach() for v in (x, gate))
        step, b, c = (v.detach() for v in self.select(x).split([1, self.state, self.state], -1))
        step = F.softplus(self.step(step)).detach()
        decay = torch.exp(step[..., None] * -torch.exp(self.log_a)).detach()
        drive = step[..., None] * b[:, :, None] * x[..., None]
        state, outputs = torch.zeros_like(drive[:, 0]), []
        for i in range(length):
            state = decay[:, i] * state + drive[:, i]
            outputs.append(torch.einsum("bdn,bn->bd", state, c[:, i]))
        y = torch.stack(outputs, 1) + x * self.skip
        if self.halves:
            return self.out((y * gate.detach() + y.detach() * gate) / 2)
        return self.out(y * gate.detach())


@pytest.mark.parametrize(("method", "halves"), [("lrp-epsilon", False), ("attn-lrp", True)])
def test_a_state_space_holds_its_parameters_still(method, halves, monkeypatch):
    monkeypatch.setattr(HeldScan, "halves", halves)
    _, found = relevance(made(lambda: SelectiveScan(WIDTH)), method, clip(), 2)
    assert_close(found[0], product(made(lambda: HeldScan(WIDTH)), clip(), 2)[0])


def test_a_class_token_takes_its_own_share():
    """Its residual path carries most of the logit past the clip: the rest is not lost."""
    method = explained(zoo.network("vit-class-token"), "lrp-epsilon", zoo.clip("vit-class-token"))
    logit, found, constants = shares(method, zoo.clip("vit-class-token"))
    assert abs(found) < 0.2 * abs(logit)
    assert found + constants == pytest.approx(logit, rel=1e-9)


def test_scores_that_are_masked_out_take_nothing():
    method = explained(zoo.network("vit-masked"), "attn-lrp", zoo.clip("vit-masked"))
    logit, found, constants = shares(method, zoo.clip("vit-masked"))
    assert np.isfinite([logit, found, constants]).all()
