"""Bundles of int8 and float16: what is written, what runs, what they say, what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import parts
from places import NETWORKS

torch = parts.require("torch")
onnx = parts.require("onnx")
onnxruntime = parts.require("onnxruntime")
jsonschema = parts.require("jsonschema")

import narrow_nets as nets  # noqa: E402
import parts  # noqa: E402
import tiny_bundle  # noqa: E402
import tubecam  # noqa: E402
import videos  # noqa: E402
from tubecam.errors import ExportError, StreamError, UsageError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.precision import int8_search  # noqa: E402
from tubecam.export.precision.int8_search import MapDrift, attempts, beyond  # noqa: E402

FPS = 15


def made(folder, net="build", **settings):
    settings = {"precision": "int8", "calibrate": nets.clips(), "measure": False, **settings}
    return export(f"narrow_nets:{net}", folder, clip=nets.CLIP, **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("int8")


@pytest.fixture(scope="module")
def bundle(folder):
    made(folder / "pooled", methods=["gradcam", "hirescam", "gradient-x-input"])
    return folder / "pooled"


@pytest.fixture(scope="module")
def by_gradient(folder):
    made(folder / "slopes", "by_gradient")
    return folder / "slopes"


@pytest.fixture(scope="module")
def half(folder):
    made(folder / "half", precision="float16", calibrate=None)
    return folder / "half"


def sidecar(folder):
    return json.loads((folder / "bundle.json").read_text("utf-8"))


def has_integer_kernels() -> bool:
    """Whether this CPU's engine computes a quantised convolution in integers."""
    flags = next(
        (line for line in open("/proc/cpuinfo") if line.startswith(("flags", "Features"))), ""
    )
    return any(word in flags.split() for word in ("avx2", "avx512_vnni", "avx_vnni"))


def test_the_sidecar_says_how_it_was_quantised(bundle, root):
    content = sidecar(bundle)
    schema = json.loads((root / "engines" / "bundle.schema.json").read_text("utf-8"))
    jsonschema.validate(content, schema)
    first, relevance = content["graphs"]
    assert content["precision"] == first["precision"] == "int8"
    assert relevance["precision"] == "float32" and "reference" not in relevance
    found = first["quantisation"]
    assert found["accepted"] and found["layers"] == 5 and found["kept"] == []
    assert (found["windows"], found["held_out_windows"]) == (9, 3)
    assert found["clips"] == ["12 clips in memory"] and "squared error" in found["rule"]
    assert set(content["files"]) == {
        "model.onnx", "model.float32.onnx", "gradient-x-input.onnx", "labels.txt"
    }  # fmt: skip
    assert content["check"]["max_relative_error"] < 1e-5  # the float32 graph's
    loaded = tubecam.load_bundle(bundle)
    graph = loaded.graphs[0]
    assert graph.precision == "int8" and graph.reference.endswith("model.float32.onnx")
    assert graph.map_correlation == found["drift"]["map_correlation"] and not graph.drifts
    assert math.isnan(loaded.graphs[1].map_correlation)
    assert "unseen windows" in loaded.describe()


@pytest.mark.skipif("not has_integer_kernels()")
def test_the_engine_computes_in_integers_and_says_so(bundle):
    clip = nets.clips(1, seed=9)[0]
    for precision in ("auto", "int8"):
        with tubecam.Explainer(bundle, precision=precision) as explainer:
            receipt = explainer.explain(clip).receipt
        assert receipt.precision == "int8 (5 layers), float32", receipt
        assert "Winograd" not in receipt.engine  # a quantised convolution is not rewritten
        assert receipt.map_correlation > 0.98 and not receipt.drifts


def test_other_precisions_run_the_reference(bundle, folder):
    clip = nets.clips(1, seed=9)[0]
    made(folder / "wide", precision="float32", calibrate=None)
    with tubecam.Explainer(bundle, precision="float32") as reference:
        found = reference.explain(clip)
        assert found.receipt.precision == "float32" and math.isnan(found.receipt.map_correlation)
        assert reference.bundle.graphs[0].precision == "float32"
    with tubecam.Explainer(folder / "wide") as explainer:
        expected = explainer.explain(clip)
    assert np.array_equal(found.tube, expected.tube)
    assert np.array_equal(found.logits, expected.logits)


