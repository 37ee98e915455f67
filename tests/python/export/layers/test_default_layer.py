"""Which tensor is explained where none is named, in every network of the zoo.

That its axes are the clip's, in their order, and what its cells see, is measured: planes of the
clip are moved one by one.
"""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

import zoo  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.layers.candidates import Candidates  # noqa: E402
from tubecam.export.trace.batch_norm_folding import fold_constants  # noqa: E402
from tubecam.export.trace.capture import capture  # noqa: E402
from tubecam.export.trace.graph import run_nodes, split_at  # noqa: E402

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
    "encoder-pre-norm-class-token": ("blocks.0.layers.0.norm1", 1),
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
    with pytest.raises(ExportError, match=r"followed is .*aten.cat in trunk.2 \(Apply\)"):
        candidates("taken-apart").default()


class Looped(nn.Module):
    """One picture network on each slice, in a loop."""

    def __init__(self):
        super().__init__()
        self.picture, self.fc = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4, 3)

    def forward(self, x):
        slices = [self.picture(x[:, :, i]).relu().mean((2, 3)) for i in range(x.shape[2])]
        return self.fc(torch.stack(slices).mean(0))


def of(model):
    return Candidates(capture(model.eval(), torch.randn(1, 4, 3, 16, 16)))


def test_one_slice_of_a_loop_does_not_stand_for_all():
    found = of(Looped())
    with pytest.raises(ExportError, match=r"reads 4 tensors like .* one batch of frames.*--layer"):
        found.default()
    assert found.at("picture:2").geometry.offset[0] == 2


class Streams(nn.Module):
    """Two networks of the same clip, each at its own rate."""

    def __init__(self):
        super().__init__()
        self.slow, self.fast = (nn.Conv3d(3, n, 3, (1, 2, 2), 1) for n in (8, 4))
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        pathways = self.slow(x[:, :, ::2]), self.fast(x)
        return self.fc(torch.cat([y.mean((2, 3, 4)) for y in pathways], 1))


def test_a_pathway_that_is_not_explained_is_told(tmp_path):
    clip, said = {"length": 4, "height": 16, "width": 16}, []
    report = export(Streams(), tmp_path / "b", clip=clip, progress=said.append, measure=False)
    words = "the head reads 'slow' (8 channels, 2x8x8 cells) as well, which is not explained"
    assert report.layer == "fast" and report.beside.startswith(words) and report.beside in said
    advised = report.beside.partition("--layer ")[2].split()[0].split(",")
    both = export(Streams(), tmp_path / "c", clip=clip, layer=advised, measure=False)
    assert set(both.layers) == {"slow", "fast"} and both.beside == ""


def test_no_network_of_one_pathway_has_another():
    names = set(zoo.NETWORKS) - {"slowfast", "late-fusion", "taken-apart"}
    for name in sorted(names)[::4]:
        found = candidates(name)
        assert found.beside(found.default()) == [], name
