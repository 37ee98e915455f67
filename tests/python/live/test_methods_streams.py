"""Methods of several passes, motion in the picture, and budgets: elements and commands."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import parts
import tiny_bundle
import tubecam
from tubecam.cli import main as cli
from tubecam.errors import StreamError

gst = parts.require("plugin")

from pipelines import play  # noqa: E402
from videos import numbered, read_video, write_video  # noqa: E402

BALL = (
    "videotestsrc num-buffers=60 pattern=ball ! "
    "video/x-raw,format=RGB,framerate=30/1,width=64,height=48"
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """8 slices at 10 a second, 5 classes, 4×4×4 cells."""
    return tiny_bundle.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """The rendered scene's first seconds."""
    from tubecam.video.source import TEST_FPS, test_pictures

    frames, times = [], []
    for pts, picture in test_pictures(4.0):
        frames.append(picture)
        times.append(pts / 1e9)
    path = tmp_path_factory.mktemp("scene") / "scene.mp4"
    assert TEST_FPS == 30
    return write_video(path, frames, times)


# ---- elements ----


def test_the_elements_split_motion(bundle):
    line = f"{BALL} ! tubecam name=t bundle={bundle} method=motion-split frozen-slice=2 ! fakesink"
    windows = play(line).windows["t"]
    assert len(windows) > 3
    for fields in windows:
        assert fields["method"] == "motion-split" and fields["motion-by"] == "split"
        assert fields["motion"].shape == fields["tube"].shape == (4, 4, 4)
        assert fields["motion"].min() >= 0 and fields["motion"].max() <= 1
        assert fields["passes"] == 2
        assert 0 <= fields["motion-share"] <= 1 or not fields["tube"].any()


def test_the_elements_and_python_agree(bundle):
    """The same clip, the same options, the same numbers."""
    line = f"{BALL} ! tubecam name=t bundle={bundle} method=motion-split-exact sigma=2 ! fakesink"
    fields = play(line).windows["t"][0]
    with tubecam.Explainer(bundle, method="motion-split-exact") as explainer:
        frames = [
            np.frombuffer(p, np.uint8).reshape(48, 64, 3)
            for p in play(f"{BALL} ! identity name=t ! fakesink", pixels=("t",)).pixels["t"]
        ]
        found = next(
            f for f in (explainer.push(p, i / 30) for i, p in enumerate(frames)) if f is not None
        )
    np.testing.assert_allclose(fields["motion"], found.motion, atol=1e-6)
    assert fields["motion-share"] == pytest.approx(found.motion_share, nan_ok=True)


def test_other_methods_say_what_they_estimate(bundle):
    fields = play(f"{BALL} ! tubecam name=t bundle={bundle} ! fakesink").windows["t"][0]
    assert fields["motion-by"] == "selective" and "motion" not in fields
    assert math.isnan(fields["baseline-logit"]) and fields["passes"] == 1


def test_an_option_out_of_range_stops_the_pipeline_with_a_sentence(bundle):
    line = f"{BALL} ! tubecam name=t bundle={bundle} method=motion-split frozen-slice=8 ! fakesink"
    with pytest.raises((AssertionError, StreamError), match="frozen slice must be"):
        play(line)


def test_a_budget_that_cannot_be_kept_is_told(bundle):
    line = (
        f"{BALL} ! tubecam name=t bundle={bundle} method=motion-split-exact budget-ms=0.001"
        " late-windows=wait hop=1 ! tubeoverlay ! fakesink"
    )
    windows = play(line).windows["t"]
    asked = [w["method"] for w in windows]
    assert asked[0] == "motion-split-exact" and asked[-1] == "gradcam"
    assert all(("downgraded-from" in w) == (w["method"] == "gradcam") for w in windows)
    assert windows[-1]["downgraded-from"] == "motion-split-exact"


