"""The elements as a Python program meets them."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest

import parts
import tiny_bundle

gst = parts.require("plugin")

from pipelines import play  # noqa: E402
from tubecam import Explainer  # noqa: E402
from tubecam.errors import UsageError  # noqa: E402
from tubecam.libraries import plugin_path  # noqa: E402
from tubecam.video import metadata  # noqa: E402
from tubecam.windows.window_record import WindowRecord  # noqa: E402

Gst = gst.Gst
FRAME = Gst.SECOND // 30


def source(frames: int = 60, size: str = "width=64,height=48", pattern: str = "ball") -> str:
    caps = f"video/x-raw,format=RGB,framerate=30/1,{size}"
    return f"videotestsrc num-buffers={frames} pattern={pattern} ! {caps}"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """8 slices at 10 a second, 5 classes, 4×4×4 cells."""
    return tiny_bundle.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def delayed(bundle):
    return play(f"{source()} ! tubecam name=t bundle={bundle} align=delayed hop=2 ! fakesink")


def test_every_frame_carries_the_explanation_of_its_time(delayed):
    frames = delayed.frames["t"]
    assert [pts for pts, _ in frames] == pytest.approx([i * FRAME for i in range(60)], abs=60)
    for pts, fields in frames:
        assert fields["valid"] and fields["timestamp"] == pts
        times = fields["window-pts"]
        assert fields["inside"] == (times[0] <= pts <= times[-1])
        assert fields["slice"] == pytest.approx(np.interp(pts, times, range(8)), abs=1e-6)
    middles = [abs(f["window-pts"][[0, -1]].mean() - pts) for pts, f in frames]
    assert max(middles[12:48]) <= 1.05e8 + FRAME  # half a hop from the middle, but for the ends


def test_fields_are_plain_python_and_numpy(delayed):
    _, fields = delayed.frames["t"][30]
    assert fields["tube"].shape == (4, 4, 4) and fields["tube"].dtype == np.float32
    assert fields["window-pts"].shape == (8,) and fields["window-pts"].dtype == np.int64
    assert fields["curve"].shape == (8,) and fields["logits"].shape == (5,)
    assert fields["boxes"].shape[1] == 5
    assert fields["label"] == f"class {np.argmax(fields['logits'])}"
    assert fields["crop-x"] == pytest.approx(8 / 64) and fields["crop-width"] == 0.75
    assert all(type(v) in (int, float, str, bool, np.ndarray) for v in fields.values())


def test_one_message_a_window(delayed):
    windows = delayed.windows["t"]
    assert [fields["window"] for fields in windows] == list(range(len(windows)))
    for fields in windows:
        first, last = fields["window-pts"][[0, -1]]
        assert fields["timestamp"] == fields["stream-time"] == fields["running-time"] == first
        assert fields["duration"] == last - first
        assert fields["dropped-windows"] == 0
    assert windows[0]["tube"].tolist() == delayed.frames["t"][0][1]["tube"].tolist()


def test_the_pipeline_and_the_explainer_agree(bundle):
    played = play(
        f"{source(40)} ! identity name=i ! tubecam name=t bundle={bundle} hop=2 ! fakesink",
        pixels=("i",),
    )
    with Explainer(bundle, hop=2) as explainer:
        pushed = [
            explainer.push(pixels.reshape(48, 64, 3), pts / 1e9)
            for (pts, _), pixels in zip(played.frames["i"], played.pixels["i"])
        ]
    expected = [explanation for explanation in pushed if explanation is not None]
    assert len(expected) == len(played.windows["t"]) > 3
    for explanation, fields in zip(expected, played.windows["t"]):
        np.testing.assert_allclose(fields["tube"], explanation.tube, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(fields["logits"], explanation.logits, rtol=1e-5)


def test_regions_lie_where_the_boxes_are(bundle):
    from gi.repository import GstVideo

    checked = []

    def probe(_pad, info):
        buffer = info.get_buffer()
        fields = metadata.read(buffer)
        for i, (x, y, width, _, value) in enumerate(fields["boxes"]):
            region = GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, i)
            assert (region.x, region.y) == (round(x * 64), round(y * 48))
            assert region.x + region.w == round((x + width) * 64)
            parameters = region.get_param("tubecam")
            assert parameters.get_string("label") == fields["label"]
            assert parameters.get_double("relevance")[1] == pytest.approx(value, rel=1e-6)
            checked.append(i)
        return Gst.PadProbeReturn.OK

    def prepare(pipeline):
        pad = pipeline.get_by_name("t").get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BUFFER, probe)

    line = f"{source()} ! tubecam name=t bundle={bundle} align=delayed target=1 ! fakesink"
    play(line, prepare=prepare)
    assert checked


def test_two_streams_do_not_mix(bundle):
    def branch(name: str, pattern: str) -> str:
        return f"{source(60, pattern=pattern)} ! tubecam name={name} bundle={bundle} ! fakesink"

    both = play(f"{branch('a', 'ball')} {branch('b', 'snow')}", probed=("a", "b"))
    for name, pattern in (("a", "ball"), ("b", "snow")):
        alone = play(branch(name, pattern), probed=(name,))
        assert len(both.windows[name]) == len(alone.windows[name]) > 3
        if pattern == "ball":  # snow differs from run to run
            for together, single in zip(both.windows[name], alone.windows[name]):
                np.testing.assert_array_equal(together["logits"], single["logits"])


@pytest.mark.parametrize("size", ["width=64,height=48", "width=48,height=64"])
def test_heat_keeps_its_place_when_the_video_is_scaled(bundle, size):
    black = f"{source(40, size, 'ball')} ! tubecam bundle={bundle} align=delayed target=1"
    draw = "tubeoverlay name=o show-label=false show-strip=false threshold=0 alpha=1"
    larger = size.replace("64", "256").replace("48", "192")
    direct = play(f"{black} ! {draw} ! fakesink", probed=(), pixels=("o",))
    scaled = play(
        f"{black} ! videoscale method=nearest-neighbour ! video/x-raw,{larger} ! {draw} ! fakesink",
        probed=(),
        pixels=("o",),
    )
    width, height = (int(part.split("=")[1]) for part in size.split(","))
    small = direct.pixels["o"][20].reshape(height, width, 3).astype(float)
    large = scaled.pixels["o"][20].reshape(4 * height, 4 * width, 3).astype(float)
    shrunk = large.reshape(height, 4, width, 4, 3).mean((1, 3))
    # Coarse grids are drawn with gaps of some pixels between their cells, here of 12×12.
    inner = np.ix_(*(np.isin((np.arange(n) - (n - 48) // 2) % 12, (0, 1, 10, 11), invert=True)
                     for n in (height, width)))  # fmt: skip
    assert np.abs(shrunk - small)[inner].mean() < 3
    rolled = np.abs(np.roll(shrunk, 2, 1) - small)[inner].mean()
    assert rolled > 2 * np.abs(shrunk - small)[inner].mean()


@pytest.mark.parametrize("output", ["activation", "logits"])
def test_nan_marks_the_explanation_and_the_frame_passes(tmp_path, output):
    bad = tiny_bundle.write(tmp_path / "bad", nan_in=output)
    played = play(
        f"{source()} ! tubecam name=t bundle={bad} align=delayed ! tubeoverlay name=o ! fakesink",
        probed=("t", "o"),
    )
    assert len(played.frames["o"]) == 60
    assert all(not fields["valid"] for _, fields in played.frames["t"])
    assert all(not fields["tube"].any() for _, fields in played.frames["t"])
    problems = [text for text in played.warnings if "NaN" in text]
    assert len(problems) == 1, played.warnings  # said once, not once a window
    fields = dict(played.windows["t"][-1])
    fields["stream-time"] = fields["timestamp"] + Gst.SECOND  # as in a video with an edit list
    window = WindowRecord.from_fields(fields, [f"class {i}" for i in range(tiny_bundle.CLASSES)])
    assert not window.valid and window.pts[0] >= Gst.SECOND
    assert window.peak_pts == 0 and window.peak_value == 0  # of nothing


def test_a_missing_output_is_an_error(tmp_path):
    bad = tiny_bundle.write(tmp_path / "bad", without="weight")
    with pytest.raises(AssertionError, match="weight"):
        play(f"{source()} ! tubecam name=t bundle={bad} ! fakesink")


def test_a_missing_bundle_is_an_error(tmp_path):
    with pytest.raises(AssertionError, match="no bundle"):
        play(f"{source()} ! tubecam name=t bundle={tmp_path}/none ! fakesink")


def test_a_seek_starts_a_new_window(tmp_path, bundle):
    path = tmp_path / "video.avi"
    play(f"{source(120)} ! videoconvert ! jpegenc ! avimux ! filesink location={path}", probed=())
    seen = []

    def prepare(pipeline):
        pipeline.set_state(Gst.State.PAUSED)
        assert pipeline.get_state(20 * Gst.SECOND)[0] == Gst.StateChangeReturn.SUCCESS
        flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE
        assert pipeline.seek_simple(Gst.Format.TIME, flags, 2 * Gst.SECOND)

    def finish(pipeline):
        seen.append(pipeline.get_by_name("t").get_property("resets"))

    line = f"filesrc location={path} ! avidemux ! jpegdec ! videoconvert ! video/x-raw,format=RGB"
    played = play(
        f"{line} ! tubecam name=t bundle={bundle} align=delayed ! fakesink",
        prepare=prepare, finish=finish,
    )  # fmt: skip
    after = [fields for pts, fields in played.frames["t"] if pts >= 2 * Gst.SECOND]
    assert len(after) == 60 and None not in after
    assert all(fields["window-pts"][0] >= 2 * Gst.SECOND for fields in after)
    assert seen == [1]


def test_gst_launch_finds_and_runs_the_elements(bundle):
    parts.require("gst-launch-1.0")
    words = f"{source(40)} ! tubecam bundle={bundle} ! tubeoverlay ! videoconvert ! fakesink"
    environment = {**os.environ, "GST_PLUGIN_PATH": plugin_path.search_path()}
    command = ["gst-launch-1.0", "-q", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_no_leaks(bundle):
    parts.require("gst-launch-1.0")
    words = f"{source(40)} ! tubecam bundle={bundle} align=delayed ! tubeoverlay ! fakesink"
    environment = {
        **os.environ,
        "GST_PLUGIN_PATH": plugin_path.search_path(),
        "GST_TRACERS": "leaks",
        "GST_DEBUG": "GST_TRACER:7",
        "GST_DEBUG_NO_COLOR": "1",
    }
    command = ["gst-launch-1.0", "-q", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    traces = [line for line in done.stderr.splitlines() if "object-alive, " in line]
    leaks = [line for line in traces if "%s" not in line]  # the first one states the format
    assert traces and not leaks, "\n".join(leaks)


def test_other_structures_are_refused(delayed):
    with pytest.raises(UsageError, match="level"):
        metadata.read_structure(Gst.Structure.new_empty("level"))
    assert metadata.read(Gst.Buffer.new_allocate(None, 16, None)) is None
