"""`tubecam bench` as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import parts
import tiny_bundle
import videos
from places import NETWORKS
from tubecam.bench import document


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_bundle.write(tmp_path_factory.mktemp("bench") / "tiny")


@pytest.fixture(scope="module")
def engine_run(tiny, tubecam_command):
    """A short bench of a tiny bundle, with its JSON."""
    target = tiny.parent / "engine.json"
    result = tubecam_command(
        "bench", tiny, "--peers", "onnxruntime,torch", "--duration", 0.5, "--json", target
    )
    return result, target


def video_of(path, seconds: float):
    """A video of 30 frames a second."""
    count = round(30 * seconds)
    return videos.write_video(path, videos.numbered(count), np.arange(count) / 30)


def checked(path) -> dict:
    """The document, valid by its schema."""
    import jsonschema

    content = json.loads(path.read_text("utf-8"))
    jsonschema.validate(content, json.loads(document.SCHEMA.read_text("utf-8")))
    return content


def test_engine_mode_measures_every_row(engine_run, tiny):
    result, target = engine_run
    assert result.returncode == 0, result.stderr
    content = checked(target)
    engine = content["engine"]
    rows = {row["name"]: row for row in engine["rows"]}
    assert {"plain", "graph", *tiny_bundle.METHODS, "cam", "onnxruntime"} < rows.keys()
    assert all(rows[n]["latency_ms"]["n"] >= 5 for n in ("plain", "graph", "gradcam"))
    assert rows["onnxruntime"]["agreement"]["same_method"]
    assert "--model" in rows["torch"]["skipped"]
    assert {"graph/plain", "gradcam/plain", "onnxruntime/gradcam"} <= engine["overheads"].keys()
    for found in engine["overheads"].values():
        assert found["low"] <= found["value"] <= found["high"]
    assert 0 < engine["floor"]["floor_ms"] < rows["gradcam"]["latency_ms"]["max"]
    assert content["provenance"]["bundle"]["files"].keys() == {"model.onnx", "labels.txt"}
    assert "gradcam/plain" in result.stdout and "floor" in result.stdout


def test_other_precisions_are_rows_with_their_drift(tmp_path, tubecam_command):
    parts.require("torch")
    parts.require("onnxruntime")
    target = tmp_path / "p.json"
    result = tubecam_command(
        "bench", "--model", "narrow_nets:build", "--length", 8, "--size", "24x32", "--method",
        "gradcam", "--precision", "float32,int8", "--peers", "onnxruntime", "--duration", 0.5,
        "--json", target, cwd=NETWORKS,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    content = checked(target)
    rows = {row["name"]: row for row in content["engine"]["rows"]}
    row = rows["gradcam int8"]
    assert row["kind"] == "precision" and row["latency_ms"]["n"] >= 5
    drift = row["agreement"]
    assert 0.95 < drift["correlation_min"] <= drift["correlation"] < 1 and drift["clips"] == 8
    assert {"peak_shift", "logit_error", "same_label"} <= drift.keys()
    assert content["engine"]["engine"]["precision"] == "float32"
    assert {"gradcam/gradcam int8", "onnxruntime/gradcam", "onnxruntime/gradcam int8"} <= (
        content["engine"]["overheads"].keys()
    )
    # The peer runs what the first precision runs: the float32 reference.
    assert rows["onnxruntime"]["agreement"]["drift"] < 1e-5
    assert any("synthetic clips" in note for note in content["notes"])
    assert "maps correlate by" in " ".join(result.stdout.split())


def test_a_precision_that_the_bundle_lacks_is_a_row_that_says_so(tiny, tmp_path, tubecam_command):
    target = tmp_path / "p.json"
    result = tubecam_command(
        "bench", tiny, "--method", "gradcam", "--precision", "float32,int8", "--duration", 0.3,
        "--json", target,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = {row["name"]: row for row in checked(target)["engine"]["rows"]}
    assert "--precision int8 --calibrate" in rows["gradcam int8"]["skipped"]
    assert rows["gradcam"]["latency_ms"]["n"] >= 5


def test_a_bench_compares_with_itself(engine_run, tubecam_command):
    _, target = engine_run
    result = tubecam_command("bench", "--compare", target, target)
    assert result.returncode == 0 and "0 of" in result.stdout, result.stderr


def test_a_plot_is_a_picture(engine_run, tmp_path):
    parts.require("matplotlib")
    from PIL import Image

    from tubecam.bench.report.plot import plot

    plot(json.loads(engine_run[1].read_text("utf-8")), tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert pixels.shape[0] > 600 and pixels.shape[1] > 1200
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_torch_peers_compute_the_same_map(tmp_path, tubecam_command):
    """Own weights in a user's module; captum where it is installed."""
    target = tmp_path / "bench.json"
    path = f"{NETWORKS}:{os.environ.get('PYTHONPATH', '')}"
    result = tubecam_command(
        "bench", "--model", "export_nets:small", "--peers", "torch,captum", "--duration", 0.5,
        "--length", 8, "--size", "32x48", "--json", target, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = {row["name"]: row for row in checked(target)["engine"]["rows"]}
    assert rows["torch"]["agreement"]["correlation"] > 0.99999
    assert rows["torch"]["agreement"]["drift"] < 1e-4
    captum = rows["captum"]
    assert captum["agreement"].get("same_method") or "pip install captum" in captum["skipped"]


@pytest.mark.needs("opencv")
def test_pathways_and_flow_have_peers_too(tmp_path, tubecam_command):
    target = tmp_path / "bench.json"
    result = tubecam_command(
        "bench", "--model", "conv3d_7ch", "--random-weights", "--length", 7, "--size", "60x40",
        "--method", "gradcam", "--peers", "torch,onnxruntime", "--duration", 0.5, "--json", target,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = {row["name"]: row for row in checked(target)["engine"]["rows"]}
    assert rows["onnxruntime"]["agreement"]["correlation"] > 0.99999
    assert rows["onnxruntime"]["agreement"]["drift"] < 1e-4
    assert "explains one layer, and this model has 5 pathways: grey" in rows["torch"]["skipped"]


def test_stream_mode_measures_every_stage(motion_bundle, tmp_path, tubecam_command):
    video, target = video_of(tmp_path / "video.mp4", 4), tmp_path / "s.json"
    result = tubecam_command(
        "bench", motion_bundle, "--stream", video, "--duration", 6, "--json", target
    )
    assert result.returncode == 0, result.stderr
    stream = checked(target)["stream"]
    (live,) = stream["live"]
    for stage in ("decode", "preprocess", "engine", "explanation", "overlay", "source to sink"):
        assert live["stages_ms"][stage]["n"] > 0, stage
    assert live["stages_ms"]["last frame to result"]["p50"] >= live["stages_ms"]["engine"]["p50"]
    assert live["missing_frames"] == 0 and live["windows"] > 0
    assert stream["full_speed"]["on"]["windows_per_s"] > 0
    assert stream["full_speed"]["off"]["windows_per_s"] == 0
    assert stream["full_speed"]["cost"]["n"] >= 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["motion", "--peers", "captun"], "did you mean captum"),
        (["motion", "--json", "no/such/folder.json"], "there is no folder"),
        (["motion", "--plot", "plot.txt"], "must end in"),
        (["motion", "--model", "r3d_18"], "not both"),
        (["--model", "r3d_18"], "--random-weights"),
        (["--model", "r3d_19", "--random-weights"], "r3d_19"),
        (["motion", "--weights", "x.pth"], "belongs to --model"),
        (["motion", "--streams", "2"], "needs --stream"),
        (["motion", "--duration", "0"], "not a number above 0"),
        (["no_such_bundle"], "there is no bundle"),
        (["motion", "--stream", "no.mp4"], "no file"),
        (["motion", "--stream", "test"], "give a video file"),
        (["motion", "--engine", "abacus"], "abacus"),
        (["motion", "--device", "cuda:0"], "tensorrt"),
        (["--compare", "no.json", "no.json"], "cannot read"),
    ],
)
def test_bad_input_is_found_before_the_run(arguments, message, tubecam_command, tmp_path):
    result = tubecam_command("bench", *arguments, cwd=tmp_path)
    assert result.returncode in (1, 2) and message in result.stderr, result.stderr
    assert "Traceback" not in result.stderr and "measuring:" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_changed_bundle_is_refused(tmp_path, tubecam_command):
    folder = tiny_bundle.write(tmp_path / "tiny")
    (folder / "labels.txt").write_text("others\n" * tiny_bundle.CLASSES)
    result = tubecam_command("bench", folder)
    assert result.returncode == 1 and "labels.txt" in result.stderr