def test_methods_that_share_an_int8_bundle_keep_their_own_precision(bundle):
    clip = nets.clips(1, seed=9)[0]
    with tubecam.Explainer(bundle, method="gradient-x-input", precision="int8") as explainer:
        receipt = explainer.explain(clip).receipt
    assert receipt.precision == "float32" and math.isnan(receipt.map_correlation)


def test_a_bundle_without_int8_names_the_command(tmp_path, tubecam_command):
    plain = tiny_bundle.write(tmp_path)
    with pytest.raises(UsageError, match="tubecam export .* --precision int8 --calibrate"):
        tubecam.Explainer(plain, precision="int8")
    done = tubecam_command("build", plain, "--precision", "int8", "--cache-dir", tmp_path / "cache")
    assert done.returncode == 2 and "--precision int8 --calibrate" in done.stderr, done.stderr


def run(path, clip, target):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    feeds = {"clip": clip[None], "target": np.array([target], np.int64)}
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))


def gradcam(got):
    slopes = (
        got["weight"][0] / got["activation"][0, 0].size
        if "weight" in got
        else (got["gradient"][0].mean((1, 2, 3)))
    )
    return np.tensordot(slopes.astype(np.float64), got["activation"][0], 1)


@pytest.mark.parametrize("which", ["bundle", "by_gradient"])
def test_the_drift_is_what_another_engine_finds(request, which):
    """Recomputed in ONNX Runtime on the clips that were held out, from the files alone."""
    path = request.getfixturevalue(which)
    correlations, shifts, same, errors = [], [], [], []
    for clip in nets.clips()[3::4]:
        want = run(path / "model.float32.onnx", clip, -1)
        label = int(want["logits"].argmax())
        got = run(path / "model.onnx", clip, label)
        maps = [gradcam(x) for x in (want, got)]
        correlations.append(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1])
        peaks = np.array([np.unravel_index(m.argmax(), m.shape) for m in maps])
        shifts.append(np.abs(peaks[0] - peaks[1]).max())
        same.append(int(got["logits"].argmax()) == label)
        errors.append(np.abs(got["logits"] - want["logits"]).max() / np.abs(want["logits"]).max())
    drift = sidecar(path)["graphs"][0]["quantisation"]["drift"]
    # Engines round ties and sums differently: a step of 1/127 here and there.
    assert drift["map_correlation"] == pytest.approx(np.mean(correlations), abs=2e-3)
    assert drift["map_correlation_min"] == pytest.approx(min(correlations), abs=5e-3)
    assert drift["logit_error"] == pytest.approx(max(errors), abs=0.02)
    assert drift["top1_agreement"] == np.mean(same)
    assert drift["peak_shift_max"] == max(shifts)


def test_equal_exports_are_equal(folder, bundle):
    made(folder / "again", methods=["gradcam", "hirescam", "gradient-x-input"], name="pooled")
    for file in ("model.onnx", "model.float32.onnx", "bundle.json"):
        assert (folder / "again" / file).read_bytes() == (bundle / file).read_bytes(), file


def test_videos_calibrate_and_are_named(folder, tubecam_command):
    for i in range(2):
        frames = list(videos.numbered(48 + 9 * i))[9 * i :]
        videos.write_video(folder / f"clip{i}.mp4", frames, [n / FPS for n in range(len(frames))],
                           fps=f"{FPS}/1")  # fmt: skip
    out = folder / "from-videos"
    options = ["--precision", "int8", "--calibrate", f"{folder}/clip0.mp4,{folder}/clip1.mp4",
               "--windows", "10", "--method", "gradcam"]  # fmt: skip
    done = tubecam_command("export", "narrow_nets:build", "-o", out, "--length", "8", "--size",
                           "24x32", *options, cwd=NETWORKS)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "int8     5 layers" in done.stdout and "unseen windows" in done.stdout
    found = sidecar(out)
    assert found["graphs"][0]["quantisation"]["clips"] == ["clip0.mp4", "clip1.mp4"]
    assert "clip1.mp4" in found["provenance"]["calibration"]


