"""The video ResNets: names and counts of torchvision's, published checkpoints fit."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tubecam.export.architectures import ARCHITECTURES  # noqa: E402


@pytest.fixture(scope="module")
def models():
    return {name: make(400) for name, make in ARCHITECTURES.items()}


@pytest.mark.parametrize(
    ("name", "count"), [("r3d_18", 33_371_472), ("mc3_18", 11_695_440), ("r2plus1d_18", 31_505_325)]
)
def test_parameter_counts(models, name, count):
    assert sum(p.numel() for p in models[name].parameters()) == count


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("r3d_18", "stem.0.weight", (64, 3, 3, 7, 7)),
        ("r3d_18", "stem.1.running_mean", (64,)),
        ("r3d_18", "layer1.0.conv1.0.weight", (64, 64, 3, 3, 3)),
        ("r3d_18", "layer2.0.downsample.0.weight", (128, 64, 1, 1, 1)),
        ("r3d_18", "layer4.1.conv2.1.bias", (512,)),
        ("r3d_18", "fc.weight", (400, 512)),
        ("mc3_18", "layer1.1.conv2.0.weight", (64, 64, 3, 3, 3)),
        ("mc3_18", "layer2.0.conv1.0.weight", (128, 64, 1, 3, 3)),
        ("r2plus1d_18", "stem.0.weight", (45, 3, 1, 7, 7)),
        ("r2plus1d_18", "stem.3.weight", (64, 45, 3, 1, 1)),
        ("r2plus1d_18", "layer1.0.conv1.0.0.weight", (144, 64, 1, 3, 3)),
        ("r2plus1d_18", "layer2.0.conv1.0.3.weight", (128, 230, 3, 1, 1)),
        ("r2plus1d_18", "layer2.0.conv2.0.0.weight", (230, 128, 1, 3, 3)),
    ],
)
def test_names_and_shapes_of_published_checkpoints(models, name, key, shape):
    assert tuple(models[name].state_dict()[key].shape) == shape


@pytest.mark.parametrize(
    ("name", "cells"), [("r3d_18", (2, 3, 3)), ("mc3_18", (16, 3, 3)), ("r2plus1d_18", (2, 3, 3))]
)
def test_time_shrinks_only_where_convolutions_see_time(models, name, cells):
    model = models[name].eval()
    sizes = []
    model.layer4.register_forward_hook(lambda m, i, out: sizes.append(tuple(out.shape[2:])))
    with torch.no_grad():
        logits = model(torch.zeros(1, 3, 16, 48, 48))
    assert logits.shape == (1, 400) and sizes == [cells]