def test_hue_tells_motion_and_heat_can_be_had_back(motion_bundle, scene):
    def shown(show: str) -> np.ndarray:
        line = (
            f"filesrc location={scene} ! decodebin ! videoconvert ! video/x-raw,format=RGB ! "
            f"tubecam bundle={motion_bundle} method=motion-split align=delayed ! "
            f"tubeoverlay name=o show={show} show-label=false show-strip=false ! fakesink"
        )
        drawn = play(line, probed=(), pixels=("o",)).pixels["o"]
        return np.stack([np.frombuffer(p, np.uint8) for p in drawn[::8]]).astype(np.int16)

    auto, motion, heat = shown("auto"), shown("motion"), shown("heat")
    np.testing.assert_array_equal(auto, motion)
    assert np.abs(auto - heat).mean() > 0.2


# ---- commands ----


def test_run_writes_the_share_of_motion(motion_bundle, scene, tmp_path, capsys):
    path = tmp_path / "out.jsonl"
    arguments = ["--bundle", motion_bundle, "--method", "motion-split", "--frozen-slice", "4"]
    outputs = ["--jsonl", path, "-o", tmp_path / "o.mp4", "--show", "motion", "-q"]
    assert cli.main(["run", str(scene), *map(str, (*arguments, *outputs))]) == 0
    windows = [json.loads(line) for line in path.read_text().splitlines()]
    assert windows and all(w["motion"]["by"] == "split" for w in windows)
    moving = [w["motion"]["share"] for w in windows if w["label"] not in ("still",)]
    assert np.median(moving) > 0.7
    assert len(read_video(tmp_path / "o.mp4").frames) == 120


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--steps", "0", "is not a whole number from 1"),
        ("--noise", "-1", "is not a number, 0 or more"),
        ("--baseline", "grey", "invalid choice"),
    ],
)
def test_run_refuses_options_that_no_model_takes(scene, capsys, option, value, words):
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", str(scene), option, value])
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_run_refuses_a_slice_that_the_model_has_not(scene, capsys):
    assert cli.main(["run", str(scene), "--frozen-slice", "16"]) == 2
    assert "slices 0 to 15" in capsys.readouterr().err


def test_all_methods_on_one_picture(motion_bundle, scene, tmp_path, capsys):
    from PIL import Image

    path = tmp_path / "sheet.png"
    assert cli.main(["methods", str(scene), "--bundle", str(motion_bundle), "-o", str(path)]) == 0
    rows = len(tubecam.load_bundle(motion_bundle).methods)
    assert f"{rows} methods on" in capsys.readouterr().err
    picture = np.asarray(Image.open(path)).astype(int)
    assert picture.shape[0] > 100 * rows
    two = tmp_path / "two.jpg"
    chosen = ["--method", "gradcam,motion-split", "--at", "2.0"]
    assert cli.main(["methods", str(scene), *chosen, "-o", str(two)]) == 0
    assert picture.shape[0] - np.asarray(Image.open(two)).shape[0] > 100 * (rows - 2)


@pytest.mark.parametrize(
    ("status", "arguments", "words"),
    [
        (2, ["-o", "sheet.gif"], "must end in .png or .jpg"),
        (5, ["-o", "nowhere/sheet.png"], "there is no folder nowhere"),
        (2, ["-o", "s.png", "--method", "lrp"], "offers gradcam"),
        (1, ["-o", "s.png", "--at", "99"], "has no window that ends at 99 s or after"),
    ],
)
def test_methods_refuses(scene, tmp_path, monkeypatch, capsys, status, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["methods", str(scene), *arguments]) == status
    assert words in capsys.readouterr().err


def test_a_video_shorter_than_a_window(tmp_path, capsys):
    video = write_video(tmp_path / "short.mp4", numbered(5), [i / 30 for i in range(5)])
    command = ["methods", str(video), "-o", str(tmp_path / "s.png"), "--method", "gradcam"]
    assert cli.main([*command, "--pad", "none"]) == 1
    assert "is too short: one window takes" in capsys.readouterr().err
    assert not (tmp_path / "s.png").exists()
    assert cli.main(command) == 0