def test_a_video_shorter_than_two_windows_is_refused(motion_bundle, tmp_path, tubecam_command):
    video = video_of(tmp_path / "short.mp4", 0.5)
    result = tubecam_command("bench", motion_bundle, "--stream", video)
    assert result.returncode == 1 and "too short" in result.stderr


def test_too_few_samples_for_p99_are_announced(engine_run, tiny, tubecam_command):
    assert "needs 100 samples" in tubecam_command("bench", tiny, "--duration", 0.01).stderr


@pytest.mark.parametrize("mode", ["engine", "stream"])
def test_an_interrupt_prints_what_was_measured(motion_bundle, tmp_path, mode):
    video = video_of(tmp_path / "video.mp4", 4)
    target = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tubecam", "bench", str(motion_bundle), "--json", str(target)]
    what = ["--peers", "onnxruntime"] if mode == "engine" else ["--stream", str(video)]
    process = subprocess.Popen(
        [*command, *what, "--duration", "500"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell's background jobs ignore SIGINT, and would hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    for line in process.stderr:
        if "measuring:" in line:
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in output and ("gradcam" if mode == "engine" else "frames") in output
    assert checked(target)["interrupted"]


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_inside_a_callback_of_gstreamer_is_not_lost(
    motion_bundle, tmp_path, monkeypatch, times
):
    from tubecam.bench import stream_mode, stream_probe
    from tubecam.bundle.bundle import load_bundle

    added = stream_probe.StreamProbe._added
    sent = []

    def interrupted(self, *what):  # while the first pipeline at full speed is being built
        added(self, *what)
        if not self.paced and not sent:
            sent.extend(range(times))
            for _ in sent:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(stream_probe.StreamProbe, "_added", interrupted)
    bundle = load_bundle(motion_bundle)
    source = stream_mode.open_stream(str(video_of(tmp_path / "video.mp4", 4)), bundle)
    settings = stream_mode.StreamSettings(source, bundle, {"bundle": str(motion_bundle)}, 1, 60.0)
    bench = stream_mode.StreamBench(settings)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        bench.measure(lambda share: None)
    assert sent and time.monotonic() - start < 20
    assert bench.facts()["live"] and not bench.off
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
