"""Tokens as cells: what is exported is Grad-CAM on the tokens that the head reads, by hooks.

The reference knows each network's own order of tokens and nothing of the export.
"""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

import tubecam  # noqa: E402
import zoo  # noqa: E402
from tubecam.errors import ExportError, UsageError  # noqa: E402
from tubecam.export import export, list_layers  # noqa: E402
from tubecam.export.axes.token_layout import TokenGrid  # noqa: E402

CLIP = {"length": 4, "height": 32, "width": 32}
GRID = (2, 4, 4)


def grad_cam(model, path, cells, clip, target):
    """[t, h, w] before the ReLU; `cells` turns the module's output into [t, h, w, D]."""
    model, kept = model.double(), []

    def keep(module, inputs, output):
        output = output.clone().requires_grad_()
        kept.append(output)
        return output

    handle = model.get_submodule(path).register_forward_hook(keep)
    with torch.enable_grad():
        logits = model(clip.double())
        logits = logits.logits if hasattr(logits, "logits") else logits
        (gradient,) = torch.autograd.grad(logits[0, target], kept[-1])
    handle.remove()
    a, g = (cells(x.detach()).numpy() for x in (kept[-1], gradient))
    return a @ g.mean((0, 1, 2))


def exported_map(folder, clip, target):
    """The same of a bundle, whatever its head: by the runtime, which cuts below zero."""
    explainer = tubecam.Explainer(folder, method="gradcam", target=target)
    return explainer.explain(clip[0].float().numpy()).tube


def correlate(tube, reference):
    assert tube.shape == reference.shape
    return np.corrcoef(tube.ravel(), np.maximum(reference, 0).ravel())[0, 1]


# ---- transformers ----

SMALL = {
    "num_frames": 4, "image_size": 32, "hidden_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 32, "num_labels": 3,
}  # fmt: skip
JEPA = {
    "frames_per_clip": 4, "crop_size": 32, "patch_size": 8, "tubelet_size": 2, "hidden_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2, "num_pooler_layers": 1,
    "num_labels": 3, "pred_hidden_size": 24, "pred_num_attention_heads": 2,
    "pred_num_hidden_layers": 1, "pred_num_mask_tokens": 1,
}  # fmt: skip
# Configuration, the module whose output the head reads, its path in the export, tokens → cells.
KINDS = {
    "VideoMAE": (
        SMALL | {"patch_size": 8, "tubelet_size": 2}, "videomae.encoder.layer.1",
        lambda x: x.reshape(*GRID, -1),
    ),
    "Vivit": (
        SMALL | {"tubelet_size": [2, 8, 8]}, "vivit.layers.1.layernorm_before",
        lambda x: x[0, 1:].reshape(*GRID, -1),
    ),
    "Timesformer": (
        SMALL | {"patch_size": 8}, "timesformer.encoder.layer.1.layernorm_before",
        lambda x: x[:, 1:].reshape(4, 4, 4, -1),
    ),
    "VJEPA2": (
        JEPA, "pooler.cross_attention_layer.layer_norm1", lambda x: x.reshape(*GRID, -1),
    ),
}  # fmt: skip


def transformer(kind):
    transformers = parts.require("transformers")
    torch.manual_seed(3)
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind][0])
    model = getattr(transformers, f"{kind}ForVideoClassification")(config).eval()
    for parameter in model.parameters():  # as initialised, all clips get the same logits
        nn.init.normal_(parameter, std=0.3)
    return model


class Plain(nn.Module):
    """A user's own wrapping of one, which the export knows nothing of."""

    def __init__(self, model):
        super().__init__()
        self.net = model

    def forward(self, x):
        return self.net(x.transpose(1, 2)).logits


@pytest.mark.parametrize("form", ["folder", "module"])
@pytest.mark.parametrize("kind", KINDS)
def test_transformers_are_explained_where_their_head_reads(tmp_path, kind, form):
    model, (_, path, cells) = transformer(kind), KINDS[kind]
    model.save_pretrained(tmp_path / "model")
    source = Plain(model) if form == "module" else f"transformers:{tmp_path / 'model'}"
    report = export(source, tmp_path / "b", clip=CLIP)
    assert report.layer == f"{'net' if form == 'module' else 'model'}.{path}"
    for seed, target in ((1, 0), (2, 2)):
        clip = torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
        want = grad_cam(model, path, cells, clip, target)
        assert correlate(exported_map(tmp_path / "b", clip, target), want) > 0.999
    model.float()


# ---- networks of one's own ----


def network(name):
    return zoo.network(name), zoo.NETWORKS[name], zoo.clip(name)


@pytest.mark.parametrize(
    ("name", "path", "cells"),
    [
        ("vit-einsum", "blocks.0.norm1", lambda x: x[0, 1:].reshape(*GRID, -1)),
        (
            "encoder-pre-norm-class-token", "blocks.0.layers.0.norm1",
            lambda x: x[0, 1:].reshape(*GRID, -1),
        ),
        ("vit-attentive-pool", "blocks.0", lambda x: x.reshape(*GRID, -1)),
        ("vit-divided", "norm", lambda x: x.reshape(*GRID, -1)),
        ("swin-3d", "volume", lambda x: x[0].permute(1, 2, 3, 0)),
        ("mvit", "blocks.1.norm1", lambda x: x[0, 1:].reshape(2, 8, 8, -1)),
        ("shift-by-concatenation", "trunk", lambda x: x[0].permute(1, 2, 3, 0)),
        ("temporal-shift", "pictures", lambda x: x.permute(0, 2, 3, 1)),
        ("frames-as-batch", "pictures", lambda x: x.permute(0, 2, 3, 1)),
    ],
)  # fmt: skip
def test_own_networks_are_explained_at_the_right_tensor(tmp_path, name, path, cells):
    model, entry, clip = network(name)
    length, height, width = entry.clip
    size = {"length": length, "height": height, "width": width}
    report = export(model, tmp_path / "b", clip=size, time_first=entry.time_first)
    assert report.layer == path
    given = clip if entry.time_first else clip.transpose(1, 2)
    wanted = [grad_cam(model, path, cells, given, target) for target in range(zoo.CLASSES)]
    target = int(np.argmax([np.maximum(want, 0).std() for want in wanted]))
    assert correlate(exported_map(tmp_path / "b", clip, target), wanted[target]) > 0.999


