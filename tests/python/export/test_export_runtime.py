"""From torch to the runtime: an exported bundle explains what autograd explains."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import export_nets as nets  # noqa: E402
import tubecam  # noqa: E402
from tolerances import TOLERANCES  # noqa: E402
from tubecam import _core  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.reference import cam3d as cam3d_reference  # noqa: E402


def unseen_clip():
    """[T, 3, H, W] float32, normalised, from no generator that the export uses."""
    shape = (nets.CLIP["length"], 3, nets.CLIP["height"], nets.CLIP["width"])
    return np.random.default_rng(123).standard_normal(shape).astype(np.float32)


def autograd(model, path, clip, target):
    """Class, logits, activation and its gradient in float64."""
    model = copy.deepcopy(model).eval().double()
    kept = []
    # A copy goes on, as the modules behind it may write in place.
    handle = model.get_submodule(path).register_forward_hook(
        lambda module, inputs, output: kept.append(output) or output.clone()
    )
    logits = model(torch.from_numpy(clip).double().transpose(0, 1)[None])[0]
    handle.remove()
    index = int(logits.argmax()) if target < 0 else target
    (gradient,) = torch.autograd.grad(logits[index], kept[-1])
    arrays = (logits, kept[-1][0], gradient[0])
    return index, *(x.detach().numpy() for x in arrays)


@pytest.mark.parametrize(
    ("make", "arguments", "layer"),
    [
        (nets.Pooled, ["linear"], "body"),  # closed form
        (nets.Pooled, ["linear"], "body.0"),  # before a normalisation and a ReLU
        (nets.Hard, [], "pool"),  # a fully connected head
        (nets.Hard, [], "grouped"),
    ],
)
def test_the_runtimes_tube_is_autograds(tmp_path, make, arguments, layer):
    model = nets.seeded(make, *arguments)
    report = export(model, tmp_path / "b", layer=layer, clip=nets.CLIP)
    clip = unseen_clip()
    with tubecam.Explainer(tmp_path / "b") as explainer:
        assert set(explainer.methods) == {*report.methods, *_core.methods("motion")}
        for target in (-1, 3):
            index, logits, activation, gradient = autograd(model, layer, clip, target)
            for method in report.methods:
                explainer.method, explainer.target = method, target
                result = explainer.explain(clip)
                scale = np.abs(logits).max()
                close(result.logits / scale, logits / scale)
                weight = {"weight": model.fc.weight[index].detach()} if method == "cam" else {}
                tube, relevance = cam3d_reference.cam3d(
                    activation, method, gradient=gradient, **weight
                )
                unit = np.abs(relevance).max()
                close(result.tube / unit, tube / unit)


def close(got, want):
    np.testing.assert_allclose(got, want, **TOLERANCES["engine"])
