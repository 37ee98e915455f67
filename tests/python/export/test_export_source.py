"""Sources, checkpoints, clip settings and output folders: what is wrong is said before any work."""

from __future__ import annotations

import argparse

import pytest

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
from tubecam.cli import export as command  # noqa: E402
from tubecam.errors import ExportError, UsageError  # noqa: E402
from tubecam.export import ClipSpec, export  # noqa: E402
from tubecam.export.models.load import load_source  # noqa: E402
from tubecam.export.spec import clip_spec  # noqa: E402


def test_an_architecture_without_weights_is_an_explicit_wish(tmp_path):
    with pytest.raises(UsageError, match="--random-weights"):
        export("mc3_18", tmp_path / "b")
    with pytest.raises(UsageError, match="exclude each other"):
        export("mc3_18", tmp_path / "b", weights="x.pth", random_weights=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("r3d_19", "r3d_18, mc3_18, r2plus1d_18"),
        ("no_such_package:build", "cannot import no_such_package"),
        ("export_nets:no_such", "has no 'no_such'"),
        ("export_nets:", "package.module:factory"),
    ],
)
def test_unknown_sources(tmp_path, source, words):
    with pytest.raises(UsageError, match=words):
        export(source, tmp_path / "b")


def test_a_factory_must_give_a_module(tmp_path):
    with pytest.raises(ExportError, match="gave ClipSpec"):
        export("tubecam.export:ClipSpec", tmp_path / "b")


def test_a_factorys_model_may_keep_what_it_computed(tmp_path):
    report = export("export_nets:weight_normed", tmp_path / "b", clip=nets.CLIP, measure=False)
    assert report.check.max_relative_error < 1e-4


def test_the_class_count_follows_the_checkpoint_or_the_labels(tmp_path):
    random = load_source("mc3_18", None, True, 3, 7).model
    assert random.fc.out_features == 7
    torch.save(random.state_dict(), tmp_path / "w.pth")
    loaded = load_source("mc3_18", tmp_path / "w.pth", False, 0, None).model
    assert loaded.fc.out_features == 7 and torch.equal(loaded.fc.weight, random.fc.weight)
    again = load_source("mc3_18", None, True, 3, 7).model
    assert torch.equal(again.stem[0].weight, random.stem[0].weight)  # the seed decides


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"length": 0}, "length is 0"),
        ({"length": 10**9}, "from 1 to 256"),
        ({"height": -3}, "height is -3"),
        ({"width": 2.5}, "whole number"),
        ({"sample_fps": float("nan")}, "finite"),
        ({"sample_fps": 0}, "sample_fps is 0"),
        ({"mean": [0.5, 0.5]}, "three numbers"),
        ({"std": [0.5, 0.5, 0.0]}, "std is"),
        ({"color": "YUV"}, "RGB or BGR"),
        ({"resize": "zoom"}, "crop, stretch or pad"),
        ({"short_side": 64}, "less than the 112x112 crop"),
        ({"width": 96, "height": 64, "short_side": 80}, "64x96 crop"),
        ({"mean": [0.5, 0.5, 2000]}, "mean is"),
        ({"resize": "pad", "short_side": 128}, "resize crop only"),
        ({"frames": 8}, "unknown clip settings frames"),
    ],
)
def test_absurd_clip_settings(tmp_path, settings, words):
    with pytest.raises(UsageError, match=words):
        export("export_nets:small", tmp_path / "b", clip=settings)
    assert list(tmp_path.iterdir()) == []


def test_a_sidecars_clip_entry_gives_the_same_spec():
    spec = ClipSpec(8, 64, 48, 10.0, (0.1, 0.2, 0.3), (1.0, 1.0, 2.0), "BGR", "crop", 72)
    assert clip_spec(spec.sidecar(), ClipSpec()) == spec
    assert clip_spec({"resize": "stretch"}, spec).sidecar()["resize"] == {"rule": "stretch"}


