"""Models that take optical flow: streams, segments and groups of channels, from export to video."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import jsonschema
import numpy as np
import pytest

import parts
from tubecam.libraries.plugin_path import PACKAGE_DIR

torch = parts.require("torch")

import tubecam  # noqa: E402
from flow_streams import (  # noqa: E402
    CLASSES,
    CLIP,
    FLOW,
    LAYERS,
    doubled,
    explain,
    moving_blob,
    packed,
    seeded,
)
from pipelines import play  # noqa: E402
from tubecam import BundleError, UsageError, _core  # noqa: E402
from tubecam.cli import main as cli  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.layers.candidates import Candidates  # noqa: E402
from tubecam.export.layers.choose import choose_layers  # noqa: E402
from tubecam.export.models.architectures import ARCHITECTURES  # noqa: E402
from tubecam.export.trace.capture import capture  # noqa: E402
from videos import numbered, write_video  # noqa: E402

pytestmark = pytest.mark.needs("opencv")


@pytest.fixture(scope="module")
def model():
    return seeded()


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("flow") / "streams"
    export(model, out, layer=LAYERS, clip=CLIP, labels=[f"label {i}" for i in range(CLASSES)])
    return out


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return moving_blob()


@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_each_stream_has_the_tube_of_autograd(bundle, model, clip, method):
    found = explain(bundle, clip, method=method, target=1)
    kept = {}
    double = doubled(model)
    for name in ("rgb", "flow"):
        double.get_submodule(name)[1].register_forward_hook(
            lambda m, i, out, name=name: kept.update({name: out})
        )
    x = packed(bundle, clip)
    assert float(x[:, 3:].abs().max()) > 0.5  # the blob's motion is seen
    logits = double(x.requires_grad_())
    np.testing.assert_allclose(found.logits, logits[0].detach(), atol=1e-5)
    gradients = torch.autograd.grad(logits[0, 1], list(kept.values()))
    for pathway, gradient in zip(found.pathways, gradients, strict=True):
        activation = kept[pathway.name][0]
        weight = gradient[0].mean((1, 2, 3), True) if method == "gradcam" else gradient[0]
        want = (activation * weight).sum(0).detach().numpy()
        want = np.maximum(want, 0) if method == "gradcam" else want
        np.testing.assert_allclose(pathway.tube, want, atol=2e-5 * np.abs(want).max())


def test_streams_and_segments_share_out_the_fused_logit(bundle, clip):
    found = explain(bundle, clip, method="hirescam")
    rgb, flow = found.pathways
    assert (rgb.of_flow, flow.of_flow) == (False, True)
    assert rgb.relevance_sum + flow.relevance_sum == pytest.approx(found.receipt.logit, abs=1e-5)
    assert len(rgb.segments) == len(flow.segments) == 3
    total = rgb.segments.sum() + flow.segments.sum()
    assert total == pytest.approx(found.receipt.logit, abs=1e-5)
    assert rgb.share + flow.share == pytest.approx(100)
    np.testing.assert_array_equal(rgb.slices, [1, 4, 7])
    np.testing.assert_array_equal(flow.slices, [1, 4, 7])  # flows 0 and 1 lie at 0.5 and 1.5


def test_what_the_flow_found_has_the_colour_of_motion(bundle, clip, model):
    found = explain(bundle, clip, method="hirescam")
    rgb, flow = (np.abs(p.tube.astype(np.float64)) for p in found.pathways)
    want = flow / np.where(rgb + flow > 0, rgb + flow, 1)
    assert found.tube.shape == rgb.shape == flow.shape
    np.testing.assert_allclose(found.motion, want, atol=1e-5)
    share = found.pathways[1].share / 100
    assert found.motion_share == pytest.approx(min(max(share, 0), 1))
    assert found.motion_by == "flow"


def test_a_frozen_clip_parts_motion_from_what_stays(bundle, clip):
    """The second pass of motion-split has no flow, so what the flow found counts as motion."""
    found = explain(bundle, clip, method="motion-split")
    assert found.motion_by == "split" and found.receipt.passes == 2
    assert found.motion is not None and found.motion.shape == found.tube.shape
    assert [p.name for p in found.pathways] == ["rgb", "flow"]


def test_a_frozen_clip_has_no_flow(bundle, model, clip):
    frozen = np.repeat(clip[:1], len(clip), axis=0)
    found = explain(bundle, frozen, method="hirescam", target=0)
    x = torch.zeros(1, 5, *clip.shape[:1], 32, 32)
    x[:, :3] = torch.from_numpy(frozen).transpose(0, 1)[None]
    np.testing.assert_allclose(found.logits, model(x)[0].detach(), atol=1e-5)


def test_the_sidecar_states_the_flow(bundle, root):
    text = tubecam.load_bundle(bundle).sidecar
    assert text["clip"]["flow"] == FLOW
    assert [p["input"] for p in text["graphs"][0]["pathways"]] == ["clip", "flow"]
    schema = json.loads((root / "engines" / "bundle.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(text)
    assert "optical flow" in tubecam.load_bundle(bundle).describe()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["flow"].update(bound=0), "clip.flow.bound must be"),
        (lambda c: c["flow"].pop("scale"), "clip.flow.scale is missing"),
        (lambda c: c.update(length=1), "clip.length must be"),
        (lambda c: c.update(height=8), "clip.height must be"),
    ],
)
def test_the_sidecars_flow_is_checked(bundle, tmp_path, change, words):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    text = json.loads((copy / "bundle.json").read_text())
    change(text["clip"])
    (copy / "bundle.json").write_text(json.dumps(text))
    with pytest.raises(BundleError, match=words):
        _core.load_bundle(str(copy))


# ---- the architectures ----


@pytest.mark.parametrize(
    ("name", "length", "places"),
    [
        ("two_stream", 11, {"rgb": (1, 5), "flow": (1, 5)}),
        ("tsn", 18, {"rgb": (6, 3), "flow": (6, 2.5)}),
    ],
)
def test_streams_lie_where_their_pictures_and_flows_are(name, length, places):
    architecture = ARCHITECTURES[name]
    captured = capture(architecture.make(3).eval(), torch.zeros(1, length, 5, 64, 64))
    for layer in choose_layers(Candidates(captured), architecture.layer):
        geometry = layer.geometry.later(0.5 if layer.pathway == "flow" else 0)
        assert geometry.exact
        assert (geometry.stride[0], geometry.offset[0]) == places[layer.pathway]
        assert (geometry.stride[1:], geometry.offset[1:]) == ((32, 32), (0, 0))


def test_streams_take_the_pictures_and_flows_of_their_papers():
    """Ten flows around the picture in the middle; five flows around each segment's picture."""
    for name, length, pictures, flows in (
        ("two_stream", 11, [5], [list(range(10))]),
        ("tsn", 18, [3, 9, 15], [[0, 1, 2, 3, 4], [6, 7, 8, 9, 10], [12, 13, 14, 15, 16]]),
    ):
        model = ARCHITECTURES[name].make(3).eval()
        seen = {}
        for stream in ("rgb", "flow"):
            model.get_submodule(stream).register_forward_pre_hook(
                lambda m, inputs, stream=stream, seen=seen: seen.update({stream: inputs[0]})
            )
        x = torch.arange(length, dtype=torch.float32).reshape(1, 1, -1, 1, 1)
        x = x + torch.tensor([0, 0, 0, 0.25, 0.5]).reshape(1, 5, 1, 1, 1)
        model(x.expand(-1, -1, -1, 32, 32))
        assert seen["rgb"][0, 0, :, 0, 0].tolist() == pictures
        stack = seen["flow"][0, :, :, 0, 0].T
        assert stack[:, 0::2].tolist() == [[f + 0.25 for f in stacked] for stacked in flows]
        assert stack[:, 1::2].tolist() == [[f + 0.5 for f in stacked] for stacked in flows]


