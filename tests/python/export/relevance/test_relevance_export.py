"""Exported relevance: engines against float64 on unseen clips, bundles of several graphs."""

from __future__ import annotations

import json

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import onnxruntime  # noqa: E402

import export_nets as nets  # noqa: E402
import tubecam  # noqa: E402
from tubecam import _core  # noqa: E402
from tubecam.errors import ExportError, UsageError  # noqa: E402
from tubecam.export import CAM_METHODS, export  # noqa: E402
from tubecam.export.relevance import FEW_PASS  # noqa: E402
from tubecam.export.relevance import METHODS as RELEVANCE  # noqa: E402
from tubecam.export.relevance import check as relevance_check  # noqa: E402
from tubecam.export.relevance.graph import readable_pool  # noqa: E402

SHAPE = (1, nets.CLIP["length"], 3, nets.CLIP["height"], nets.CLIP["width"])


def clips(count):
    random = torch.Generator().manual_seed(78)
    return [torch.randn(SHAPE, generator=random) * (i + 1) for i in range(count)]


def worst(got, want):
    return float(np.abs(got - want).max() / np.abs(want).max())


def test_names_are_those_of_the_runtime():
    assert list(RELEVANCE) == list(_core.methods("relevance"))
    assert list(FEW_PASS) == list(_core.methods("multi-pass"))


def test_onnx_runtime_openvino_and_autograd_agree(tmp_path):
    folder = tmp_path / "b"
    export(
        nets.seeded(nets.Hard), folder, methods=["gradient-x-input"], clip=nets.CLIP, measure=False
    )
    session = onnxruntime.InferenceSession(folder / "gradient-x-input.onnx")
    explainer = tubecam.Explainer(folder)
    model = nets.seeded(nets.Hard).double()
    for clip, target in zip(clips(2), (-1, 2), strict=True):
        x = clip.double().requires_grad_()
        logits = model(x.transpose(1, 2))
        index = int(logits.argmax()) if target < 0 else target
        (gradient,) = torch.autograd.grad(logits[0, index], x)
        want = (gradient * x.detach()).sum(2).numpy()
        feeds = {"clip": clip.numpy(), "target": np.array([target], np.int64)}
        explainer.target = target
        for got in (session.run(["relevance"], feeds)[0], explainer.explain(clip[0].numpy()).tube):
            assert worst(got.reshape(want.shape), want) < 1e-4


def test_one_bundle_holds_every_kind_of_graph(tmp_path):
    methods = ["lrp-epsilon-plus", "layercam", "guided-backprop", "gradcam"]
    model = nets.seeded(nets.Pooled, "linear")
    folder = tmp_path / "b"
    report = export(model, folder, methods=methods, pool=(2, 4, 8), clip=nets.CLIP, measure=False)
    assert set(report.methods) == set(methods) and report.layer == "clip"
    assert report.layer_shape == (1, 4, 6, 4)
    sidecar = json.loads((folder / "bundle.json").read_text())
    assert sidecar["check"]["max_relative_error"] < 1e-4
    assert {"gradient", "lrp-epsilon-plus"} <= set(sidecar["check"]["relative_errors"])
    clip = clips(1)[0][0].numpy()
    with tubecam.Explainer(folder) as explainer:
        assert explainer.method == "lrp-epsilon-plus"
        shapes = {}
        for explainer.method in methods:
            result = explainer.explain(clip)
            shapes[explainer.method] = result.tube.shape
            assert result.valid and result.method == explainer.method
        assert shapes["lrp-epsilon-plus"] == shapes["guided-backprop"] == (4, 6, 4)
        assert shapes["gradcam"] == shapes["layercam"] == (4, 12, 16)
    layer = tubecam.load_bundle(folder).graphs[0].layer
    assert layer.stride == [2, 4, 8] and layer.offset == [0.5, 1.5, 3.5]


def test_half_precision_weights_are_measured(tmp_path):
    model, folder = nets.seeded(nets.Pooled, "linear"), tmp_path / "b"
    report = export(
        model, folder, methods=["lrp-epsilon"], clip=nets.CLIP, precision="float16", measure=False
    )
    assert 0 < report.check.max_relative_error < 1e-2


def test_a_wrong_graph_is_refused(tmp_path, monkeypatch):
    """The reference follows other rules than the graph did."""
    made = relevance_check.Reference.__call__

    def other(self, *inputs):
        case = made(self, *inputs)
        case.relevance[0][...] *= 1.01
        return case

    monkeypatch.setattr(relevance_check.Reference, "__call__", other)
    model = nets.seeded(nets.Pooled, "linear")
    with pytest.raises(ExportError, match="lrp-epsilon does not agree .* 0.0099 of the relevance"):
        export(model, tmp_path / "b", methods=["lrp-epsilon"], clip=nets.CLIP, measure=False)
    assert not (tmp_path / "b").exists()


def test_a_method_that_jumps_everywhere_is_refused(tmp_path, monkeypatch):
    errors = relevance_check.Errors(logits=0.0, relevance=0.02, decided=0.0)
    monkeypatch.setattr(relevance_check, "case_errors", lambda compiled, case: errors)
    monkeypatch.setattr(relevance_check, "at_kink", lambda reference, case: True)
    model = nets.seeded(nets.Pooled, "linear")
    with pytest.raises(ExportError, match="0.02 to 0.02 on 12 of 12 clips.*right from wrong"):
        export(model, tmp_path / "b", methods=["sensitivity"], clip=nets.CLIP, measure=False)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("picture", "side"),
    [
        ((112, 112), 8),
        ((224, 224), 16),
        ((172, 172), 4),
        ((72, 128), 4),
        ((60, 40), 2),
        ((9, 7), 1),
    ],
)
def test_cells_that_can_be_read(picture, side):
    assert readable_pool((1, 16, 3, *picture)) == (1, side, side)


def test_bad_arguments_name_what_is_good(tmp_path):
    model = nets.seeded(nets.Pooled, "linear")
    with pytest.raises(UsageError, match="unknown method 'lrp'.*lrp-epsilon-plus"):
        export(model, tmp_path / "b", methods=["lrp"], clip=nets.CLIP)
    for pool in ((3, 1, 1), (1, 0, 1), (1, 1)):
        with pytest.raises(UsageError, match="must divide the clip's 8x24x32"):
            export(model, tmp_path / "b", methods=["sensitivity"], pool=pool, clip=nets.CLIP)
    assert not (tmp_path / "b").exists() and CAM_METHODS[0] == "gradcam"
