"""Which tensor is explained where none is named, in every network of the zoo.

That its axes are the clip's, in their order, and what its cells see, is measured: planes of the
clip are moved one by one.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import zoo  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export.candidates import Candidates  # noqa: E402
from tubecam.export.capture import capture  # noqa: E402
from tubecam.export.fold import fold_constants  # noqa: E402
from tubecam.export.layers import run_nodes, split_at  # noqa: E402

# Its path where that is not the row's own layer, and tokens that are no cells.
LAYERS = {
    "adaptive-max-2d": ("1", 0),
    "adaptive-average-2d": ("1", 0),
    "generalised-mean": ("pow_1", 0),  # what is averaged
    "fully-convolutional": ("2", 0),
    "recurrent-cells": ("silu", 0),
    "slowfast": ("relu_3", 0),
    "late-fusion": ("relu", 0),
    "vit-class-token": ("blocks.0.norm1", 1),
    "vit-einsum": ("blocks.0.norm1", 1),
    "encoder-pre-norm-class-token": ("blocks.0.layers.1.norm1", 1),
    "mvit": ("blocks.1.norm1", 1),
    "vit-attentive-pool": ("blocks.0", 0),
}
MEAN_POOLED = ("vit", "encoder", "mixer")  # read behind the last norm
# Reached by statistics or gates of the whole clip, or of a whole slice, which a field leaves out.
GATED = {
    "group-norm", "layer-norm", "instance-norm", "instance-norm-affine", "global-response-norm",
    "batch-norm-without-statistics", "squeeze-excitation", "s3d", "dynamic-kernels", "state-space",
    "linear-attention", "temporal-convolutions", "differences", "residual-pre-norm",
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny networks wait for threads longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class OneOutput(torch.nn.Module):
    """The logits of a tuple or dictionary."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        result = self.model(x)
        return result["actions"] if isinstance(result, dict) else result[1]


def candidates(name):
    entry, model = zoo.NETWORKS[name], zoo.network(name)
    model = OneOutput(model) if entry.head in ("tuple", "dict") else model
    captured = capture(model, zoo.clip(name), entry.time_first)
    fold_constants(captured.module)
    return Candidates(captured)


def expected(name):
    if name in LAYERS:
        return LAYERS[name]
    return ("norm" if name.startswith(MEAN_POOLED) else zoo.NETWORKS[name].layer), 0


def responses(found, layer, clip, axis):
    """[clip's positions, cells]: how much each plane of the clip moves the cells along an axis."""
    before, _ = split_at(found.captured, layer.node)

    def cells(x):
        values = {found.captured.clip: x}
        with torch.no_grad():
            run_nodes(found.captured.module, before, values, clip.dtype)
        return layer.volume(values[layer.node])[0].movedim(1 + axis, 0).flatten(1)

    dim, random = (1, 3, 4)[axis], torch.Generator().manual_seed(3)
    still = cells(clip)
    rows = []
    for place in range(clip.shape[dim]):
        moved = clip.clone()
        plane = moved.select(dim, place)
        plane += 1e-3 * torch.randn(plane.shape, generator=random, dtype=clip.dtype)
        rows.append((cells(moved) - still).square().sum(1))
    return torch.stack(rows)


@pytest.mark.parametrize("name", sorted(zoo.NETWORKS.keys() - {"taken-apart"}))
def test_the_default_layer_lies_on_the_clip_as_measured(name):
    found = candidates(name)
    layer = found.default()
    path, others = expected(name)
    assert (layer.name.removeprefix("model."), layer.cells.others) == (path, others)
    for axis in range(3):
        single = name == "circular-edges"  # makes a float32 tensor of its own
        clip = zoo.clip(name) if single else zoo.clip(name).double()
        energy = responses(found, layer, clip, axis)
        place = torch.arange(len(energy)).double()[:, None]
        seen = torch.where(energy > 1e-18 * energy.max(), place, torch.nan)
        extent = max(float(s.nan_to_num(-1).max() - s.nan_to_num(99).min()) + 1 for s in seen.T)
        assert name in GATED or extent <= layer.geometry.field[axis] + 1e-3
        if energy.shape[1] > 2:  # the means of two cells that see all but the same are noise
            measured = (energy * place).sum(0) / energy.sum(0)
            told = torch.arange(energy.shape[1]) * layer.geometry.stride[axis]
            assert torch.corrcoef(torch.stack([measured, told]))[0, 1] > 0.7


def test_places_that_lie_far_apart_are_refused():
    with pytest.raises(ExportError, match=r"followed is .*aten.cat in trunk.2 \\(Apply\\)"):
        candidates("taken-apart").default()
