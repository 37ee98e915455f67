"""Models with several explained layers: a tube and a share each, and the tube that joins them."""

from __future__ import annotations

import json
import shutil

import jsonschema
import numpy as np
import pytest

import parts
import tiny_bundle

torch = parts.require("torch")

import tubecam  # noqa: E402
from tubecam import UsageError, _core  # noqa: E402
from tubecam.errors import BundleError, ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402

CLIP = {"length": 8, "height": 16, "width": 16, "sample_fps": 10.0}
CLASSES = 4
LAYERS = ["slow=slow.1", "fast=fast.1"]


class TwoRates(torch.nn.Module):
    """A slow pathway on every fourth slice and a fast one on all, fused before the linear head."""

    def __init__(self, bias: bool = False) -> None:
        super().__init__()
        conv = torch.nn.Conv3d
        self.slow = torch.nn.Sequential(conv(3, 6, (1, 4, 4), (1, 4, 4)), torch.nn.ReLU())
        self.fast = torch.nn.Sequential(conv(3, 4, (3, 4, 4), (1, 4, 4), (1, 0, 0)),
                                        torch.nn.ReLU())  # fmt: skip
        self.head = torch.nn.Linear(10, CLASSES, bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slow, fast = self.slow(x[:, :, ::4]), self.fast(x)
        return self.head(torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1))


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(4)
    return TwoRates().eval()


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("pathways") / "two"
    report = export(model, out, layer=LAYERS, clip=CLIP)
    assert report.layers == ("slow.1", "fast.1") and "cam" not in report.methods
    return out


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return np.random.default_rng(6).normal(0, 1, (8, 3, 16, 16)).astype(np.float32)


def by_autograd(model, clip, target):
    """Activation and gradient of both pathways, float64."""
    kept = {}
    model = model.double()
    handles = [
        model.get_submodule(path).register_forward_hook(
            lambda m, i, out, path=path: kept.update({path: out})
        )
        for path in ("slow.1", "fast.1")
    ]
    x = torch.from_numpy(clip).double().transpose(0, 1)[None].requires_grad_()
    logits = model(x)[0]
    gradients = torch.autograd.grad(logits[target], list(kept.values()))
    for handle in handles:
        handle.remove()
    model.float()
    pairs = zip(kept.values(), gradients, strict=True)
    return logits.detach().numpy(), [tuple(t[0].detach().numpy() for t in p) for p in pairs]


def spread(tube, stride, offset, grid):
    """Each cell's relevance shared out over the cells of a grid that it covers, one by one."""
    shape, grid_stride, grid_offset = grid
    out = np.zeros(shape)

    def parts(i, axis):
        begin = offset[axis] + stride[axis] * (i - 0.5)
        edges = grid_offset[axis] + grid_stride[axis] * (np.arange(shape[axis] + 1) - 0.5)
        edges[0], edges[-1] = -np.inf, np.inf
        low = np.maximum(edges[:-1], begin)
        high = np.minimum(edges[1:], begin + stride[axis])
        return np.maximum(high - low, 0) / stride[axis]

    for place, value in np.ndenumerate(tube):
        t, y, x = (parts(i, axis) for axis, i in enumerate(place))
        out += value * t[:, None, None] * y[:, None] * x
    return out


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "layercam"])
def test_each_pathway_has_the_tube_of_autograd(bundle, model, clip, method):
    with tubecam.Explainer(bundle, method=method, target=2) as explainer:
        found = explainer.explain(clip)
    logits, pairs = by_autograd(model, clip, 2)
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)
    assert [p.name for p in found.pathways] == ["slow", "fast"]
    assert [p.tube.shape for p in found.pathways] == [(2, 4, 4), (8, 4, 4)]
    for pathway, (activation, gradient) in zip(found.pathways, pairs, strict=True):
        if method == "gradcam":
            want = np.einsum("c,cthw->thw", gradient.mean((1, 2, 3)), activation)
        else:
            want = activation * gradient
            want = (want if method == "hirescam" else np.maximum(want, 0)).sum(0)
        want = want if method == "hirescam" else np.maximum(want, 0)
        np.testing.assert_allclose(pathway.tube, want, atol=1e-5 * np.abs(want).max())