def test_the_fixed_layer_gives_grey_gradients_and_flow():
    """Ji et al. 2013, figure 3: 7 grey pictures, their gradients, and 6 flows, 33 maps in all."""
    model = ARCHITECTURES["conv3d_7ch"].make(3).eval()
    x = torch.rand(1, 5, 7, 60, 40, dtype=torch.float64)
    inputs = model.inputs.double()
    maps = {name: inputs[name](x)[0, 0].numpy() for name in inputs}
    assert sum(len(m) for m in maps.values()) == 33
    r, g, b = x[0, :3].numpy()
    grey = 0.299 * r + 0.587 * g + 0.114 * b
    np.testing.assert_allclose(maps["grey"], grey, atol=1e-7)
    across = (grey[:, :, 2:] - grey[:, :, :-2]) / 2
    down = (grey[:, 2:] - grey[:, :-2]) / 2
    np.testing.assert_allclose(maps["gradient-x"][:, :, 1:-1], across, atol=1e-7)
    np.testing.assert_allclose(maps["gradient-y"][:, 1:-1], down, atol=1e-7)
    for channel, name in ((3, "flow-x"), (4, "flow-y")):
        np.testing.assert_array_equal(maps[name], x[0, channel, :-1].numpy())


def test_the_seven_pictures_network_has_the_papers_parameters():
    """295 458 in the paper, which gives each of 78×128 connections a bias of its own."""
    assert ARCHITECTURES["conv3d_7ch"].parameters + 77 * 128 == 295_458


