"""What goes wrong in a host that knows GStreamer and loads the plugin, and nothing else of ours.

Python loads libraries of ours itself, and so hides what only others meet. `host.c` and
`gst-launch-1.0` do not: each case runs in a process of its own, which has to end with a message
and a documented exit code, or to go on where the stream can.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

import parts
import tiny_bundle
from tubecam.libraries import plugin_path

SOURCE = "videotestsrc num-buffers={} ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1"
ENDED, FAILED = 0, 1  # of host.c

pytestmark = pytest.mark.needs("plugin-file")


def launch_line(options: str, frames: int = 60) -> str:
    return f"{SOURCE.format(frames)} ! tubecam name=t {options} ! fakesink"


def environment(plugins: Path = plugin_path.PLUGIN_DIR, **more: str) -> dict[str, str]:
    return {**os.environ, "GST_PLUGIN_PATH": str(plugins), **more}


def run_host(line: str, *more: object, seconds: int = 60, **options):
    options.setdefault("env", environment())
    command = [parts.require("host"), str(seconds), line, *map(str, more)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=False, **options
    )


def check(done: subprocess.CompletedProcess, status: int, *phrases: str) -> None:
    output = done.stdout + done.stderr
    assert done.returncode == status, (done.returncode, output)  # −11 is a signal
    for phrase in phrases:
        assert phrase in output, output


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return tiny_bundle.write(tmp_path_factory.mktemp("tiny") / "good")


@pytest.mark.parametrize(
    "options, phrase",
    [
        ("precision=int8", "quantises nothing"),
        ("device=tpu", "is not known"),
        ("fallback=maybe", "unknown fallback"),
        ("engine=tensorrt", "tensorrt"),
        ("target=5", "target class"),
        ("hop=9", "the hop must be"),
        ("method=deeplift", "deeplift"),
        ("frozen-slice=8", "frozen slice"),
        ("cache-dir=/proc/none", "cannot be written"),
    ],
)
def test_a_wrong_property_ends_with_its_reason(bundle, options, phrase):
    check(run_host(launch_line(f"bundle={bundle} {options}")), FAILED, "error gst-", phrase)


def unusable_graph(head: str) -> bytes:
    """A sound ONNX file, but no engine knows its first operator."""
    model = tiny_bundle.model(head)
    model.graph.node[0].op_type = "Nonsense"
    return model.SerializeToString()


def broken_bundles() -> dict[str, tuple]:
    """By name: what makes the bundle, and what the error says."""

    def truncated(folder: Path) -> Path:
        return tiny_bundle.write(folder, graph=tiny_bundle.model().SerializeToString()[:-300])

    def unknown_operator(folder: Path) -> Path:
        return tiny_bundle.write(folder, graph=unusable_graph("pool"))

    def newer(folder: Path) -> Path:
        return tiny_bundle.write(folder, change=lambda sidecar: sidecar.update(format=99))

    def tampered(folder: Path) -> Path:
        tiny_bundle.write(folder)
        (folder / "labels.txt").write_text("other\n")
        return folder

    def no_json(folder: Path) -> Path:
        tiny_bundle.write(folder)
        (folder / "bundle.json").write_text("{")
        return folder

    return {
        "absent": (lambda folder: folder, "no bundle at"),
        "truncated": (truncated, "is damaged"),
        "no operator": (unknown_operator, "OpenVINO cannot"),
        "newer": (newer, "format 99"),
        "tampered": (tampered, "is not the file"),
        "no JSON": (no_json, "is not JSON"),
        "without an output": (lambda folder: tiny_bundle.write(folder, without="weight"), "weight"),
    }


@pytest.mark.parametrize("name", broken_bundles())
def test_a_bad_bundle_ends_with_its_reason(tmp_path, name):
    make, phrase = broken_bundles()[name]
    folder = make(tmp_path / "bundle")
    check(run_host(launch_line(f"bundle={folder}")), FAILED, "error gst-", phrase)


def test_a_window_that_fails_is_a_warning_and_the_stream_goes_on(tmp_path):
    folder = tiny_bundle.write_two(tmp_path / "damaged", unusable_graph("relevance"))
    line = launch_line(f"bundle={folder} late-windows=wait align=delayed", 200)
    done = run_host(line, 60, "t", "method", "lrp-epsilon-plus")
    check(done, ENDED, "warning gst-", "A window could not be explained: OpenVINO cannot")
    check(done, ENDED, "frames 200")


def test_what_a_running_element_refuses_is_a_warning(bundle):
    done = run_host(launch_line(f"bundle={bundle}", 90), 30, "t", "method", "deeplift")
    check(done, ENDED, "warning gst-", "deeplift", "frames 90")


def test_the_cpu_takes_over_where_there_is_no_gpu(bundle):
    options = f"bundle={bundle} device=cuda engine=tensorrt fallback=cpu align=delayed"
    done = run_host(launch_line(options))
    check(done, ENDED, "The CPU took over from cuda:0", "frames 60")


@pytest.mark.parametrize("how", ["removed", "cut short", "another version"])
def test_a_lost_engine_ends_with_its_reason(tmp_path, bundle, how):
    shutil.copytree(plugin_path.LIBRARY_DIR, tmp_path / "lib")
    engine = tmp_path / "lib" / "libtubecam_openvino.so"
    content = engine.read_bytes()
    engine.unlink()
    if how == "cut short":
        engine.write_bytes(content[:5000])
    elif how == "another version":
        shutil.copy(next((tmp_path / "lib").glob("libtubecam.so*")), engine)
    home = environment(tmp_path / "lib" / "gstreamer-1.0", GST_REGISTRY=str(tmp_path / "registry"))
    done = run_host(launch_line(f"bundle={bundle}"), env=home)
    check(done, FAILED, "error gst-library-error-quark", "libtubecam_openvino.so")


def test_too_little_memory_ends_with_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_bundle, "LENGTH", 128)
    monkeypatch.setattr(tiny_bundle, "SIZE", 1024)  # a clip of 1.6 GB
    folder = tiny_bundle.write(tmp_path / "vast", "relevance")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    done = run_host(launch_line(f"bundle={folder}"), preexec_fn=limit)
    check(done, FAILED, "error gst-", "there is not enough memory")


@pytest.mark.parametrize("milliseconds", [0, 20, 100, 250])
def test_stopping_while_the_model_is_compiled(bundle, milliseconds):
    check(run_host(launch_line(f"bundle={bundle}", 1000), milliseconds), ENDED)


@pytest.mark.parametrize("options, status", [("precision=int8", 255), ("target=4", 0)])
def test_gst_launch_ends_with_its_own_code(bundle, options, status):
    words = [
        parts.require("gst-launch-1.0"),
        "--no-fault",
        *launch_line(f"bundle={bundle} {options}").split(),
    ]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    check(done, status, *(["quantises nothing"] if status else []))
