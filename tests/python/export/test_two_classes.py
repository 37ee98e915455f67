"""A detector of two classes: what is true of it is offered, what ignores it is not."""

from __future__ import annotations

import json

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import tubecam  # noqa: E402
import two_classes  # noqa: E402
from tubecam import _core  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.verify.sanity import SAME  # noqa: E402

COARSE = "coarse grid of 3×3 cells: hirescam, gradcam"
OFFERED = ["hirescam", "gradcam", "lrp-epsilon-plus", "gradient-x-input", "integrated-gradients"]


@pytest.fixture(scope="module")
def net():
    return two_classes.detector()


def exported(net, folder, methods, **settings):
    return export(net, folder, methods=methods, clip=two_classes.CLIP, labels=two_classes.NAMES,
                  pool=None, measure=False, **settings)  # fmt: skip


@pytest.fixture(scope="module")
def bundle(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "b"
    return folder, exported(net, folder, OFFERED)


@pytest.fixture(scope="module")
def unseen(net):
    """Clips of what moves that are recognised, and where it is."""
    clips, labels, masks = two_classes.rendered("held-out", 24, 5)
    right = [gap(net, clip) > 0 for clip in clips]
    assert np.mean(np.equal(right, labels)) > 0.9
    kept = np.flatnonzero(np.logical_and(right, labels))
    return clips[kept], masks[kept]


def gap(net, clip) -> float:
    """How much more the logits say "moving" than "still"."""
    with torch.no_grad():
        still, moving = net(torch.from_numpy(clip)[None].transpose(1, 2))[0]
    return float(moving - still)


def test_what_one_shuffled_layer_would_have_refused_is_offered(bundle):
    """Two classes are one contrast, and one layer's weights scale or flip a contrast's map."""
    _, report = bundle
    assert set(report.methods) == set(OFFERED) and report.marks == (COARSE,)
    found = report.sanity["lrp-epsilon-plus"]
    assert found.class_correlation < -SAME and abs(found.randomised_correlation) > SAME
    assert {found.dependence for found in report.sanity.values()} == {"specific"}


@pytest.mark.parametrize(
    "method, words",
    [
        ("lrp-alpha1beta0", "shuffling the last layer leaves its map as it was"),
        ("guided-backprop", "two likeliest classes correlate by 0.99"),
    ],
)
def test_what_ignores_the_classes_is_refused(net, tmp_path, method, words):
    with pytest.raises(ExportError, match=f"{method} does not explain the class.*{words}"):
        exported(net, tmp_path / "b", [method])


def test_what_is_forced_is_marked(net, tmp_path):
    method = "guided-backprop"
    report = exported(net, tmp_path / "b", [method], force=True)
    assert report.marks == (f"not class-specific: {method}",)
    entry = json.loads((tmp_path / "b" / "bundle.json").read_text())["graphs"][0]
    assert entry["sanity"][method]["class_specific"] is False


# ---- what is offered is true ----


def frozen(clip, relevance):
    """The clip whose most relevant fifth of the picture stands still: what moved there does not."""
    where = relevance >= np.quantile(relevance, 0.8)
    return np.where(where, clip[len(clip) // 2], clip).astype(np.float32)


def picture(explanation):
    """Relevance at each pixel of the clip, summed over time, [H, W]."""
    side, length = two_classes.SIDE, two_classes.LENGTH
    grid = np.meshgrid(*(np.arange(float(n)) for n in (length, side, side)), indexing="ij")
    values = _core.sample_tube(explanation.tube, explanation.stride, explanation.offset, *grid)
    return values.sum(0)


@pytest.mark.parametrize("method", OFFERED)
def test_freezing_what_is_relevant_takes_the_decision_back(net, bundle, unseen, method):
    """More than freezing as much elsewhere, in nearly every clip (an insertion of no edges)."""
    folder, _ = bundle
    rng = np.random.default_rng(0)
    drops, by_chance = [], []
    with tubecam.Explainer(folder, method=method, target=1) as explainer:
        for clip in unseen[0]:
            before = gap(net, clip)
            drops.append(before - gap(net, frozen(clip, picture(explainer.explain(clip)))))
            blocks = [rng.random((6, 6)).repeat(8, 0).repeat(8, 1) for _ in range(3)]
            by_chance.append(np.mean([before - gap(net, frozen(clip, b)) for b in blocks]))
    assert np.mean(drops) > 3 * np.mean(by_chance)
    assert np.mean(np.greater(drops, by_chance)) >= 0.9