def test_a_bundle_becomes_another_without_torch_models(motion_bundle, folder):
    report = export(str(motion_bundle), folder / "motion", precision="int8", calibrate="test")
    drift = report.quantisation["drift"]
    assert drift["map_correlation_min"] > 0.99 and report.methods[0] == "gradcam"
    content = sidecar(folder / "motion")
    assert content["provenance"]["made_from"] == "the bundle motion"
    assert content["provenance"]["license"] == "Apache-2.0"
    narrower = export(str(folder / "motion"), folder / "half-motion", precision="float16")
    assert 1e-6 < narrower.check.max_relative_error < 1e-2  # of the reference, not of int8
    assert "quantisation" not in sidecar(folder / "half-motion")["graphs"][0]
    clip = np.random.default_rng(0).normal(size=(16, 3, 72, 128)).astype(np.float32)
    tubes = []
    for path in (motion_bundle, folder / "half-motion"):
        with tubecam.Explainer(path) as explainer:
            tubes.append(explainer.explain(clip).tube)
    assert np.abs(tubes[0] - tubes[1]).max() < 1e-2 * np.abs(tubes[0]).max()


def test_float16_runs_on_the_cpu_in_float32_with_its_own_weights(half):
    content = sidecar(half)
    assert content["graphs"][0]["precision"] == "float16"
    assert 1e-5 < content["check"]["max_relative_error"] < 1e-2
    clip = nets.clips(1, seed=9)[0]
    found = {}
    for precision in ("auto", "float32"):
        with tubecam.Explainer(half, precision=precision) as explainer:
            found[precision] = explainer.explain(clip)
            assert found[precision].receipt.precision == "float32"
    error = np.abs(found["auto"].logits - found["float32"].logits).max()
    assert 0 < error < 1e-2 * np.abs(found["float32"].logits).max()


WRONG = [
    ({"calibrate": None}, UsageError, "--calibrate"),
    ({"calibrate": []}, UsageError, "--calibrate"),
    ({"calibrate": ["no/such.mp4"]}, StreamError, "no/such.mp4"),
    ({"precision": "float16"}, UsageError, "belong to precision int8"),
    ({"precision": "int4", "calibrate": None}, UsageError, "float32, float16, int8"),
    ({"calibrate": nets.clips(3)}, UsageError, "float32 .* with N of 4 or more"),
    ({"calibrate": nets.clips(8)[:, :, :, :8]}, UsageError, r"\[N, 8, 3, 24, 32\]"),
    ({"calibrate": "test", "windows": 2}, UsageError, "too few"),
    ({"methods": ["sensitivity"]}, UsageError, "float32 only"),
    ({"calibrate": nets.clips() * np.float32("inf")}, ExportError, "not finite"),
]


