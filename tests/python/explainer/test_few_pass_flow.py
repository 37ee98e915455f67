"""Methods of a few passes on a model that takes optical flow: steps go through both inputs."""

from __future__ import annotations

import json
import shutil

import jsonschema
import numpy as np
import pytest

import parts

torch = parts.require("torch")

import tubecam  # noqa: E402
from flow_streams import CLIP, LAYERS, doubled, explain, moving_blob, packed, seeded  # noqa: E402
from tubecam import BundleError, MethodOptions, _core  # noqa: E402
from tubecam.export import export  # noqa: E402

pytestmark = pytest.mark.needs("opencv")
METHODS = ["integrated-gradients", "smoothgrad", "gradient-shap"]


@pytest.fixture(scope="module")
def model():
    return seeded()


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return moving_blob()


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("flow") / "steps"
    report = export(model, out, layer=LAYERS, methods=METHODS, clip=CLIP, measure=False)
    assert report.layers == ("clip", "flow") and report.check.max_relative_error < 1e-4
    return out


def gradient(model, x, target):
    """∂logit/∂x of the packed [1, 5, T, H, W], and the logit."""
    x = x.clone().requires_grad_()
    logit = model(x)[0, target]
    return torch.autograd.grad(logit, x)[0], float(logit.detach())


def assert_tubes(found, want):
    """want: [5, T, H, W]."""
    pictures, flow = found.pathways
    assert [p.name for p in found.pathways] == ["clip", "flow"]
    for pathway, own in ((pictures, want[:3].sum(0)), (flow, want[3:].sum(0))):
        np.testing.assert_allclose(pathway.tube, own, atol=1e-4 * np.abs(want).max())
    assert not flow.tube[-1].any()  # no flow leads out of the clip
    assert found.receipt.relevance_sum == pytest.approx(want.sum(), rel=1e-3)


@pytest.mark.parametrize("baseline", ["zero", "frozen"])
def test_integrated_gradients_go_from_a_clip_without_flow_to_both(model, bundle, clip, baseline):
    steps, double, x = 5, doubled(model), packed(bundle, clip)
    found = explain(bundle, clip, options=MethodOptions(steps=steps, baseline=baseline))
    before = torch.zeros_like(x)
    if baseline == "frozen":
        before[:, :3] = x[:, :3, clip.shape[0] // 2][:, :, None]
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    mean = sum(
        w / 2 * gradient(double, before + (1 + node) / 2 * (x - before), found.target_index)[0]
        for node, w in zip(nodes, weights, strict=True)
    )
    assert_tubes(found, (mean * (x - before))[0].numpy())
    logit, other = (gradient(double, v, found.target_index)[1] for v in (x, before))
    assert found.receipt.baseline_logit == pytest.approx(other, abs=1e-5)
    assert found.receipt.conservation == pytest.approx(
        float((mean * (x - before)).sum()) / (logit - other), rel=1e-3
    )
    assert found.motion_by == "flow" and found.receipt.passes == steps + 2


def test_many_steps_complete_with_both_inputs(bundle, clip):
    found = explain(bundle, clip, options=MethodOptions(steps=60))
    assert found.receipt.conservation == pytest.approx(1, abs=0.02)


def test_smoothgrad_without_noise_is_the_sensitivity_to_both(model, bundle, clip):
    found = explain(bundle, clip, method="smoothgrad", options=MethodOptions(steps=2, noise=0))
    want, _ = gradient(doubled(model), packed(bundle, clip), found.target_index)
    assert_tubes(found, np.abs(want[0].numpy()))


def test_gradient_shap_takes_each_baseline_without_flow(bundle, clip):
    found = explain(bundle, clip, method="gradient-shap", options=MethodOptions(steps=90))
    assert found.receipt.conservation == pytest.approx(1, abs=0.05)
    assert all(p.tube.any() for p in found.pathways)


def test_cells_of_both_inputs_sum_what_lies_in_them(model, bundle, clip, tmp_path):
    export(model, tmp_path / "b", methods=METHODS, pool=(3, 4, 8), clip=CLIP, measure=False)
    fine, coarse = explain(bundle, clip), explain(tmp_path / "b", clip)
    for one, other in zip(fine.pathways, coarse.pathways, strict=True):
        want = one.tube.reshape(3, 3, 8, 4, 4, 8).sum((1, 3, 5))
        np.testing.assert_allclose(other.tube, want, atol=1e-5 * np.abs(want).max())


def test_the_sidecar_names_the_gradients_of_both_inputs(bundle, root, tmp_path):
    text = tubecam.load_bundle(bundle).sidecar
    schema = json.loads((root / "engines" / "bundle.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(text)
    first, second = text["graphs"][0]["pathways"]
    assert [first["outputs"], second["outputs"]] == [
        {"gradient": "gradient_clip"}, {"gradient": "gradient_flow"}
    ]  # fmt: skip
    copy = shutil.copytree(bundle, tmp_path / "copy")
    for change, words in (
        (lambda p: p[0].update(input="flow"), "must be the clip and its flow"),
        (lambda p: p[1]["layer"].update(shape=[3, 9, 32, 32]), "2, the flow's directions"),
        (lambda p: p[0]["layer"].update(shape=[3, 2, 32, 32]), "divisor of the clip's size"),
        (
            lambda p: p[1].update(outputs={"activation": "a", "gradient": "g"}),
            "outputs of the same kind",
        ),
    ):
        changed = json.loads(json.dumps(text))
        change(changed["graphs"][0]["pathways"])
        (copy / "bundle.json").write_text(json.dumps(changed))
        with pytest.raises(BundleError, match=words):
            _core.load_bundle(str(copy))