@pytest.fixture(scope="module")
def groups_bundle(tmp_path_factory):
    out = tmp_path_factory.mktemp("flow") / "conv3d_7ch"
    export("conv3d_7ch", out, random_weights=True, methods=["hirescam", "gradcam"])
    return out


def test_each_group_of_channels_has_a_share(groups_bundle):
    clip = np.random.default_rng(1).uniform(0, 1, (7, 3, 60, 40)).astype(np.float32)
    found = explain(groups_bundle, clip, target=0)
    assert [p.name for p in found.pathways] == [
        "grey", "gradient-x", "gradient-y", "flow-x", "flow-y",
    ]  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ARCHITECTURES["conv3d_7ch"].make(3).double().eval()
    kept = {}
    for name, module in model.inputs.items():
        module.register_forward_hook(lambda m, i, out, name=name: kept.update({name: out}))
    logits = model(packed(groups_bundle, clip).requires_grad_())
    gradients = torch.autograd.grad(logits[0, 0], [kept[p.name] for p in found.pathways])
    for pathway, gradient in zip(found.pathways, gradients, strict=True):
        want = float((kept[pathway.name] * gradient).detach().sum())
        assert pathway.relevance_sum == pytest.approx(want, abs=1e-5)


def test_a_video_is_explained_stream_by_stream(groups_bundle, tmp_path):
    video = write_video(tmp_path / "in.mp4", numbered(60), [i / 30 for i in range(60)])
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    arguments = ["run", str(video), "--bundle", str(groups_bundle), "-o", str(out), "-q"]
    assert cli.main([*arguments, "--jsonl", str(jsonl)]) == 0
    windows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert windows and "problem" not in windows[0]
    assert [p["of_flow"] for p in windows[0]["pathways"]] == [False] * 3 + [True] * 2
    assert [len(p["segments"]) for p in windows[0]["pathways"]] == [7, 7, 7, 6, 6]
    sheet = tmp_path / "methods.png"
    assert cli.main(["methods", str(video), "--bundle", str(groups_bundle), "-o", str(sheet)]) == 0
    assert sheet.stat().st_size > 10_000


def test_buffers_and_messages_carry_the_pathways(groups_bundle):
    played = play(
        "videotestsrc num-buffers=40 pattern=ball ! video/x-raw,width=80,height=120,framerate=25/1"
        f" ! tubecam name=t align=delayed bundle={groups_bundle} ! tubeoverlay name=o ! fakesink",
        probed=("t", "o"),
    )
    (fields, *_), messages = [f for _, f in played.frames["t"] if f], played.windows["t"]
    for found in (fields, messages[0]):
        assert found["pathways"] == 5 and found["motion-by"] == "flow"
        assert [found[f"pathway-{i}-name"] for i in (0, 4)] == ["grey", "flow-y"]
        assert found["pathway-4-of-flow"] and not found["pathway-0-of-flow"]
        tubes = [found[f"pathway-{i}-tube"] for i in range(5)]
        assert [t.shape for t in tubes] == [(7, 60, 40)] * 3 + [(6, 60, 40)] * 2
        sums = [found[f"pathway-{i}-relevance-sum"] for i in range(5)]
        for tube, total in zip(tubes, sums):
            assert tube.sum() == pytest.approx(total, abs=1e-4)  # of HiResCAM: no ReLU
        assert found["tube"].sum() == pytest.approx(sum(sums), abs=1e-4)
        assert found["pathway-3-offset-t"] == 0.5
    assert len(played.frames["o"]) == 40