@pytest.mark.parametrize(("settings", "error", "words"), WRONG, ids=[w[2][:20] for w in WRONG])
def test_wrong_settings_are_named_and_nothing_is_written(tmp_path, settings, error, words):
    with pytest.raises(error, match=words):
        made(tmp_path / "b", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_as_source_takes_no_settings_of_models(motion_bundle, tmp_path):
    with pytest.raises(UsageError, match="leave out --layer"):
        export(str(motion_bundle), tmp_path / "b", precision="float16", layer="fc")
    with pytest.raises(UsageError, match="a bundle already"):
        export(str(motion_bundle), tmp_path / "b")


@pytest.fixture
def clipped(monkeypatch):
    """Ranges a hundred times too small: everything is clipped, and the map is another."""
    real = int8_search.ranges
    monkeypatch.setattr(
        int8_search, "ranges",
        lambda *a, **k: {n: r._replace(limit=r.limit / 100) for n, r in real(*a, **k).items()},
    )  # fmt: skip


def test_maps_that_drift_are_refused_and_by_force_marked(tmp_path, clipped):
    with pytest.raises(ExportError, match=r"int8 changes what .* not accepted: .*map_correlation"):
        made(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []
    said = []
    report = made(tmp_path / "b", force=True, progress=said.append)
    assert not report.quantisation["accepted"] and any("marked as drifting" in s for s in said)
    clip = nets.clips(1, seed=9)[0]
    with tubecam.Explainer(tmp_path / "b") as explainer:
        receipt = explainer.explain(clip).receipt
    assert receipt.drifts and receipt.map_correlation < 0.98
    with tubecam.Explainer(tmp_path / "b", precision="float32") as explainer:
        assert not explainer.explain(clip).receipt.drifts
    assert "beyond the limits" in tubecam.load_bundle(tmp_path / "b").describe()


def test_the_message_and_the_picture_say_that_it_drifts(tmp_path, clipped):
    parts.require("plugin")
    from pipelines import play

    made(tmp_path / "b", force=True)
    ball = (
        "videotestsrc num-buffers=30 pattern=ball ! "
        "video/x-raw,format=RGB,width=320,height=240,framerate=30/1 ! "
    )
    still = play(f"{ball} identity name=o ! fakesink", probed=(), pixels=("o",)).pixels["o"]
    widths = {}
    for precision in ("int8", "float32"):
        played = play(
            f"{ball} tubecam name=t bundle={tmp_path}/b precision={precision} align=delayed ! "
            "tubeoverlay name=o show-heat=false show-strip=false ! fakesink",
            pixels=("o",),
        )
        assert played.windows["t"][0]["drifts"] is (precision == "int8")
        drawn, below = (np.frombuffer(p[20], np.uint8) for p in (played.pixels["o"], still))
        widths[precision] = np.flatnonzero((drawn != below).reshape(240, 320, 3).any((0, 2))).max()
    assert widths["int8"] > widths["float32"] + 40  # the longer note


def test_figures_at_their_limits():
    good = MapDrift(0.98, 0.9, 9, 9, 0.8, 0.2)
    assert beyond(good) == []
    for name in ("map_correlation", "map_correlation_min", "top1_agreement"):
        figures = {**vars(good), name: vars(good)[name] - 1e-3}
        assert [text.split()[0] for text in beyond(MapDrift(**figures))] == [name]
    assert len(beyond(MapDrift(**{**vars(good), "logit_error": math.nan}))) == 1


def test_what_stays_in_float32_is_tried_in_order():
    from tubecam.export.precision.calibration import Range
    from tubecam.export.precision.int8 import Layer

    layers = [Layer(f"y{i}", "Conv", f"x{i}", f"w{i}", 0) for i in range(8)]
    found = {f"x{i}": Range(1.0, 0.1 if i in (3, 5) else 0.01) for i in range(8)}
    assert attempts(layers, found) == [(), ("y0",), ("y0", "y3", "y5")]
    assert attempts(layers[:1], found) == [()]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("precision",), "int7", "graphs.0..precision"),
        (("reference",), "model.onnx", "another file"),
        (("reference",), "gone.onnx", "gone.onnx"),
        (("quantisation", "accepted"), "yes", "accepted"),
        (("quantisation", "drift", "map_correlation"), 2, "map_correlation"),
    ],
)
def test_a_sidecar_that_is_wrong_about_precision_is_refused(bundle, tmp_path, path, value, words):
    import shutil

    shutil.copytree(bundle, tmp_path / "b")
    content = sidecar(bundle)
    place = content["graphs"][0]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / "b" / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(tubecam.BundleError, match=words):
        tubecam.load_bundle(tmp_path / "b")


def test_a_reference_that_was_changed_is_refused(bundle, tmp_path):
    import shutil

    shutil.copytree(bundle, tmp_path / "b")
    with (tmp_path / "b" / "model.float32.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(tubecam.BundleError, match=r"model.float32.onnx .* SHA-256"):
        tubecam.load_bundle(tmp_path / "b")
