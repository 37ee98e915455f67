"""What is examined of every method at export, and what happens to one that fails."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import onnxruntime  # noqa: E402
from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
import parts  # noqa: E402
import tubecam  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.capture import capture  # noqa: E402
from tubecam.export.sanity import (  # noqa: E402
    SAME,
    Sanity,
    correlation,
    mean,
    shuffled_last_layer,
    two_likeliest,
)

SHAPE = (nets.CLIP["length"], 3, nets.CLIP["height"], nets.CLIP["width"])


class Plain(nn.Module):
    """Positive features of a positive world: z⁺ spreads the same whatever the class."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 8, 3, padding=1)
        self.second = nn.Conv3d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)
        with torch.no_grad():
            self.second.weight.copy_(self.second.weight.abs())
            self.second.weight[:] = self.second.weight.mean(0, keepdim=True)
            self.head.weight.mul_(0.01).add_(1)

    def forward(self, x):
        x = self.second(self.first(x).relu()).relu()
        return self.head(x.mean((2, 3, 4)))


@pytest.fixture(scope="module")
def plain():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Plain().eval()


@pytest.fixture(scope="module")
def forced(tmp_path_factory, plain):
    folder = tmp_path_factory.mktemp("forced") / "b"
    methods = ["lrp-alpha1beta0", "gradcam"]
    export(plain, folder, methods=methods, clip=nets.CLIP, measure=False, force=True)
    return folder


def test_a_method_that_ignores_the_class_is_refused(tmp_path, plain):
    with pytest.raises(ExportError, match="does not explain the class.*correlate by 1.0000.*force"):
        export(
            plain, tmp_path / "b", methods=["lrp-alpha1beta0"], clip=nets.CLIP, measure=False
        )  # fmt: skip
    assert not (tmp_path / "b").exists()


def test_a_forced_method_is_marked_wherever_it_is_seen(forced):
    sanity = json.loads((forced / "bundle.json").read_text())["graphs"][0]["sanity"]
    found = sanity["lrp-alpha1beta0"]
    assert found["class_specific"] is False and found["class_correlation"] > SAME
    clip = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    with tubecam.Explainer(forced) as explainer:
        assert explainer.explain(clip).receipt.class_specific is False
        assert explainer.explain(clip).to_dict()["receipt"]["class_specific"] is False


def test_the_picture_says_that_it_is_not_class_specific(forced, tmp_path):
    parts.plugin()
    from pipelines import play

    vouched = tmp_path / "vouched"  # the same bundle, but for what its sidecar says
    shutil.copytree(forced, vouched)
    sidecar = (vouched / "bundle.json").read_text()
    assert '"class_specific": false' in sidecar
    text = sidecar.replace('"class_specific": false', '"class_specific": true')
    (vouched / "bundle.json").write_text(text)
    ball = (
        "videotestsrc num-buffers=30 pattern=ball ! "
        "video/x-raw,format=RGB,width=320,height=240,framerate=30/1 ! "
    )
    still = play(f"{ball} identity name=o ! fakesink", probed=(), pixels=("o",)).pixels["o"]
    widths = []
    for folder in (forced, vouched):
        played = play(
            f"{ball} tubecam name=t bundle={folder} align=delayed ! "
            "tubeoverlay name=o show-heat=false show-strip=false ! fakesink",
            pixels=("o",),
        )
        assert played.windows["t"][0]["class-specific"] is (folder == vouched)
        drawn, below = (np.frombuffer(p[20], np.uint8) for p in (played.pixels["o"], still))
        changed = (drawn != below).reshape(240, 320, 3).any((0, 2))
        widths.append(np.flatnonzero(changed).max())
    assert widths[0] > widths[1] + 40  # the longer note


def test_methods_that_depend_on_the_class_pass(tmp_path):
    methods = ["lrp-epsilon-plus", "integrated-gradients", "gradcam"]
    model = nets.seeded(nets.Pooled, "linear")
    report = export(model, tmp_path / "b", methods=methods, clip=nets.CLIP, measure=False)
    assert set(report.sanity) == set(methods)
    for found in report.sanity.values():
        assert found.class_specific
        assert found.class_correlation < SAME and abs(found.randomised_correlation) < SAME


