"""Relevance to both inputs of a model that takes optical flow: a pathway each."""

from __future__ import annotations

import json
import shutil

import jsonschema
import numpy as np
import pytest

import parts

torch = parts.require("torch")

import tubecam  # noqa: E402
from flow_streams import (  # noqa: E402
    CLIP,
    LAYERS,
    Streams,
    doubled,
    explain,
    moving_blob,
    packed,
    seeded,
)
from tubecam import BundleError, _core  # noqa: E402
from tubecam.cli import main as cli  # noqa: E402
from tubecam.export import export  # noqa: E402
from videos import numbered, write_video  # noqa: E402

pytestmark = pytest.mark.needs("opencv")
ONE_PASS = (
    "gradient-x-input", "sensitivity", "guided-backprop", "lrp-epsilon", "deep-taylor",
    "lrp-epsilon-plus", "lrp-epsilon-plus-flat", "excitation-backprop", "deeplift",
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return seeded()


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return moving_blob()


@pytest.fixture(scope="module")
def inputs_bundle(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("flow") / "inputs"
    report = export(
        model, out, layer=LAYERS, methods=[*ONE_PASS, "gradcam"], clip=CLIP, force=True,
        measure=False,
    )  # fmt: skip
    assert report.layers == ("clip", "flow") and report.check.max_relative_error < 1e-4
    return out


def test_each_input_has_the_relevance_of_autograd(inputs_bundle, model, clip):
    found = explain(inputs_bundle, clip, method="gradient-x-input", target=1)
    double = doubled(model)
    x = packed(inputs_bundle, clip).requires_grad_()
    (gradient,) = torch.autograd.grad(double(x)[0, 1], x)
    want = (gradient * x.detach())[0].numpy()  # [5, T, H, W]
    pictures, flow = found.pathways
    assert [p.name for p in found.pathways] == ["clip", "flow"]
    assert (pictures.of_flow, flow.of_flow) == (False, True)
    assert (pictures.offset[0], flow.offset[0]) == (0, 0.5)  # a flow lies between two slices
    for pathway, own in ((pictures, want[:3].sum(0)), (flow, want[3:].sum(0))):
        np.testing.assert_allclose(pathway.tube, own, atol=2e-5 * np.abs(own).max())
        assert pathway.relevance_sum == pytest.approx(own.sum(), abs=1e-5)
    assert not flow.tube[-1].any()  # no flow leads out of the clip
    assert found.tube.sum() == pytest.approx(want.sum(), abs=1e-4)


@pytest.mark.parametrize("method", ONE_PASS)
def test_every_method_of_one_pass_tells_both_inputs(inputs_bundle, clip, method):
    found = explain(inputs_bundle, clip, method=method)
    assert found.valid and found.motion_by == "flow"
    assert all(p.tube.shape == (9, 32, 32) and p.tube.any() for p in found.pathways)
    assert found.receipt.relevance_sum == pytest.approx(
        sum(p.relevance_sum for p in found.pathways), rel=1e-4, abs=1e-6
    )


def test_without_biases_both_inputs_share_out_the_logit(model, clip, tmp_path):
    class Biasless(Streams):
        def __init__(self):
            super().__init__()
            for stream in (self.rgb, self.flow):
                torch.nn.init.zeros_(stream[0].bias)

    torch.manual_seed(8)
    export(
        Biasless().eval(), tmp_path / "b", methods=["lrp-epsilon-plus"], pool=(3, 4, 8), clip=CLIP,
        measure=False, force=True,
    )  # fmt: skip
    found = explain(tmp_path / "b", clip)
    assert found.receipt.conservation == pytest.approx(1, abs=1e-3)
    assert [p.tube.shape for p in found.pathways] == [(3, 8, 4)] * 2
    assert [p.offset for p in found.pathways] == [(1, 1.5, 3.5), (1.5, 1.5, 3.5)]
    assert sum(p.share for p in found.pathways) == pytest.approx(100)


def test_the_sidecar_of_two_inputs_is_checked(inputs_bundle, root, tmp_path):
    text = tubecam.load_bundle(inputs_bundle).sidecar
    schema = json.loads((root / "engines" / "bundle.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(text)
    copy = shutil.copytree(inputs_bundle, tmp_path / "copy")
    both = {"activation": "activation_rgb", "gradient": "gradient_rgb"}
    for change, words in (
        (lambda p: p[1].update(outputs=both), "must name outputs of the same kind as the other"),
        (lambda p: p[1]["outputs"].update(both), "either relevance or an activation"),
        (lambda p: p[1]["layer"].update(shape=[2, 9, 32, 32]), "must be 1, since relevance"),
    ):
        changed = json.loads(json.dumps(text))
        change(changed["graphs"][0]["pathways"])
        assert not validator.is_valid(changed)
        (copy / "bundle.json").write_text(json.dumps(changed))
        with pytest.raises(BundleError, match=words):
            _core.load_bundle(str(copy))


def test_a_video_is_explained_input_by_input(inputs_bundle, tmp_path):
    video = write_video(tmp_path / "in.mp4", numbered(60), [i / 30 for i in range(60)])
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    arguments = ["run", str(video), "--bundle", str(inputs_bundle), "-o", str(out), "-q"]
    arguments += ["--method", "lrp-epsilon-plus"]
    assert cli.main([*arguments, "--jsonl", str(jsonl)]) == 0
    windows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert windows and all(w["method"] == "lrp-epsilon-plus" for w in windows)
    assert [p["of_flow"] for p in windows[0]["pathways"]] == [False, True]
