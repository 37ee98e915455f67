"""Live torch models give the maps that their exported bundles give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import tubecam

CLIP = {"length": 8, "height": 32, "width": 32}


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv3d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv3d(6, 8, 3, 2, 1), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live") / "net"
    methods = ["hirescam", "gradcam", "gradient-x-input"]
    tubecam.export(net(), folder, clip=CLIP, methods=methods, force=True, measure=False)
    with tubecam.Explainer(folder) as explainer:
        yield explainer


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "gradient-x-input"])
@pytest.mark.parametrize("target", [-1, 2])
def test_the_same_map_as_the_bundle(exported, method, target):
    clip = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    expected = exported.explain(clip, target, method)
    found = tubecam.attribute(net(), clip.permute(1, 0, 2, 3)[None], method, target=target)
    assert found.target_index == expected.target_index
    largest = np.abs(expected.tube).max()
    np.testing.assert_allclose(found.tube, expected.tube, atol=1e-4 * largest)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
    assert (found.stride, found.offset) == (expected.stride, expected.offset)


def test_layers_are_searched():
    layers = tubecam.list_layers(net(), clip=CLIP).layers
    shapes = [tubecam.attribute(net(), _clip(), layer=each.name).tube.shape for each in layers]
    assert shapes == [each.shape[1:] for each in layers] and len(set(shapes)) > 1


def _clip() -> torch.Tensor:
    return torch.randn(8, 3, 32, 32)


@pytest.mark.parametrize(
    ("clip", "method", "words"),
    [
        (torch.randn(8, 4, 32, 32), "gradcam", r"float32 \[8, 4, 32, 32\] is none"),
        (torch.randn(8, 3, 32, 32).double(), "gradcam", "float64"),
        (torch.randn(8, 3, 32, 32), "integrated-gradients", "several passes"),
        (torch.randn(8, 3, 32, 32), "nonsense", "unknown method"),
        (None, "gradcam", "float32, not None"),
    ],
)
def test_what_is_refused(clip, method, words):
    with pytest.raises(tubecam.UsageError, match=words):
        tubecam.attribute(net(), clip, method)


@pytest.mark.parametrize("method", ["gradcam", "gradient-x-input"])
@pytest.mark.parametrize("target", [4, -2, "left", [1, 2]])
def test_classes_that_are_none(method, target):
    with pytest.raises(tubecam.UsageError, match="target"):
        tubecam.attribute(net(), _clip(), method, target=target)


def test_reports_are_short(tmp_path):
    report = tubecam.export(net(), tmp_path / "net", clip=CLIP, measure=False)
    assert "gradcam" in repr(report) and "4 classes" in repr(report) and len(repr(report)) < 300
    assert "ListedLayer('3', 8×2×8×8)" in repr(tubecam.list_layers(net(), clip=CLIP))