# ---- errors ----


@pytest.mark.parametrize(
    ("name", "clip", "words"),
    [
        ("two_stream", {"length": 8}, "10 flows need 11 slices, not 8.* takes is 11x"),
        ("tsn", {"length": 16}, "multiple of 3 slices, 18 or more, not 16.* takes is 18x"),
        ("tsn", {"length": 15}, "18 or more, not 15"),
        ("conv3d_7ch", {"length": 9}, "7x60x40"),
        ("conv3d_7ch", {"length": 1}, "from 2 to 256"),
    ],
)
def test_a_clip_that_the_network_cannot_take(tmp_path, name, clip, words):
    with pytest.raises(UsageError, match=words):
        export(name, tmp_path / "bundle", random_weights=True, clip=clip)


def test_five_channels_are_advised_to_be_flow(tmp_path):
    nn = torch.nn
    five = nn.Sequential(nn.Conv3d(5, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    with pytest.raises(UsageError, match="takes 5 channels: .*say --flow BOUND,SCALE"):
        export(five, tmp_path / "bundle", clip={"length": 4, "height": 16, "width": 16})


@pytest.mark.parametrize("flow", [{"bound": 0}, {"scale": float("nan")}, {"bound": "far"}])
def test_flow_that_no_model_has(model, tmp_path, flow):
    with pytest.raises(UsageError, match="clip flow"):
        export(model, tmp_path / "bundle", clip={**CLIP, "flow": flow})


def test_without_opencv_the_error_names_the_option_and_the_package(bundle, tmp_path):
    package = shutil.copytree(PACKAGE_DIR, tmp_path / "tubecam", symlinks=False)
    (package / "lib" / "libtubecam_flow.so").unlink()
    command = f"import tubecam; tubecam.Explainer({str(bundle)!r}).explain(None)"
    done = subprocess.run(
        [sys.executable, "-c", command], env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "UnavailableError" in last and "libopencv-video-dev" in last
    assert "-DTUBECAM_FLOW=ON" in last


def test_an_engine_computes_the_flow_that_it_is_not_given(bundle, clip):
    core = _core.load_bundle(str(bundle))
    flow = _core.ClipFlow(core.clip).run(clip)[None]
    engine = _core.Engine(core)
    own, given = engine.infer(clip[None]), engine.infer(clip[None], flow=flow)
    assert set(own) == {
        "logits", "activation_rgb", "gradient_rgb", "activation_flow", "gradient_flow",
    }  # fmt: skip
    for name, value in own.items():
        np.testing.assert_array_equal(value, given[name])
    none = engine.infer(clip[None], flow=np.zeros_like(flow))
    assert np.abs(none["logits"] - own["logits"]).max() > 1e-3
    plain = _core.Engine(core, logits_only=True).infer(clip[None])
    assert list(plain) == ["logits"]
    np.testing.assert_allclose(plain["logits"], own["logits"], atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 9, 2, 32, 32), (1, 8, 2, 32, 31), (1, 8, 3, 32, 32)])
def test_flow_of_another_shape_is_refused(bundle, clip, shape):
    engine = _core.Engine(_core.load_bundle(str(bundle)))
    with pytest.raises(UsageError, match="a flow must be float32"):
        engine.infer(clip[None], flow=np.zeros(shape, np.float32))


def test_doctor_looks_for_the_flow():
    from tubecam.cli.installation import all_checks

    (found,) = [check for check in all_checks() if check.name == "optical flow"]
    assert found.ok and not found.needed and "libtubecam_flow.so" in found.detail


def test_the_command_line_states_the_flow(tmp_path, capsys):
    arguments = ["export", "conv3d_7ch", "--random-weights", "-o", str(tmp_path / "bundle")]
    assert cli.main([*arguments, "--flow", "20"]) == 2
    assert "BOUND,SCALE" in capsys.readouterr().err
    assert cli.main([*arguments, "--flow", "10,0.1", "--methods", "gradcam"]) == 0
    assert "and inputs.gradient-x" in capsys.readouterr().out
    assert _core.load_bundle(str(tmp_path / "bundle")).clip.flow == pytest.approx((10, 0.1))
