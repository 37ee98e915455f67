"""The engine with and without Winograd's convolutions gives the same explanation."""

from __future__ import annotations

import numpy as np
import pytest

import parts
import tubecam

torch = parts.require("torch")

from torch import nn  # noqa: E402

from tubecam.export import export  # noqa: E402

METHODS = ["gradcam", "gradient-x-input", "lrp-epsilon-plus"]
WORDS = "convolutions by Winograd's algorithm"


class Net(nn.Module):
    """Convolutions and their neighbours: bias, residual, ReLU, stride, gate, second reader."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(3, 32, 3, padding=1)
        self.first = nn.Conv3d(32, 32, 3, padding=1)
        self.second = nn.Conv3d(32, 32, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.norm = nn.BatchNorm3d(32)
        self.down = nn.Conv3d(32, 32, 3, stride=(1, 2, 2), padding=1)
        self.gate = nn.Conv3d(32, 32, 1)
        self.last = nn.Conv3d(32, 48, 3, padding=(1, 0, 1))
        self.head = nn.Linear(48, 5)

    def forward(self, x):
        x = self.stem(x).relu()
        y = (self.norm(self.second(self.first(x).relu())) + x).relu()
        y = self.down(y).relu()
        y = y * torch.sigmoid(self.gate(y.mean((2, 3, 4), keepdim=True)))
        z = self.last(y)
        return self.head((z.relu() * torch.sigmoid(z)).mean((2, 3, 4)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("winograd") / "net"
    clip = {"length": 8, "height": 48, "width": 64}
    export(Net().eval(), folder, clip=clip, layer="first", methods=METHODS)
    return folder


def explain(monkeypatch, choice, folder, **options):
    monkeypatch.setenv("TUBECAM_WINOGRAD", choice)
    explainer = tubecam.Explainer(folder, **options)
    clip = np.random.default_rng(5).standard_normal((8, 3, 48, 64)).astype(np.float32)
    return explainer.engine_info.version, explainer.explain(clip)


@pytest.mark.parametrize("method", METHODS)
def test_the_explanation_is_the_same(monkeypatch, folder, method):
    version, found = explain(monkeypatch, "on", folder, method=method)
    plain_version, expected = explain(monkeypatch, "off", folder, method=method)
    assert WORDS in version and WORDS in found.receipt.engine
    assert WORDS not in plain_version
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-4, atol=1e-5)
    largest = np.abs(expected.tube).max()
    np.testing.assert_allclose(found.tube, expected.tube, atol=2e-4 * largest)


def test_a_folder_for_compiled_models_changes_nothing(monkeypatch, folder, tmp_path):
    first = explain(monkeypatch, "on", folder, cache_dir=tmp_path)
    again = explain(monkeypatch, "on", folder, cache_dir=tmp_path)
    assert first[0] == again[0] and WORDS in again[0]
    np.testing.assert_array_equal(first[1].tube, again[1].tube)


def test_the_switch_is_on_or_off(monkeypatch, folder):
    with pytest.raises(tubecam.UsageError, match="perhaps.*set it to on or off"):
        explain(monkeypatch, "perhaps", folder)
