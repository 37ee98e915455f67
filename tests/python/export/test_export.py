"""Whole exports of small models: exact against autograd, closed forms, folding, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import CAM_METHODS, bundle_folder, export  # noqa: E402

SHAPE = (1, nets.CLIP["length"], 3, nets.CLIP["height"], nets.CLIP["width"])


def run(folder, clip, target):
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    values = session.run(None, {"clip": clip.numpy(), "target": np.array([target], np.int64)})
    return dict(zip(names, values, strict=True))


def autograd(model, path, clip, target, time_first=False):
    """Logits, activation and gradient in float64, written again for the tests."""
    model = model.double()
    kept = []

    def keep(module, inputs, output):
        kept.append(output)
        output.retain_grad()
        return output.clone()

    for parameter in model.parameters():
        parameter.requires_grad_()
    handle = model.get_submodule(path).register_forward_hook(keep)
    x = clip.double()
    logits = model(x if time_first else x.transpose(1, 2))
    handle.remove()
    index = int(logits.argmax()) if target < 0 else target
    logits[0, index].backward()
    last = kept[-1]
    return logits.detach().numpy(), last.detach().numpy(), last.grad.numpy()


def clips(count):
    random = torch.Generator().manual_seed(77)
    return [torch.randn(SHAPE, generator=random) * (i + 1) for i in range(count)]


def worst(got, want):
    return float(np.abs(got - want).max() / np.abs(want).max())


@pytest.mark.parametrize(
    ("make", "layer", "chosen", "time_first"),
    [
        (nets.Hard, "stem", "stem", False),
        (nets.Hard, "relu", "relu", False),  # the last of two calls
        (nets.Hard, "dilated", "dilated", False),
        (nets.Hard, None, "pool", False),
        (nets.Recurrent, None, "frames", True),
        (nets.Attentive, "volume", "volume", False),
    ],
)
def test_gradients_equal_autograd_on_unseen_clips(tmp_path, make, layer, chosen, time_first):
    model = nets.seeded(make)
    report = export(model, tmp_path / "b", layer=layer, clip=nets.CLIP, time_first=time_first)
    assert report.layer == chosen and not report.closed_form and "cam" not in report.methods
    gradients = []
    for clip, target in zip(clips(3), (-1, 0, 3), strict=True):
        got = run(tmp_path / "b", clip, target)
        want = autograd(nets.seeded(make), chosen, clip, target, time_first)
        for name, reference in zip(("logits", "activation", "gradient"), want, strict=True):
            if got[name].shape != reference.shape:  # frames as the batch
                reference = reference.transpose(1, 0, 2, 3)[None]
            assert worst(got[name], reference) < 2e-5, name
        gradients.append(got["gradient"])
    assert worst(gradients[1], gradients[2]) > 0.01  # nothing is frozen


def test_an_earlier_call_of_a_reused_module_can_be_named(tmp_path):
    report = export(nets.seeded(nets.Hard), tmp_path / "b", layer="relu:0", clip=nets.CLIP)
    assert report.layer_shape == (8, 8, 12, 16)


@pytest.mark.parametrize("head", ["linear", "pointwise"])
def test_linear_heads_need_no_backward(tmp_path, head):
    model = nets.seeded(nets.Pooled, head)
    report = export(model, tmp_path / "b", layer="body", clip=nets.CLIP)
    assert report.closed_form and report.methods == CAM_METHODS
    matrix = model.fc.weight if head == "linear" else model.kernel.weight[:, :, 0, 0, 0]
    for clip, target in zip(clips(2), (-1, 2), strict=True):
        got = run(tmp_path / "b", clip, target)
        index = got["logits"].argmax() if target < 0 else target
        np.testing.assert_array_equal(got["weight"][0], matrix[index].detach().numpy())
        # Exact truths: the gradient is weight/Z everywhere, and HiResCAM's sum + bias is the logit.
        _, activation, gradient = autograd(nets.seeded(nets.Pooled, head), "body", clip, target)
        cells = np.prod(activation.shape[2:])
        np.testing.assert_allclose(
            np.broadcast_to(got["weight"][..., None, None, None] / cells, gradient.shape),
            gradient, rtol=1e-5, atol=1e-9,
        )  # fmt: skip
        bias = (model.fc if head == "linear" else model.kernel).bias[index].item()
        total = (got["activation"] * gradient).sum() + bias
        assert total == pytest.approx(float(got["logits"][0, index]), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("head", ["sum", "relu", "maximum", "frames"])
def test_other_heads_are_not_taken_for_linear(tmp_path, head):
    report = export(nets.seeded(nets.Pooled, head), tmp_path / "b", layer="body", clip=nets.CLIP)
    assert not report.closed_form
    with pytest.raises(ExportError, match=r"(?s)cam needs .* linear.*hirescam"):
        export(nets.seeded(nets.Pooled, head), tmp_path / "c", layer="body", clip=nets.CLIP,
               methods=["cam"])  # fmt: skip
    assert not (tmp_path / "c").exists()


def operators(folder):
    graph = onnx.load(folder / "model.onnx").graph
    return [node.op_type for node in graph.node]


@pytest.mark.parametrize(
    ("layers", "folded", "kept"),
    [
        ([nn.Conv3d(3, 6, 3), nn.BatchNorm3d(6)], 1, 0),
        ([nn.ConvTranspose3d(3, 6, 2, 2, groups=3), nn.BatchNorm3d(6)], 1, 0),
        ([nn.BatchNorm3d(3), nn.Conv3d(3, 6, 3)], 1, 0),
        ([nn.BatchNorm3d(3), nn.Conv3d(3, 6, 3, padding=1)], 0, 1),  # padded zeros have no mean
        ([nn.Conv3d(3, 6, 3), nn.ReLU(), nn.BatchNorm3d(6)], 0, 1),
    ],
)
def test_batch_normalisation_is_folded_where_that_is_exact(tmp_path, layers, folded, kept):
    model = nets.seeded(lambda: nn.Sequential(
        *layers, nn.Tanh(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(6, 3)
    ))  # fmt: skip
    report = export(model, tmp_path / "b", clip={"length": 8, "height": 8, "width": 8})
    assert (report.folded, report.kept) == (folded, kept)
    # A wrong fold is off by its whole scale. The clip is small since OpenVINO's average pool adds n
    # cells one after another in float32, which errs by up to n·6e-8: seen 2e-5 at 4000 cells, where
    # the same mean of the same activation in float64 gives logits right to 4e-8.
    assert report.check.max_relative_error < 1e-5
    assert "BatchNormalization" not in operators(tmp_path / "b")


def test_an_explained_convolution_keeps_its_own_output(tmp_path):
    model = nets.seeded(nets.Pooled, "linear")
    report = export(model, tmp_path / "b", layer="body.0", clip=nets.CLIP)
    assert report.kept == 1 and report.folded == 0
    clip = clips(1)[0]
    want = autograd(nets.seeded(nets.Pooled, "linear"), "body.0", clip, 1)
    got = run(tmp_path / "b", clip, 1)
    assert worst(got["activation"], want[1]) < 1e-5 and worst(got["gradient"], want[2]) < 1e-5


def test_the_bundle_is_what_its_readme_states(tmp_path, root):
    jsonschema = parts.require("jsonschema")
    labels = ["walk", "run", "drömma", "夢", "stand"]
    export(nets.seeded(nets.Hard), tmp_path / "b", clip=nets.CLIP, labels=labels, layer="dilated")
    sidecar = json.loads((tmp_path / "b/bundle.json").read_text("utf-8"))
    schema = json.loads((root / "engines/bundle.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(sidecar, schema)
    assert (tmp_path / "b/labels.txt").read_text("utf-8").splitlines() == labels
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == [
        "bundle.json", "labels.txt", "model.onnx",
    ]  # fmt: skip
    for name, digest in sidecar["files"].items():
        assert bundle_folder.sha256(tmp_path / "b" / name) == digest
    model = onnx.load(tmp_path / "b/model.onnx")
    assert [o.version for o in model.opset_import] == [17]
    assert {n.domain for n in model.graph.node} == {""}
    assert "Indices" not in str([list(n.output) for n in model.graph.node if "Pool" in n.op_type])
    wrong = {**sidecar, "clip": {**sidecar["clip"], "length": 0}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_equal_models_give_equal_files(tmp_path):
    for name in ("a", "b"):
        export("export_nets:small", tmp_path / name, clip=nets.CLIP, name="same")
    for file in ("model.onnx", "bundle.json", "labels.txt"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_half_precision_weights(tmp_path):
    model = nets.seeded(nets.Hard)
    full = export(model, tmp_path / "full", clip=nets.CLIP)
    half = export(model, tmp_path / "half", clip=nets.CLIP, precision="float16")
    assert full.check.max_relative_error < 1e-5 < half.check.max_relative_error < 1e-2
    types = {t.data_type for t in onnx.load(tmp_path / "half/model.onnx").graph.initializer}
    assert onnx.TensorProto.FLOAT16 in types


def test_large_graphs_keep_their_weights_in_a_second_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tubecam.export.onnx.file.INLINE_LIMIT", 1000)
    report = export("export_nets:small", tmp_path / "b", clip=nets.CLIP)
    sidecar = json.loads((tmp_path / "b/bundle.json").read_text())
    assert "model.onnx.data" in sidecar["files"]
    assert report.check.max_relative_error < 1e-5
    assert run(tmp_path / "b", clips(1)[0], -1)["logits"].shape == (1, nets.CLASSES)


def test_the_users_model_is_left_as_it_was(tmp_path):
    model = nets.seeded(nets.Pooled, "linear").train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    export(model, tmp_path / "b", clip=nets.CLIP)
    assert model.training and all(p.requires_grad for p in model.parameters())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("frozen", "words"),
    [
        (lambda logits, target: torch.tensor([2]), "does not depend on the target"),
        (lambda logits, target: target * 0 + 2, r"does not agree with autograd.*gradient \d"),
    ],
)
def test_a_trace_that_kept_the_class_it_saw_is_refused(tmp_path, monkeypatch, frozen, words):
    monkeypatch.setattr("tubecam.export.gradient.differentiate.chosen", frozen)
    with pytest.raises(ExportError, match=words):
        export(nets.seeded(nets.Hard), tmp_path / "b", clip=nets.CLIP, layer="pool")
    assert list(tmp_path.iterdir()) == []
