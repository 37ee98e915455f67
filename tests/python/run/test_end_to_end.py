"""From a rendered video to files on disk, compared with what is known about the video."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tubecam import Explainer, StreamError
from tubecam.bundle.packaged import find_bundle
from tubecam.cli import main as cli
from tubecam.cli.demo import compare
from videos import numbered, read_video, write_video

SIZE = (320, 180)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """What `tubecam demo` writes, at a size that renders quickly."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    size = f"{SIZE[0]}x{SIZE[1]}"
    assert cli.main(["demo", "-o", str(folder), "--size", size, "--fps", "15", "-q"]) == 0
    return folder


@pytest.fixture(scope="module")
def windows(demo) -> list[dict]:
    return [json.loads(line) for line in (demo / "demo.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def truth(demo) -> dict:
    return json.loads((demo / "demo-truth.json").read_text())


def test_everything_is_written(demo):
    names = {"demo-input.mp4", "demo-truth.json", "demo.mp4", "demo.jsonl", "demo.png"}
    assert {path.name for path in demo.iterdir()} == names


def test_the_answer_is_the_truth(windows, truth):
    score = compare(windows, truth)
    assert score.windows >= 30 and score.moving >= 25
    assert score.labels >= 0.95 * score.windows
    assert score.peaks >= 0.9 * score.moving
    assert score.centers <= 0.3 * score.moving  # else the peaks would prove nothing


def test_comparing_can_fail(windows, truth):
    """The same windows against a truth in which other things move."""
    acts = truth["segments"]
    labels = [act["label"] for act in acts]
    boxes = [act["boxes"] for act in acts]
    wrong = [
        {**act, "label": label, "boxes": moved}
        for act, label, moved in zip(acts, labels[1:] + labels[:1], boxes[2:] + boxes[:2])
    ]
    score = compare(windows, {**truth, "segments": wrong})
    assert score.labels < 0.2 * score.windows and score.peaks < 0.5 * score.moving


def test_heat_is_where_something_moves(demo, truth):
    """The picture changes inside the mover's box, and hardly elsewhere."""
    before, after = (read_video(demo / name).frames for name in ("demo-input.mp4", "demo.mp4"))
    assert len(before) == len(after) == 270
    act = next(act for act in truth["segments"] if act["label"] == "right")
    first = round(act["start"] * truth["fps"])
    middle = len(act["boxes"]) // 2
    x, y, width, height = act["boxes"][middle]
    change = np.abs(before[first + middle].astype(int) - after[first + middle]).mean(axis=2)
    inside = change[y : y + height, x : x + width].mean()
    outside = change[70:150, :120].mean()  # neither mover nor caption
    assert inside > 30 and outside < 6


def test_label_and_strip_are_drawn(demo):
    """Bright words at the left of the first rows, a bright curve across the last ones."""
    before, after = (read_video(demo / name).frames[135] for name in ("demo-input.mp4", "demo.mp4"))
    change = np.abs(before.astype(int) - after).mean(axis=2)
    assert (change[4:20, 4:60] > 60).mean() > 0.1
    assert (change[-20:-4, 8:-8].max(axis=0) > 60).mean() > 0.8


def test_python_sees_the_same_windows(demo, windows):
    with Explainer(find_bundle(), hop=3) as explainer:
        explanations = list(explainer.explain_video(demo / "demo-input.mp4"))
    assert len(explanations) == len(windows)
    for explanation, window in zip(explanations, windows):
        mine = explanation.to_dict()
        assert mine["times"] == window["times"] and mine["label"] == window["label"]
        np.testing.assert_allclose(mine["curve"], window["curve"], rtol=1e-3, atol=1e-3)
        assert mine.keys() == window.keys()


def test_closing_the_generator_ends_decoding(demo, motion_bundle):
    with Explainer(motion_bundle) as explainer:
        stream = explainer.explain_video(demo / "demo-input.mp4")
        assert next(stream).number == 0
        stream.close()
        again = explainer.explain_video(demo / "demo-input.mp4")
        assert next(again).times[0] == pytest.approx(0, abs=1e-6)
        again.close()


def test_python_hears_of_bad_videos(tmp_path, motion_bundle):
    short = write_video(tmp_path / "short.mp4", numbered(8), [i / 30 for i in range(8)])
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    with Explainer(motion_bundle) as explainer:
        with pytest.raises(StreamError, match="too short"):
            list(explainer.explain_video(short, pad="none"))
        (padded,) = explainer.explain_video(short)
        assert "padded" in [mark.key for mark in padded.marks]
        with pytest.raises(StreamError, match="not a video"):
            list(explainer.explain_video(tmp_path / "text.mp4"))
        with pytest.raises(StreamError, match="no file"):
            list(explainer.explain_video(tmp_path / "none.mp4"))


def test_test_scene(tmp_path):
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    arguments = ["-o", str(out), "--jsonl", str(jsonl), "--duration", "1.1", "-q"]
    assert cli.main(["run", "test", *arguments]) == 0
    assert len(read_video(out).frames) == 33
    assert len(jsonl.read_text().splitlines()) == 1


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as sheet:
        return np.asarray(sheet.convert("RGB")).astype(int)


def test_contact_sheet(demo, tmp_path):
    """Beside the sheet of a run in which nothing is hot enough to be drawn."""
    hot, cold = demo / "demo.png", tmp_path / "cold.png"
    arguments = [demo / "demo-input.mp4", "--sheet", cold, "--hop", "3", "--threshold", "1", "-q"]
    assert cli.main(["run", *map(str, arguments)]) == 0
    hot, cold = pixels_of(hot), pixels_of(cold)
    assert hot.shape[1] == 1720 and hot.shape[0] > 1500 and hot.shape == cold.shape
    assert (np.abs(hot - cold).max(axis=2) > 40).mean() > 0.03