def test_what_is_not_a_bundle_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("irreplaceable")
    with pytest.raises(UsageError, match="not a bundle"):
        export("export_nets:small", tmp_path / "mine", clip=nets.CLIP, force=True)
    assert (tmp_path / "mine/thesis.txt").read_text() == "irreplaceable"
    with pytest.raises(UsageError, match="not a folder"):
        export("export_nets:small", tmp_path / "mine/thesis.txt", clip=nets.CLIP, force=True)


def test_a_bundle_is_replaced_on_request_only(tmp_path):
    export("export_nets:small", tmp_path / "b", clip=nets.CLIP)
    (tmp_path / "b/stale.txt").write_text("of the older export")
    with pytest.raises(UsageError, match="force"):
        export("export_nets:small", tmp_path / "b", clip=nets.CLIP)
    export("export_nets:small", tmp_path / "b", clip=nets.CLIP, force=True)
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        "b", "bundle.json", "labels.txt", "model.onnx",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a", "b"], "2 labels for a model of 5 classes"),
        (["a", "", "c", "d", "e"], "label 1"),
        (["a", "b\nc", "c", "d", "e"], "label 1"),
        (["a", "b\tc", "c", "d", "e"], "label 1"),
        (["a", "b", "c" * 2000, "d", "e"], "label 2"),
    ],
)
def test_labels_fit_the_logits(tmp_path, labels, words):
    with pytest.raises(UsageError, match=words):
        export("export_nets:small", tmp_path / "b", clip=nets.CLIP, labels=labels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"methods": ["grad-cam"]}, UsageError, "unknown method 'grad-cam'"),
        ({"methods": []}, UsageError, "not empty"),
        ({"precision": "int4"}, UsageError, "float32, float16, int8"),
        ({"precision": "int8"}, UsageError, "clips to calibrate with"),
        ({"name": "a\nb"}, UsageError, "name"),
        ({"name": "n" * 101}, UsageError, "100 bytes"),
        ({"layer": "bodi"}, UsageError, "no layer 'bodi'.*body"),
        ({"layer": "fc"}, ExportError, "does not lie between"),
        ({"layer": "dropout"}, ExportError, r"gives \[1, 6\].*before the pooling"),
        ({"clip": {"length": 8, "height": 24, "width": 32}, "time_first": True}, UsageError,
         r"takes \[N, 3, T, H, W\]: leave --time-first"),
    ],
)  # fmt: skip
def test_wrong_options(tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        export("export_nets:small", tmp_path / "b", **{"clip": nets.CLIP, **options})
    assert list(tmp_path.iterdir()) == []


def test_control_flow_that_depends_on_data_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"gate\.0 \(_Gate\) reads .* `if`.*torch\.where"):
        export(nets.Branching(), tmp_path / "b", clip=nets.CLIP)


def test_an_operator_without_an_onnx_form_is_named(tmp_path):
    class Bessel(nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x)

    model = nn.Sequential(nn.Conv3d(3, 4, 3), Bessel(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    with pytest.raises(ExportError, match=r"aten\.special_bessel_j0 in 1 \(Bessel\)"):
        export(model, tmp_path / "b", clip=nets.CLIP)


def test_logits_are_one_row(tmp_path):
    with pytest.raises(ExportError, match="one value a class is needed"):
        export(nn.Conv3d(3, 4, 3), tmp_path / "b", clip=nets.CLIP)


def parse(*arguments):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["export", *map(str, arguments)])


def test_the_command_exports(tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\nd\ne\n")
    arguments = parse(
        "export_nets:small", "-o", tmp_path / "b", "--length", 8, "--size", "24x32", "--labels",
        labels, "--methods", "hirescam,cam", "--mean", "0.1,0.2,0.3", "--color", "BGR",
    )  # fmt: skip
    assert arguments.run(arguments) == 0
    shown = capsys.readouterr()
    assert "methods  hirescam cam" in shown.out and "comparing with autograd" in shown.err


@pytest.mark.parametrize("option", [("--size", "112"), ("--mean", "grey"), ("--size", "axb")])
def test_malformed_options_of_the_command(tmp_path, option):
    arguments = parse("export_nets:small", "-o", tmp_path / "b", *option)
    with pytest.raises(UsageError, match=option[1]):
        arguments.run(arguments)
