"""`tubecam run` on videos of every kind, good and bad."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tubecam.cli import main as cli
from videos import JPEG, Gst, number_of, numbered, read_sound, read_video, write_video

FPS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def video(folder) -> Path:
    """Two seconds at 30 frames a second, with sound."""
    times = [i / FPS for i in range(60)]
    sound = "audiotestsrc num-buffers=86 ! avenc_aac"
    return write_video(folder / "plain.mp4", numbered(60), times, audio=sound)


def run(*arguments) -> int:
    return cli.main(["run", *map(str, arguments)])


def lines(path: Path) -> list[dict]:
    def refuse(name: str):
        raise AssertionError(f"{name} is no JSON")

    text = path.read_text(encoding="utf-8")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def assert_same_frames(out: Path, count: int, times: list[float] | None = None) -> None:
    decoded = read_video(out)
    assert [number_of(frame) for frame in decoded.frames] == list(range(count))
    if times is not None:
        shown = np.array(decoded.times) - decoded.times[0]
        np.testing.assert_allclose(shown, np.array(times) - times[0], atol=1e-3)


# ---- good input ----


def test_frames_and_sound_are_kept(video, tmp_path):
    out = tmp_path / "out.mp4"
    assert run(video, "-o", out, "--no-overlay", "-q") == 0
    assert_same_frames(out, 60, [i / FPS for i in range(60)])
    assert read_sound(out) == pytest.approx(read_sound(video), abs=0.03)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_other_sound_is_encoded_anew(folder, tmp_path):
    times = [i / FPS for i in range(45)]
    sound = "audiotestsrc num-buffers=64 ! audio/x-raw,rate=44100 ! lamemp3enc ! mpegaudioparse"
    if Gst.ElementFactory.find("lamemp3enc") is None:
        sound = "audiotestsrc num-buffers=64 ! audio/x-raw,rate=44100"
    source = write_video(folder / "pcm.avi", numbered(45), times, encoder=JPEG, audio=sound)
    for name, kind in (("out.mkv", "audio/mpeg"), ("out.webm", "audio/x-opus")):
        assert run(source, "-o", tmp_path / name, "--no-overlay", "-q") == 0
        ((sound_out, end),) = read_sound(tmp_path / name).items()
        assert sound_out.startswith(kind) and end == pytest.approx(1.45, abs=0.15)
        assert_same_frames(tmp_path / name, 45)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_containers(video, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    assert run(video, "-o", out, "-q") == 0
    assert len(read_video(out).frames) == 60


@pytest.mark.parametrize("size", [(161, 120), (160, 121), (161, 121), (121, 211)])
def test_odd_sizes(folder, tmp_path, size):
    times = [i / FPS for i in range(40)]
    source = write_video(folder / "odd.mkv", numbered(40, size), times, encoder=JPEG)
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    assert run(source, "-o", out, "--jsonl", jsonl, "--no-overlay", "-q") == 0
    decoded = read_video(out)
    assert decoded.frames[0].shape == (size[1] // 2 * 2, size[0] // 2 * 2, 3)
    assert [number_of(frame) for frame in decoded.frames] == list(range(40))
    assert lines(jsonl)


@pytest.mark.parametrize("fps", [10, 60])
def test_frame_rates(folder, tmp_path, fps):
    """Windows follow time, not frame numbers: 2.4 s hold the same windows at any rate."""
    times = [i / fps for i in range(round(2.4 * fps))]
    frames = numbered(len(times))
    source = write_video(folder / f"{fps}.mp4", frames, times, fps=f"{fps}/1")
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    assert run(source, "-o", out, "--jsonl", jsonl, "--no-overlay", "-q") == 0
    assert_same_frames(out, len(times), times)
    starts = [window["start"] for window in lines(jsonl)]
    np.testing.assert_allclose(starts, np.arange(len(starts)) * 4 / 15, atol=1.01 / fps)
    assert len(starts) == 6


def test_variable_frame_rate_is_kept(folder, tmp_path):
    times = list(np.cumsum([0.0] + [0.02, 0.05, 0.033, 0.09] * 12))
    source = write_video(folder / "vfr.mkv", numbered(len(times)), times, fps="0/1")
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    assert run(source, "-o", out, "--jsonl", jsonl, "--no-overlay", "-q") == 0
    assert_same_frames(out, len(times), times)
    for window in lines(jsonl):
        assert min(abs(window["start"] - t) for t in times) < 2e-3


def test_portrait_and_turned(video, folder, tmp_path):
    """A phone's video: stored lying, with the word in its header that it stands."""
    data = bytearray(video.read_bytes())
    matrix = data.index(b"tkhd", data.index(b"trak")) + 44
    quarter = 0, 1 << 16, 0, -(1 << 16), 0, 0, 120 << 16, 0, 1 << 30
    data[matrix : matrix + 36] = struct.pack(">9i", *quarter)
    source, out = folder / "turned.mp4", tmp_path / "out.mp4"
    source.write_bytes(data)
    assert run(source, "-o", out, "--no-overlay", "-q") == 0
    decoded = read_video(out)
    assert decoded.frames[0].shape == (160, 120, 3)
    numbers = [number_of(np.rot90(frame)) for frame in decoded.frames]
    assert numbers == list(range(60))