class Gathered(nn.Module):
    """What goes where depends on the clip; it happens to leave the tokens in order."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv3d(3, 6, (2, 8, 8), (2, 8, 8))
        self.block, self.fc = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        order = (tokens.detach() * 0).long() + torch.arange(tokens.shape[1])[:, None]
        tokens = torch.gather(tokens, 1, order)
        return self.fc(self.block(tokens).tanh().mean(1))


def test_what_cannot_be_followed_is_refused_until_its_grid_is_stated(tmp_path):
    torch.manual_seed(1)
    model = Gathered().eval()
    with pytest.raises(ExportError, match="that can be followed is .*aten.gather in the model"):
        export(model, tmp_path / "b", clip=CLIP)
    with pytest.raises(ExportError, match=r"'block' gives \[1, 32, 6\].*aten.gather.*--tokens"):
        export(model, tmp_path / "b", clip=CLIP, layer="block")
    with pytest.raises(ExportError, match="aten.gather.*, nor is it of 8x2x1 cells. Name a layer"):
        export(model, tmp_path / "b", clip=CLIP, layer="block", tokens="8x2x1")
    with pytest.raises(ExportError, match="'embed' lies on 2x4x4 cells.*not on 8x2x2"):
        export(model, tmp_path / "b", clip=CLIP, layer="embed", tokens="8x2x2")
    assert not (tmp_path / "b").exists()
    report = export(model, tmp_path / "b", clip=CLIP, layer="block", tokens="2x4x4")
    assert report.layer_shape == (6, *GRID)
    assert report.geometry.stride == (2, 8, 8) and report.geometry.offset == (0.5, 3.5, 3.5)


@pytest.mark.parametrize("text", ["8", "8x14", "8x14x14+", "0x4x4", "8x14x14x3", "a"])
def test_tokens_that_are_not_of_the_form(tmp_path, text):
    with pytest.raises(UsageError, match="TxHxW or TxHxW"):
        export(Gathered(), tmp_path / "b", clip=CLIP, tokens=text)


@pytest.mark.parametrize(
    "shape",
    [(1, 16, 6), (1, 6, 16), (1, 6, 4, 2, 2), (1, 4, 2, 2, 6), (4, 6, 2, 2), (4, 2, 2, 6)],
)
def test_a_stated_grid_fits_tokens_cells_and_frames(shape):
    time, rows, columns = (one for (one,) in TokenGrid((4, 2, 2)).place(shape, (8, 16, 16)))
    channels = shape.index(6)
    assert channels not in time.dims | rows.dims | columns.dims
    assert time.centre.flatten().unique().tolist() == [0.5, 2.5, 4.5, 6.5]
    assert rows.centre.flatten().unique().tolist() == [3.5, 11.5]
    assert TokenGrid((4, 2, 2), 1).place((4, 6, 2, 2), (8, 16, 16)) is None


def test_layers_are_listed_with_their_cells():
    model, entry, _ = network("vit-class-token")
    listing = list_layers(model, clip={"length": 4, "height": 16, "width": 16})
    rows = {layer.name: layer for layer in listing.layers}
    assert listing.default == "blocks.0.norm1" and entry.clip == listing.clip
    assert (rows["embed"].shape, rows["embed"].others) == ((8, *GRID), 0)
    assert (rows["blocks.0.norm1"].shape, rows["blocks.0.norm1"].others) == ((8, *GRID), 1)
    assert rows["embed"].geometry.field == (2, 4, 4)
    assert rows["blocks"].geometry.field == listing.clip  # attention sees everything


def test_a_layer_that_is_not_there_names_near_ones(tmp_path):
    model, _, _ = network("vit-class-token")
    with pytest.raises(UsageError, match=r"near it are .*blocks.0.norm1 \(8 channels, 2x4x4 cells"):
        export(model, tmp_path / "b", clip={"length": 4, "height": 16, "width": 16},
               layer="blocks.norm1")  # fmt: skip
    with pytest.raises(UsageError, match="no layer 'zzz' runs in this model; there are "):
        export(model, tmp_path / "b", clip={"length": 4, "height": 16, "width": 16}, layer="zzz")


def test_coarse_grids_are_told_with_a_finer_layer(tmp_path):
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Sequential(nn.Conv3d(3, 4, 3, (1, 2, 2), 1), nn.ReLU()),
        nn.Sequential(nn.Conv3d(4, 4, 3, (1, 4, 4), 1), nn.ReLU()),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    said = []
    report = export(model, tmp_path / "b", clip=CLIP, progress=said.append)
    (sentence,) = report.coarse
    assert "1 has 4 channels, 4x4x4 cells only" in sentence
    assert "--layer 0 has 4 channels, 4x16x16 cells" in sentence and sentence in said
    fine = export(model, tmp_path / "c", clip=CLIP, layer="0")
    assert fine.coarse == () and fine.geometry.field == (3, 3, 3)
    explanation = tubecam.Explainer(tmp_path / "b").explain(np.zeros((4, 3, 32, 32), np.float32))
    assert explanation.receipt.receptive_field == (4, 7, 7)
    assert ("coarse-grid", "coarse grid of 4×4 cells") in explanation.marks
