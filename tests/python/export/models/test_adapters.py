"""Models of other packages: video transformers by folder, torchvision by name."""

from __future__ import annotations

import sys
import types

import pytest

import parts

torch = parts.require("torch")

import tubecam  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.models.architectures import ARCHITECTURES  # noqa: E402
from tubecam.export.models.load import load_source  # noqa: E402
from video_transformers import KINDS, saved  # noqa: E402


@pytest.mark.parametrize("kind", KINDS)
def test_a_transformer_is_exported_with_its_tokens_as_cells(tmp_path, kind):
    model = saved(tmp_path, kind)
    found = load_source(f"transformers:{tmp_path}", None, False, 0, None)
    clip = torch.randn(1, 3, 4, 32, 32)
    expected = model(pixel_values=clip.transpose(1, 2)).logits
    torch.testing.assert_close(found.model(clip), expected)
    report = export(f"transformers:{tmp_path}", tmp_path / "bundle")
    assert report.layer_shape == (16, *KINDS[kind][2])
    assert report.geometry.stride[1:] == (8, 8) and report.geometry.offset[1:] == (3.5, 3.5)
    explainer = tubecam.Explainer(tmp_path / "bundle")
    assert explainer.bundle.labels == ("still", "left", "right")
    assert explainer.bundle.sidecar["clip"]["mean"] == [0.5, 0.4, 0.3]
    assert explainer.bundle.sidecar["clip"]["resize"]["short_side"] == 40


def test_a_folder_that_holds_another_model(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(
        tubecam.UsageError, match="'bert'; videomae, vivit, timesformer, vjepa2 are known"
    ):
        load_source(f"transformers:{tmp_path}", None, False, 0, None)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(tubecam.UsageError, match="save_pretrained"):
        load_source(f"transformers:{tmp_path / 'none'}", None, False, 0, None)


def test_torchvision_by_name():
    try:
        from torchvision.models import list_models  # noqa: F401
    except Exception:
        with pytest.raises(tubecam.UnavailableError, match="tubecam models"):
            load_source("torchvision:r3d_18", None, False, 0, None)
        return
    found = load_source("torchvision:r3d_18", None, False, 0, None)
    assert found.clip.length == 16 and found.model.fc.out_features == 400


def test_torchvision_builds_and_is_asked_which_models_it_has(monkeypatch, tmp_path):
    """Without torchvision itself, which fits one release of torch only."""
    models = types.ModuleType("torchvision.models")
    models.video = types.ModuleType("torchvision.models.video")
    models.list_models = lambda module: ["r3d_18", "s3d"] if module is models.video else []
    models.get_model = lambda name, weights: ARCHITECTURES["r3d_18"].make(4)
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    with pytest.raises(tubecam.UsageError, match="no video model 'resnet18'; it has r3d_18, s3d"):
        load_source("torchvision:resnet18", None, False, 0, None)
    torch.save(models.get_model("r3d_18", None).state_dict(), tmp_path / "w.pth")
    found = load_source("torchvision:r3d_18", tmp_path / "w.pth", False, 0, None)
    assert found.clip.height == 112 and found.model.fc.out_features == 4
    assert load_source("torchvision:s3d", None, False, 0, None).clip.height == 224
