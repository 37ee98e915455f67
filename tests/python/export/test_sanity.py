"""What is examined of every method at export, and what happens to one that fails."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import onnxruntime  # noqa: E402
from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
import parts  # noqa: E402
import tubecam  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.bundle_folder import state  # noqa: E402
from tubecam.export.trace.capture import capture  # noqa: E402
from tubecam.export.verify import cascade  # noqa: E402
from tubecam.export.verify.class_sanity import Examination, mean, two_likeliest  # noqa: E402
from tubecam.export.verify.sanity import SAME  # noqa: E402
from tubecam.export.verify.shuffle import shuffled, weights_from_the_end  # noqa: E402

SHAPE = (nets.CLIP["length"], 3, nets.CLIP["height"], nets.CLIP["width"])


class Plain(nn.Module):
    """Positive features of which each sees nearly the same: z⁺ spreads alike whatever the class.

    What tells the classes apart is how the features differ, as the gradient does.
    """

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 16, 3, padding=1)
        self.second = nn.Conv3d(16, 16, 3, padding=1)
        self.head = nn.Linear(16, 4)
        with torch.no_grad():
            self.second.weight.copy_(self.second.weight.abs())
            self.head.weight.sub_(self.head.weight.mean(1, keepdim=True))

    def forward(self, x):
        x = self.second(self.first(x).relu()).relu()
        return self.head(x.mean((2, 3, 4)))


class OneFeature(nn.Module):
    """Two classes, and all that reaches the last two layers is one number, which they scale."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv3d(3, 8, 3, 2, 1)
        self.head = nn.Sequential(
            nn.Linear(8, 8), nn.Linear(8, 1), nn.Linear(1, 5), nn.Linear(5, 2)
        )
        with torch.no_grad():
            self.head[3].weight[1] = -self.head[3].weight[0]

    def forward(self, x):
        return self.head(self.body(x).relu().mean((2, 3, 4)))


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
    with pytest.raises(ExportError, match="does not explain the class.*correlate by 0.99.*force"):
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
    parts.require("plugin")
    from pipelines import play

    vouched = tmp_path / "vouched"  # the same bundle, but for what its sidecar says
    shutil.copytree(forced, vouched)
    sidecar = (vouched / "bundle.json").read_text()
    assert '"class_specific": false' in sidecar
    text = sidecar.replace('"class_specific": false', '"class_specific": true')
    state(vouched, json.loads(text))
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
    from tubecam.export.verify.unseen_clips import unseen_clips

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
    with shuffled(captured, weights_from_the_end(captured, 1)):
        now = dict(captured.module.named_parameters()) | dict(captured.module.named_buffers())
        changed = [name for name, value in before.items() if not torch.equal(value, now[name])]
        assert len(changed) == 1
        assert torch.equal(
            before[changed[0]].flatten().sort()[0], now[changed[0]].flatten().sort()[0]
        )
        assert before[changed[0]].shape == model.fc.weight.shape
    now = dict(captured.module.named_parameters()) | dict(captured.module.named_buffers())
    assert all(torch.equal(value, now[name]) for name, value in before.items())


def test_means_and_ranks():
    assert mean([0.5, None, 1.0]) == 0.75 and mean([None]) is None
    assert two_likeliest([[1.0, 5.0, 3.0]]) == [1, 2] and two_likeliest([[2.0]]) == [0]


ONE, LIKE, OTHER = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.01, 4.0]), np.array([4.0, 1.0, 2.0])


@pytest.mark.parametrize(
    "maps, exact, method, expected",
    [
        ((ONE, OTHER), (ONE, ONE), "lrp-epsilon-plus", "specific"),
        ((ONE, ONE), (ONE, OTHER), "lrp-epsilon-plus", "unspecific"),
        ((ONE, -ONE), (ONE, -ONE), "lrp-epsilon-plus", "specific"),  # two classes are one contrast
        ((ONE, ONE), (ONE, -ONE), "lrp-epsilon-plus", "unspecific"),  # ... and here two
        ((ONE, ONE), (ONE, -ONE), "sensitivity", "specific"),  # which has no signs
        ((ONE, ONE), (ONE, ONE), "lrp-epsilon-plus", "undecided"),  # the model's classes are alike
        ((ONE, ONE), (ONE, ONE), "sensitivity", "undecided"),
        ((ONE, LIKE), (ONE, 1 / 3 * LIKE + ONE), "lrp-epsilon-plus", "undecided"),
        ((ONE, np.ones(3)), (ONE, OTHER), "lrp-epsilon-plus", "specific"),  # nothing measured
    ],
)
def test_two_classes_are_held_against_the_exact_map(monkeypatch, maps, exact, method, expected):
    """By their maps [3] for the predicted class and the other, and those of gradient × input."""
    monkeypatch.setattr(cascade, "weights_from_the_end", lambda *_: [])
    answers, logits = {-1: maps[0], 1: maps[1]}, np.array([[2.0, 1.0]])
    examination = Examination(
        exported=lambda clip, target: (logits, {method: answers[target]}),
        model=None, yardstick=lambda clip, target: exact[target], captured=None,
        clips=[np.zeros(1)],
    )  # fmt: skip
    assert examination.run()[method].dependence == expected


def test_features_of_rank_one_are_decided_by_the_layer_before(tmp_path):
    model = nets.seeded(OneFeature)
    methods = ["lrp-epsilon-plus", "gradient-x-input"]
    report = export(model, tmp_path / "b", methods=methods, clip=nets.CLIP, measure=False)
    for found in report.sanity.values():
        assert abs(found.randomised_correlation) > 1 - 1e-6  # as any map's, for two layers
        assert abs(found.cascade[0]) > 1 - 1e-6 and abs(found.cascade[1]) < 1 - 1e-3
        assert found.dependence == "specific"


class Single(nn.Module):
    """One channel, which every class scales."""

    def __init__(self):
        super().__init__()
        self.body, self.fc = nn.Conv3d(3, 1, 3, 2, 1), nn.Linear(1, 4)

    def forward(self, x):
        return self.fc(self.body(x).relu().mean((2, 3, 4)))


def test_methods_of_several_passes_are_marked_and_not_refused(tmp_path):
    methods = ["integrated-gradients", "smoothgrad", "gradient-shap"]
    report = export(nets.seeded(Single), tmp_path / "b", methods=methods, clip=nets.CLIP,
                    measure=False)  # fmt: skip
    assert report.marks == (f"class dependence unknown: {', '.join(methods)}",)


def test_what_no_layer_decides_cannot_be_told(tmp_path):
    said: list[str] = []
    report = export(nets.seeded(Single), tmp_path / "b", methods=["hirescam"], clip=nets.CLIP,
                    measure=False, progress=said.append)  # fmt: skip
    assert report.sanity["hirescam"].dependence == "undecided"
    assert any("cannot be told" in line for line in said)
    assert report.marks == ("class dependence unknown: hirescam",)
    entry = json.loads((tmp_path / "b" / "bundle.json").read_text())["graphs"][0]["sanity"]
    assert entry["hirescam"]["undecided"] and not entry["hirescam"]["class_specific"]
    with tubecam.Explainer(tmp_path / "b") as explainer:
        clip = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
        assert explainer.explain(clip).receipt.class_specific is None
    assert "class dependence unknown: hirescam" in tubecam.load_bundle(tmp_path / "b").describe()


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
