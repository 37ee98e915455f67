"""Ranges of activations, and the windows that they are found on."""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")
parts.require("onnx")

import tubecam  # noqa: E402
import videos  # noqa: E402
from tubecam import _core  # noqa: E402
from tubecam.errors import StreamError, UsageError  # noqa: E402
from tubecam.export.precision.calibration import Histogram  # noqa: E402
from tubecam.export.precision.calibration_clips import read_windows  # noqa: E402
from tubecam.export.precision.int8 import LEVELS  # noqa: E402
from tubecam.export.spec import ClipSpec  # noqa: E402

SPEC = ClipSpec(length=8, height=24, width=32, sample_fps=10.0, resize="stretch")
FPS = 20


def squared_error(values, limit):
    step = limit / LEVELS
    return np.mean((np.clip(np.rint(values / step), -LEVELS, LEVELS) * step - values) ** 2)


@pytest.mark.parametrize("tail", ["normal", "laplace", "outlier", "relu"])
def test_the_range_loses_about_the_least_that_any_range_loses(rng, tail):
    values = {
        "normal": rng.normal(size=200_000), "laplace": rng.laplace(size=200_000),
        "outlier": np.append(rng.normal(size=200_000), 300.0),
        "relu": np.maximum(rng.normal(size=200_000), 0),
    }[tail]  # fmt: skip
    histogram = Histogram()
    for part in np.array_split(values, 7):  # ranges grow from part to part
        histogram.add(part)
    found = histogram.range()
    errors = [squared_error(values, limit) for limit in np.geomspace(1, np.abs(values).max(), 300)]
    assert squared_error(values, found.limit) < 1.02 * min(errors)
    noise = squared_error(values, found.limit) / np.mean(values**2)
    assert found.noise == pytest.approx(noise, rel=0.1)
    assert found.limit <= np.abs(values).max() * (1 + 1e-6)


def test_parts_give_what_the_whole_gives(rng):
    values = np.concatenate([rng.normal(size=1000), 8 * rng.normal(size=1000)])
    whole, parts = Histogram(), Histogram()
    whole.add(values)
    for part in np.array_split(values, 5):
        parts.add(part)
    assert parts.counts.sum() == whole.counts.sum() == 2000
    assert parts.range().limit == pytest.approx(whole.range().limit, rel=0.01)


def test_zeros_alone_have_some_range_and_what_is_not_finite_is_refused():
    histogram = Histogram()
    histogram.add(np.zeros(5))
    assert histogram.range() == (1.0, 0.0)
    with pytest.raises(ValueError, match="finite"):
        histogram.add(np.array([1.0, np.nan]))


def write(path, seconds, start=0):
    count = round(seconds * FPS)
    frames = list(videos.numbered(start + count))[start:]
    return videos.write_video(path, frames, [i / FPS for i in range(count)], fps=f"{FPS}/1")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for i in range(5):
        write(folder / f"{i}.mp4", 1.9, 7 * i)
    write(folder / "short.mp4", 0.3)
    (folder / "text.mp4").write_text("no video")
    (folder / "notes.txt").write_text("no video")
    return folder


def test_windows_are_those_of_the_runtime(clips):
    found = read_windows([clips / "0.mp4", clips / "1.mp4"], SPEC, 8)
    window = _core.ClipWindow(SPEC.core(), SPEC.length)
    expected = []
    for name in ("0.mp4", "1.mp4"):
        window.reset()
        video = videos.read_video(clips / name)
        for time, frame in zip(video.times, video.frames):
            pixels = _core.Frame.from_array(np.ascontiguousarray(frame))
            if window.push(pixels, round(time * 1e9)):
                expected.append(np.array(window.clip()))
    every = [*found.seen[:3], *found.unseen]
    assert len(expected) == len(every) == 4 and found.held_out == ()
    for got, want in zip(every, expected):
        assert got.shape == (1, 8, 3, 24, 32) and got.dtype == np.float32
        # GStreamer's conversion to RGB is in 8 bits and rounds down, by up to 3 of 255 levels here.
        assert 0 <= (got[0] - want).min() and (got[0] - want).max() < 3.5 / 127.5
    assert np.abs(every[0] - expected[1]).mean() > 0.1


def test_of_four_clips_one_is_held_out_whole_and_no_window_is_in_both(clips):
    found = read_windows([clips], SPEC, 10)
    assert found.names == (*(f"{i}.mp4" for i in range(5)), "short.mp4")
    assert found.held_out == ("3.mp4",) and found.skipped == ("text.mp4",)
    assert len(found.seen) == 9 and len(found.unseen) == 2
    assert not any(np.array_equal(a, b) for a in found.seen for b in found.unseen)
    alone = read_windows([clips / "3.mp4"] * 2, SPEC, 4)
    assert np.array_equal(alone.seen[0], found.unseen[0])


def test_a_limit_of_windows_spreads_over_clips_and_time(clips):
    found = read_windows([clips], SPEC, 5)
    assert len(found.seen) + len(found.unseen) == 5 and len(found.names) == 5


def test_another_clip_of_the_folder_steps_in_for_one_that_is_no_use(clips, tmp_path):
    for i, name in enumerate(["text.mp4", "0.mp4", "text.mp4", "1.mp4", "2.mp4", "3.mp4"]):
        (tmp_path / f"{i}.mp4").write_bytes((clips / name).read_bytes())
    found = read_windows([tmp_path], SPEC, 4)
    assert found.names == ("1.mp4", "3.mp4", "4.mp4", "5.mp4")
    assert found.skipped == ("0.mp4", "2.mp4")


@pytest.mark.parametrize(
    ("named", "error", "words"),
    [
        (["nothing.mp4"], StreamError, "nothing.mp4"),
        (["notes.txt"], StreamError, "notes.txt"),
        (["text.mp4"], StreamError, "text.mp4 is not a video"),
        (["0.mp4"], UsageError, r"make 2 windows that do not overlap, and 4 are needed"),
        ([], UsageError, "--calibrate"),
    ],
)
def test_what_cannot_be_calibrated_with_is_named(clips, named, error, words):
    with pytest.raises(error, match=words):
        read_windows([clips / name for name in named], SPEC)


def test_a_folder_without_videos_and_a_live_source_are_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no video"):
        read_windows([tmp_path], SPEC)
    with pytest.raises(UsageError, match="video files or folders"):
        read_windows(["rtsp://somewhere/else"], SPEC)


def test_the_runtimes_clip_is_the_exports():
    spec = ClipSpec(16, 112, 96, 12.5, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), "BGR", "crop", 128)
    core = spec.core()
    assert (core.length, core.height, core.width, core.sample_fps) == (16, 112, 96, 12.5)
    assert core.color == "BGR" and core.short_side == 128 and core.resize == "crop"
    assert np.allclose(core.mean, spec.mean) and np.allclose(core.std, spec.std)
    flow = ClipSpec(flow={"bound": 12.0, "scale": 0.1}).core()
    assert flow.flow == pytest.approx((12.0, 0.1))
    assert isinstance(core, tubecam._core.ClipSpec)