def test_the_examination_equals_one_by_hand(tmp_path):
    """Grad-CAM of the two likeliest classes, by autograd, on the export's own first clips."""
    from tubecam.export.check import unseen_clips

    model = nets.seeded(nets.Pooled, "linear")
    report = export(model, tmp_path / "b", methods=["gradcam"], clip=nets.CLIP, measure=False)
    found = []
    for _, clip in zip(range(2), unseen_clips((1, *SHAPE), 0), strict=False):
        x = clip.transpose(1, 2)
        activation = model.body(x)
        logits = model.fc(activation.mean((2, 3, 4)))
        maps = []
        for target in logits[0].argsort(descending=True)[:2]:
            (g,) = torch.autograd.grad(logits[0, target], activation, retain_graph=True)
            weights = g.mean((2, 3, 4), keepdim=True)
            maps.append((weights * activation).sum(1).relu().detach().numpy().ravel())
        found.append(np.corrcoef(*maps)[0, 1])
    assert report.sanity["gradcam"].class_correlation == pytest.approx(np.mean(found), abs=1e-4)


# ---- the parts ----


def test_shuffling_the_last_layer_changes_it_and_puts_it_back():
    model = nets.seeded(nets.Hard)
    captured = capture(model, torch.randn(1, *SHAPE), False)
    before = {name: value.clone() for name, value in captured.module.named_parameters()}
    before |= {name: value.clone() for name, value in captured.module.named_buffers()}
    with shuffled_last_layer(captured) as shuffled:
        assert shuffled
        now = dict(captured.module.named_parameters()) | dict(captured.module.named_buffers())
        changed = [name for name, value in before.items() if not torch.equal(value, now[name])]
        assert len(changed) == 1
        assert torch.equal(
            before[changed[0]].flatten().sort()[0], now[changed[0]].flatten().sort()[0]
        )
        assert before[changed[0]].shape == model.fc.weight.shape
    now = dict(captured.module.named_parameters()) | dict(captured.module.named_buffers())
    assert all(torch.equal(value, now[name]) for name, value in before.items())


def test_correlation_is_pearsons(rng):
    a, b = rng.standard_normal((2, 3, 4, 5))
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert correlation(a, 3 * a + 1) == pytest.approx(1) and correlation(a, -a) == pytest.approx(-1)
    assert correlation(a, np.ones_like(a)) is None
    assert mean([0.5, None, 1.0]) == 0.75 and mean([None]) is None
    assert two_likeliest([[1.0, 5.0, 3.0]]) == [1, 2] and two_likeliest([[2.0]]) == [0]


def test_what_cannot_be_measured_condemns_nothing():
    assert Sanity(None, None, None).class_specific
    assert not Sanity(0.5, -0.995, None).class_specific
    assert not Sanity(0.995, 0.1, None).class_specific


# ---- engines ----


@pytest.mark.parametrize("method", ["lrp-epsilon-plus", "deeplift", "excitation-backprop"])
def test_engines_agree_on_unseen_clips(tmp_path, method):
    model = nets.seeded(nets.Pooled, "linear")
    export(model, tmp_path / "b", methods=[method], clip=nets.CLIP, measure=False, force=True)
    session = onnxruntime.InferenceSession(tmp_path / "b" / f"{method}.onnx")
    with tubecam.Explainer(tmp_path / "b") as explainer:
        for seed, target in ((1, 0), (2, 3)):
            clip = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
            explainer.target = target
            found = explainer.explain(clip)
            feeds = {"clip": clip[None], "target": np.array([target], np.int64)}
            logits, relevance = session.run(["logits", "relevance"], feeds)
            np.testing.assert_allclose(found.logits, logits[0], rtol=1e-4, atol=1e-4)
            largest = np.abs(relevance).max()
            np.testing.assert_allclose(found.tube, relevance[0], atol=1e-4 * largest)
