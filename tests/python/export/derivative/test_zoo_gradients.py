"""Every network of the zoo: its graphs, derivatives and all, against autograd in float64."""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

import zoo  # noqa: E402
from tubecam.export.cam.graph import _fold  # noqa: E402
from tubecam.export.gradient.autotune import FormMeasurer  # noqa: E402
from tubecam.export.gradient.differentiate import trace_explained, trace_forward_only  # noqa: E402
from tubecam.export.layers.candidates import Candidates  # noqa: E402
from tubecam.export.relevance import INPUT_GRADIENT  # noqa: E402
from tubecam.export.relevance.domain import domain_of  # noqa: E402
from tubecam.export.relevance.propagate import Relevance  # noqa: E402
from tubecam.export.spec import ClipSpec  # noqa: E402
from tubecam.export.trace.batch_norm_folding import fold_constants  # noqa: E402
from tubecam.export.trace.capture import capture  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
TOLERANCE = 1e-9  # of the greatest value
ROUNDED = {"hardsigmoid": 1e-7}  # torch's own gradient takes a sixth that is rounded to float32
# No derivative of these, as they are, by autograd itself: what the module gives is overwritten.
OVERWRITTEN = {"in-place"}


class Logits(torch.nn.Module):
    """The model with logits as its one result."""

    def __init__(self, name):
        super().__init__()
        self.model, self.head = zoo.network(name).double(), zoo.NETWORKS[name].head

    def forward(self, x):
        result = self.model(x)
        return {"tuple": lambda: result[1], "dict": lambda: result["actions"]}.get(
            self.head, lambda: result
        )()


def captured_at(name, layer):
    entry, clip = zoo.NETWORKS[name], zoo.clip(name).double()
    captured = capture(Logits(name), clip, entry.time_first)
    fold_constants(captured.module)
    (found,), *_ = _fold(captured, (Candidates(captured).at(layer),))
    return captured, found


def autograd(name, layer, clip, target):
    """Logits, the layer's output, and the target's gradient there and at the clip."""
    model, kept = Logits(name), []

    def keep(module, inputs, output):
        kept.append(output + torch.zeros_like(output, requires_grad=True))
        return kept[-1].clone()

    model.get_submodule(layer).register_forward_hook(keep)
    x = clip.clone().requires_grad_()
    logits = model(x if zoo.NETWORKS[name].time_first else x.transpose(1, 2))
    gradients = torch.autograd.grad(logits[0, target], [kept[-1], x])
    return [t.detach() for t in (logits, kept[-1], *gradients)]


def assert_close(got, want, tolerance, what):
    assert got.shape == want.shape, what
    assert float((got - want).abs().max()) <= tolerance * float(want.abs().max()), what


@pytest.mark.parametrize("name", [n for n in zoo.NETWORKS if n not in OVERWRITTEN])
def test_graphs_equal_autograd(name):
    path = f"model.{zoo.NETWORKS[name].layer}"
    captured, layer = captured_at(name, path)
    clip, unseen = (zoo.clip(name, seed).double() for seed in (0, 1))
    classes = captured.logits.meta["val"].shape[1]
    target = min(2, classes - 1)
    logits, activation, gradient, at_clip = autograd(name, path, unseen, target)
    tolerance = ROUNDED.get(name, TOLERANCE)

    explained = trace_explained(captured, [layer], None, clip, FormMeasurer())
    found = explained(unseen, torch.tensor([target]))
    wanted = (logits, layer.volume(activation), layer.volume(gradient))
    for got, want, what in zip(found, wanted, ("logits", "activation", "gradient"), strict=True):
        assert_close(got, want, tolerance, what)

    domain = domain_of(ClipSpec(*zoo.NETWORKS[name].clip), None)
    relevance = Relevance(captured, INPUT_GRADIENT, (1, 1, 1), domain)
    whole = trace_forward_only(relevance, clip, FormMeasurer())
    assert_close(whole(unseen, torch.tensor([target]))[1], at_clip, tolerance, "input gradient")