def test_duration(video, tmp_path):
    out = tmp_path / "out.mp4"
    assert run(video, "-o", out, "--duration", "1", "--no-overlay", "-q") == 0
    assert_same_frames(out, 30)
    assert max(read_sound(out).values()) < 1.1


def test_default_output(video, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(video) == 0
    assert (tmp_path / "plain.tubecam.mp4").is_file()
    assert "60 frames" in capsys.readouterr().err


def test_overlay_changes_the_picture(video, tmp_path):
    assert run(video, "-o", tmp_path / "on.mp4", "-q") == 0
    assert run(video, "-o", tmp_path / "off.mp4", "--no-overlay", "-q") == 0
    on, off = (np.stack(read_video(tmp_path / f"{n}.mp4").frames) for n in ("on", "off"))
    assert np.abs(on.astype(int) - off).mean() > 1


# ---- JSON lines ----

KEYS = {
    "window", "start", "end", "times", "label", "score", "top5", "target", "method", "curve",
    "peak", "boxes", "timings_ms", "receipt", "signal", "motion", "marks", "sampling", "head",
}  # fmt: skip


def test_json_lines(video, tmp_path):
    path = tmp_path / "out.jsonl"
    assert run(video, "--jsonl", path, "--method", "layercam", "--target", "left", "-q") == 0
    windows = lines(path)
    assert [window["window"] for window in windows] == list(range(len(windows))) != []
    for window in windows:
        assert window.keys() == KEYS
        assert len(window["times"]) == len(window["curve"]) == 16
        assert window["start"] == window["times"][0] < window["times"][-1] == window["end"]
        scores = [entry["score"] for entry in window["top5"]]
        assert scores == sorted(scores, reverse=True) and len(scores) == 5
        assert window["top5"][0] == {"label": window["label"], "score": window["score"]}
        assert window["target"] == "left" and window["method"] == "layercam"
        assert 0 <= window["peak"]["x"] <= 1 and 0 <= window["peak"]["y"] <= 1
        assert window["start"] <= window["peak"]["time"] <= window["end"]
        assert window["timings_ms"].keys() == {"preprocess", "engine", "explain"}
        assert window["receipt"]["bundle"] == "motion"
        for box in window["boxes"]:
            assert box["x"] + box["width"] <= 1.0001 and box["y"] + box["height"] <= 1.0001
    times = [sample["time"] for window in windows for sample in window["signal"]]
    assert times == sorted(set(times)) and times[0] == windows[0]["start"]
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 1 / 15), abs=1e-5)


def test_json_lines_to_the_terminal(video, capsys):
    assert run(video, "--jsonl", "-", "-q") == 0
    assert all(json.loads(line)["label"] for line in capsys.readouterr().out.splitlines())


def test_target_by_number_is_the_target_by_name(video, tmp_path):
    for name, target in (("a", "right"), ("b", "1")):
        assert run(video, "--jsonl", tmp_path / name, "--target", target, "-q") == 0
    by_name, by_number = lines(tmp_path / "a"), lines(tmp_path / "b")
    assert [w["curve"] for w in by_name] == [w["curve"] for w in by_number]


# ---- bad input ----


def complaint(capsys, *arguments) -> str:
    """What is said about a run that fails."""
    assert run(*arguments, "--no-overlay", "-q") == 1
    return capsys.readouterr().err


def test_missing_file(tmp_path, capsys):
    assert "there is no file" in complaint(capsys, tmp_path / "none.mp4", "-o", tmp_path / "o.mp4")


def test_folder_as_input(tmp_path, capsys):
    assert "not a file" in complaint(capsys, tmp_path, "-o", tmp_path / "o.mp4")


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"not a video, but a text that pretends\n" * 20, "is not a video"),
        ("noise.mp4", np.random.default_rng(1).bytes(5000), "is not a video"),
    ],
)
def test_not_a_video(tmp_path, capsys, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in complaint(capsys, tmp_path / name, "-o", tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_sound_only(tmp_path, capsys):
    source = tmp_path / "sound.mp4"
    launch = f"audiotestsrc num-buffers=50 ! avenc_aac ! mp4mux ! filesink location={source}"
    pipeline = Gst.parse_launch(launch)
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_bus().timed_pop_filtered(20 * Gst.SECOND, Gst.MessageType.EOS)
    pipeline.set_state(Gst.State.NULL)
    assert "has no video" in complaint(capsys, source, "-o", tmp_path / "out.mp4")
    assert "has no video" in complaint(capsys, source, "--jsonl", tmp_path / "out.jsonl")


def test_no_frames(video, tmp_path, capsys):
    """A whole header with nothing behind it."""
    data = video.read_bytes()
    source = tmp_path / "headless.mp4"
    start = data.index(b"mdat") + 4
    end = data.index(b"moov", start) - 4
    source.write_bytes(data[:start] + bytes(end - start) + data[end:])
    out = tmp_path / "out.mp4"
    assert run(source, "-o", out, "-q") == 1
    assert "headless.mp4" in capsys.readouterr().err
