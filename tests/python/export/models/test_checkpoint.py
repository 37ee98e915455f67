"""Checkpoints: the layouts that load, and what is said of those that do not."""

from __future__ import annotations

import argparse
import os
import pickle

import pytest

import parts
from places import ROOT

torch = parts.require("torch")

from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
from tubecam.errors import ExportError, UsageError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.models.architectures import ARCHITECTURES  # noqa: E402
from tubecam.export.models.checkpoint import load_state, read_checkpoint  # noqa: E402
from tubecam.export.models.load import load_source  # noqa: E402


def renamed(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": renamed(state, "module.")},
        lambda state: {"model_state": state, "cfg": "TRAIN:\n  ENABLE: true\n", "epoch": 9},
        lambda state: {"state_dict": renamed(state, "module.model."), "optimizer": {"lr": [0.1]}},
        lambda state: {"model": {"state_dict": renamed(state, "encoder.")}},
        lambda state: {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_are_unwrapped(tmp_path, wrap, zipped):
    model = nets.seeded(nets.Pooled, "linear")
    torch.save(wrap(model.state_dict()), tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    other = nets.Pooled("linear")
    load_state(other, read_checkpoint(tmp_path / "w.pth"))
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in other.state_dict().items())


def test_a_checkpoint_that_does_not_fit_is_listed_side_by_side():
    state = nets.Pooled("linear").state_dict()
    state["fc.weight"] = torch.zeros(9, 6)
    state["extra.weight"] = torch.zeros(1)
    del state["kernel.bias"]
    with pytest.raises(ExportError) as caught:
        load_state(nets.Pooled("linear"), renamed(state, "module."))
    first, *rows = str(caught.value).splitlines()
    assert "1 of 9 parameters missing in the checkpoint, 1 unexpected there, 1 of another" in first
    assert [row.split(maxsplit=1) for row in rows] == [
        ["parameter", "model   checkpoint"],
        ["fc.weight", "[5, 6]  [9, 6]"],
        ["kernel.bias", "[5]     absent"],
        ["extra.weight", "absent  [1]"],
    ]


def test_ten_are_listed_and_the_rest_counted():
    with pytest.raises(ExportError, match=r"13 of 13 .*\n.*\n(  \S+  .*\n){10}  … and 4 more"):
        load_state(nn.ParameterList([torch.zeros(1)] * 13), {"x": torch.zeros(1)})


def test_the_checkpoint_of_another_architecture_names_that(tmp_path):
    state = ARCHITECTURES["x3d_s"].make(7).state_dict()
    torch.save({"model_state": renamed(state, "module.")}, tmp_path / "x3d.pyth")
    with pytest.raises(ExportError) as caught:
        export("r3d_18", tmp_path / "b", weights=tmp_path / "x3d.pyth")
    text = str(caught.value)
    rows = [line for line in text.splitlines() if line.startswith("  ")]
    assert len(rows) == 1 + 10 + 1 and "more" in rows[-1]
    assert "stem.0.weight" in text and "[64, 3, 3, 7, 7]" in text  # what r3d_18 has
    assert "blocks.0.conv.conv_t.weight" in text and "[24, 3, 1, 3, 3]" in text  # what it got
    assert "It fits the architecture x3d_xs or x3d_s or x3d_m." in text  # one network
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x3d.pyth"]


class Ran(Exception):
    """Raised by the code that a checkpoint brings."""


def run_code(*_):
    raise Ran


class Code:
    def __reduce__(self):
        return run_code, ("x",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_code_is_refused_and_does_not_run(tmp_path, zipped):
    state = {"fc.weight": torch.zeros(2, 2), "hook": Code()}
    torch.save(state, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ExportError, match=r"evil\.pth holds code \(test_checkpoint\.run_code\).*"
                       r"refused.*state_dict"):  # fmt: skip
        export("r3d_18", tmp_path / "b", weights=tmp_path / "evil.pth")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (nets.Pooled("linear"), r"holds code \(export_nets\.Pooled\)"),
        ({"args": argparse.Namespace(lr=0.1), "w": torch.zeros(1)}, r"code \(argparse\.Namespace"),
        ([torch.zeros(1)], "no tensors by name"),
        ({"epoch": 3}, "no tensors by name"),
    ],
)
def test_what_is_no_state_dictionary(tmp_path, content, words):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ExportError, match=words):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_short(tmp_path, zipped, part):
    path = tmp_path / "w.pth"
    state = nets.seeded(nets.Pooled, "linear").state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(ExportError, match=rf"cut short at {path.stat().st_size} bytes.*again"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<html>404 Not Found</html>", "begins with b'<html>"),
        (pickle.dumps({"w": 1}, protocol=0), "not a torch checkpoint"),
    ],
)
def test_what_is_no_checkpoint(tmp_path, content, words):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ExportError, match=words):
        read_checkpoint(tmp_path / "w.pth")
    with pytest.raises(UsageError, match="no checkpoint at"):
        read_checkpoint(tmp_path / "missing.pth")