def test_shares_add_up_to_the_logit(bundle, clip):
    """The head has no bias, so HiResCAM's relevance of both pathways is the logit."""
    with tubecam.Explainer(bundle, method="hirescam") as explainer:
        found = explainer.explain(clip)
    sums = [p.relevance_sum for p in found.pathways]
    assert sum(sums) == pytest.approx(found.receipt.logit, abs=1e-5)
    assert found.receipt.relevance_sum == pytest.approx(sum(sums))
    assert found.receipt.conservation == pytest.approx(1, abs=1e-5)
    if not np.isnan(found.pathways[0].share):
        assert sum(p.share for p in found.pathways) == pytest.approx(100)
        assert found.pathways[0].share == pytest.approx(100 * sums[0] / sum(sums))
    for pathway in found.pathways:
        assert pathway.segments.sum() == pytest.approx(pathway.relevance_sum, abs=1e-5)
    np.testing.assert_array_equal(found.pathways[0].slices, [0, 4])


def test_the_joined_tube_keeps_every_cells_relevance(bundle, clip):
    with tubecam.Explainer(bundle, method="hirescam") as explainer:
        found = explainer.explain(clip)
    assert (found.tube.shape, found.stride, found.offset) == ((8, 4, 4), (1, 4, 4), (0, 1.5, 1.5))
    grid = (found.tube.shape, found.stride, found.offset)
    want = sum(spread(p.tube, p.stride, p.offset, grid) for p in found.pathways)
    np.testing.assert_allclose(found.tube, want, atol=1e-5)
    assert found.tube.sum() == pytest.approx(sum(p.tube.sum() for p in found.pathways), abs=1e-4)
    np.testing.assert_allclose(found.curve, found.tube.sum((1, 2)), atol=1e-5)


def test_json_lines_name_each_pathway(bundle, clip):
    with tubecam.Explainer(bundle, method="hirescam") as explainer:
        found = explainer.explain(clip)
    entries = json.loads(found.to_json())["pathways"]
    assert [e["name"] for e in entries] == ["slow", "fast"]
    assert [len(e["segments"]) for e in entries] == [2, 8]
    assert entries[0]["relevance_sum"] == pytest.approx(found.pathways[0].relevance_sum, rel=1e-6)
    assert not entries[0]["of_flow"]


def test_pathways_that_say_nothing_have_no_share(tmp_path, clip):
    torch.manual_seed(4)
    model = TwoRates().eval()
    with torch.no_grad():
        model.head.weight.zero_()
    export(model, tmp_path / "zero", layer=LAYERS, methods=["gradcam"], clip=CLIP)
    with tubecam.Explainer(tmp_path / "zero") as explainer:
        found = explainer.explain(clip)
    assert all(np.isnan(p.share) for p in found.pathways)
    assert json.loads(found.to_json())["pathways"][0]["share"] is None


@pytest.mark.parametrize(
    ("layers", "error", "words"),
    [
        (["slow=slow.1", "slow=fast.1"], UsageError, "different"),
        (["a=slow.0", "b=slow.1"], ExportError, "lies behind"),
        (["a=slow.1", "b=quick"], UsageError, "no layer 'quick'"),
        ([], UsageError, "1 to 8"),
    ],
)
def test_layers_that_cannot_be_pathways(model, tmp_path, layers, error, words):
    with pytest.raises(error, match=words):
        export(model, tmp_path / "bundle", layer=layers, clip=CLIP)
    assert not (tmp_path / "bundle").exists()


def test_the_schema_knows_pathways(bundle, root):
    schema = json.loads((root / "engines" / "bundle.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    text = tubecam.load_bundle(bundle).sidecar
    validator.validate(text)
    del text["graphs"][0]["pathways"][1]["outputs"]["gradient"]
    assert not validator.is_valid(text)


def changed(folder, change):
    text = json.loads((folder / "bundle.json").read_text())
    change(text["graphs"][0])
    return text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: g["pathways"].pop(), r"graphs\[0\].pathways must be an array of 2…8"),
        (lambda g: g["pathways"][1].update(name="slow"), "another name"),
        (lambda g: g["pathways"][1]["outputs"].update(activation="logits"), "names already"),
        (lambda g: g["pathways"][1]["outputs"].pop("gradient"), "weight is missing|either"),
        (lambda g: g["pathways"][0]["layer"].pop("shape"), "shape is missing"),
        (lambda g: g["methods"].append("cam"), "cam needs"),
    ],
)
def test_the_sidecars_pathways_are_checked(bundle, tmp_path, change, words):
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    (copy / "bundle.json").write_text(json.dumps(changed(copy, change)))
    with pytest.raises(BundleError, match=words):
        _core.load_bundle(str(copy))


def test_bundles_of_one_layer_have_no_pathways(tmp_path):
    folder = tiny_bundle.write(tmp_path / "one")
    with tubecam.Explainer(folder) as explainer:
        found = explainer.explain(tiny_bundle.clip())
    assert found.pathways == () and "pathways" not in found.to_dict()