def test_a_torchscript_program_is_named(tmp_path):
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(tmp_path / "w.pt")
    with pytest.raises(ExportError, match="TorchScript program"):
        read_checkpoint(tmp_path / "w.pt")


README = (ROOT / "engines" / "README.md").read_text()
CAFFE = {  # of C3D's converted weights: the layers counted, activations and pools included
    "conv1": "features.0", "conv2": "features.3", "conv3a": "features.6", "conv3b": "features.8",
    "conv4a": "features.11", "conv4b": "features.13", "conv5a": "features.16",
    "conv5b": "features.18", "fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6",
}  # fmt: skip


def as_caffe(state):
    return {f"{CAFFE[n.split('.')[0]]}.{n.split('.')[1]}": v for n, v in state.items()}


def as_hara(state):
    return {"epoch": 200, "arch": "resnet", "state_dict": state, "optimizer": {"state": {}}}


def as_pytorchvideo(state):
    return {"model_state": state, "epoch": 196, "cfg": "MODEL:\n  ARCH: x3d\n"}


# By architecture: how its published weights are laid out, and the first and the last parameter of
# the project's own network (run beside ours on the same weights: equal logits).
LAYOUTS = {
    "r3d_18": (dict, "stem.0.weight", "fc.bias"),
    "mc3_18": (dict, "stem.0.weight", "fc.bias"),
    "r2plus1d_18": (dict, "stem.0.weight", "fc.bias"),
    "resnet3d_18": (as_hara, "conv1.weight", "fc.bias"),
    "resnet3d_34": (as_hara, "conv1.weight", "fc.bias"),
    "resnet3d_50": (as_hara, "conv1.weight", "fc.bias"),
    "c3d": (as_caffe, "features.0.weight", "classifier.6.bias"),
    "i3d": (dict, "Conv3d_1a_7x7.conv3d.weight", "logits.conv3d.bias"),
    "x3d_xs": (as_pytorchvideo, "blocks.0.conv.conv_t.weight", "blocks.5.proj.bias"),
    "x3d_s": (as_pytorchvideo, "blocks.0.conv.conv_t.weight", "blocks.5.proj.bias"),
    "x3d_m": (as_pytorchvideo, "blocks.0.conv.conv_t.weight", "blocks.5.proj.bias"),
    "slowfast_r50": (
        as_pytorchvideo, "blocks.0.multipathway_blocks.0.conv.weight", "blocks.6.proj.bias"
    ),
    "movinet_a0": (dict, "conv1.conv_1.conv3d.weight", "classifier.3.conv_1.conv3d.bias"),
    "movinet_a0_stream": (dict, "conv1.conv_1.conv2d.weight", "classifier.3.conv_1.conv2d.bias"),
    "frame_resnet18": (dict, "conv1.weight", "fc.bias"),
    "lrcn_resnet18": (dict, "cnn.conv1.weight", "fc.bias"),
    "i3d_flow": (dict, "Conv3d_1a_7x7.conv3d.weight", "logits.conv3d.bias"),
    "two_stream": (dict, "rgb.conv1.weight", "flow.fc.bias"),
    "tsn": (dict, "rgb.conv1.weight", "flow.fc.bias"),
    "conv3d_7ch": (dict, "groups.grey.conv2.weight", "fc.weight"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_layouts_load(tmp_path, name, prefix):
    wrap, first, last = LAYOUTS[name]
    torch.manual_seed(1)
    published = ARCHITECTURES[name].make(7).state_dict()
    content = wrap(dict(published))
    flat = next((v for v in content.values() if isinstance(v, dict) and first in v), content)
    assert [*flat][0] == first and [*flat][-1] == last
    for key in [*flat]:
        flat[f"{prefix}{key}"] = flat.pop(key)
    torch.save(content, tmp_path / "w.pth")
    found = load_source(name, tmp_path / "w.pth", False, 0, None)
    loaded = found.model.state_dict()
    assert loaded.keys() == published.keys()
    assert all(torch.equal(value, loaded[key]) for key, value in published.items())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_published_checkpoints_of_each_architecture_are_written_down(name):
    table = [line.split("|") for line in README.splitlines() if line.startswith("| `")]
    ((_, _, checkpoints, source, parameters, _),) = [row for row in table if f"`{name}`" in row[1]]
    assert f"`{LAYOUTS[name][1]}`" in parameters
    if "none" not in checkpoints:
        assert "`" in checkpoints and ("github.com/" in source or "/models/" in source)
