"""Videos shorter than a window: what fills it up is told alike wherever it is shown."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import parts
import tiny_bundle
import tubecam
from tubecam._core import full_curve
from tubecam.cli import main as cli
from tubecam.drawing.heat import evidence_of
from tubecam.drawing.overlay import CaptionPainter
from tubecam.figures.contact_sheet import SheetInfo, draw_sheet
from tubecam.figures.key_frames import Gallery
from tubecam.figures.method_sheet import draw_comparison, explain_moment, strongest_moment
from tubecam.figures.page import header
from tubecam.figures.tube_picture import heated
from tubecam.video.source import parse_source
from tubecam.windows.sampling import Sampling
from tubecam.windows.window_record import WindowRecord
from window_records import STEP, picture, record

SHOWN, SLICES = 6, 16


def padded(padding: str, cell: int):
    """A window of six slices that fill 16, relevance in one of four cells in time and before it."""
    window = record(0, at=(cell, 2, 3))
    window.tube[cell - 1, 2, 3] = 0.3
    slots = np.arange(SLICES)
    if padding == "last":
        slots = np.minimum(slots, SHOWN - 1)
    pts = np.round(slots * STEP * 1e9).astype(np.int64)
    curve = np.interp(np.arange(SLICES), 1.5 + 4 * np.arange(4), window.tube.sum(axis=(1, 2)))
    peak = int(pts[int(1.5 + 4 * cell)])
    if padding == "loop":
        peak %= int(pts[SHOWN])
    return dataclasses.replace(
        window, pts=pts, curve=curve.astype(np.float32), peak_pts=peak,
        sampling=Sampling(15, 15, padding, SLICES - SHOWN),
    )  # fmt: skip


def gallery_of(window, slots=range(SHOWN)) -> Gallery:
    gallery = Gallery()
    for slot in slots:
        gallery.add_picture(round(slot * STEP * 1e9), picture(shade=40 + 10 * slot))
    gallery.add_window(window)
    gallery.finish()
    return gallery


def heat_of(gallery: Gallery, shot) -> float:
    drawn = np.asarray(heated(shot, gallery.scale(), SheetInfo("a").style)).astype(int)
    return float(np.abs(drawn - shot.picture).mean())


@pytest.mark.parametrize("slots", [range(SHOWN), [0, 1, 2, 3, 4, 6]])
def test_a_last_frame_that_is_repeated_shows_its_heat(slots):
    """It stands for all slices that repeat it, whichever of its pictures the sheet has."""
    gallery = gallery_of(padded("last", 3), slots)
    (key,) = gallery.key_shots(1)
    assert key.time >= 4 * STEP - 1e-6 and heat_of(gallery, key) > 1
    assert heat_of(gallery, gallery.stack[-1]) > 1
    assert heat_of(gallery, gallery.stack[0]) == 0


@pytest.mark.parametrize("cell", [1, 2])
def test_a_video_that_plays_again_shows_its_first_time(cell):
    """Heat of the second time would lie on pictures beside which it does not stand in the video."""
    gallery = gallery_of(padded("loop", cell))
    (key,) = gallery.key_shots(1)
    assert key.time == pytest.approx((SHOWN - 1) * STEP) and heat_of(gallery, key) > 0
    assert max(shot.time for shot in gallery.stack) == pytest.approx((SHOWN - 1) * STEP)
    times = [shot.pts for shot in gallery.stack]
    assert times == sorted(times) and times[-1] <= (SHOWN - 1) * STEP * 1e9 + 1
    assert gallery.timeline.points()[-1][0] == pytest.approx((SHOWN - 1) * STEP)
    draw_sheet(gallery, SheetInfo("short.mp4"))


# ---- videos ----


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A bundle of 8 slices at 10 a second, and a video of 0.3 s, 30 frames a second."""
    parts.require("plugin")
    from videos import numbered, write_video

    folder = tmp_path_factory.mktemp("short")
    video = write_video(folder / "short.mp4", numbered(10), [i / 30 for i in range(10)])
    return tiny_bundle.write(folder / "bundle"), video


WAYS = [
    (["--pad", "last"], {"pad": "last"}, "4 of 8 slices repeat the last frame"),
    (["--pad", "loop"], {"pad": "loop"}, "4 of 8 slices play the clip again"),
    (["--sampling", "uniform"], {"sampling": "uniform"}, "23.3 slices a second, not 10"),
]


@pytest.mark.parametrize(("arguments", "options", "words"), WAYS)
def test_python_and_the_command_tell_the_same(short, tmp_path, arguments, options, words):
    bundle, video = short
    lines = tmp_path / "a.jsonl"
    command = ["run", str(video), "--bundle", str(bundle), "--jsonl", str(lines), *arguments]
    assert cli.main([*command, "--sheet", str(tmp_path / "a.png")]) == 0
    (told,) = [json.loads(line) for line in lines.read_text().splitlines()]
    with tubecam.Explainer(bundle) as explainer:
        (found,) = explainer.explain_video(video, **options)
    assert words in [mark["text"] for mark in told["marks"]]
    assert told["marks"] == [mark._asdict() for mark in found.marks]
    assert told["sampling"] == pytest.approx(found.to_dict()["sampling"])
    assert told["times"] == found.times.round(6).tolist()
    np.testing.assert_allclose(told["curve"], found.curve, rtol=1e-4, atol=1e-6)
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_without_padding_it_is_refused(short, capsys):
    bundle, video = short
    with tubecam.Explainer(bundle) as explainer:
        with pytest.raises(tubecam.StreamError, match="too short: one window takes 0.80 s"):
            list(explainer.explain_video(video, pad="none"))
        with pytest.raises(tubecam.UsageError, match="choose one of none, last, loop"):
            list(explainer.explain_video(video, pad="mirror"))


@pytest.mark.parametrize(
    ("pad", "words"),
    [("last", "slices repeat the last frame"), ("loop", "slices play the clip again")],
)
def test_a_sheet_of_methods_tells_what_fills_its_window(short, pad, words):
    bundle, video = short
    with tubecam.Explainer(bundle) as explainer:
        moment = strongest_moment(explainer, parse_source(str(video)), pad=pad)
        shown = next(explain_moment(explainer, moment, ["gradcam"]))
    (note,) = moment.notes
    assert note.endswith(words) and len(moment.pictures) == len(moment.times) == tiny_bundle.LENGTH
    told = draw_comparison(moment, [shown])
    silent = draw_comparison(dataclasses.replace(moment, notes=()), [shown])
    line = header("", [], ["a"]).height - header("", []).height
    assert told.height == silent.height + line > silent.height


def test_the_strip_of_a_filled_window_is_its_own_curve(tmp_path):
    """Slices that repeat a frame have one time and relevance each."""
    parts.require("plugin")
    from pipelines import play

    played = play(
        "videotestsrc num-buffers=5 pattern=ball ! "
        "video/x-raw,format=RGB,width=640,height=240,framerate=10/1 ! "
        f"tubecam name=t bundle={tiny_bundle.write(tmp_path / 'b')} padding=last align=delayed ! "
        "tubeoverlay name=o show-heat=false show-label=false ! fakesink",
        probed=("t", "o"), pixels=("t", "o"),
    )  # fmt: skip
    window = WindowRecord.from_fields(
        played.windows["t"][-1], [f"class {i}" for i in range(tiny_bundle.CLASSES)]
    )
    assert window.sampling.padded == 3 and len(set(window.curve[4:])) > 1  # slices of one time
    below, drawn = (played.pixels[n][-1].reshape(240, 640, 3) for n in ("t", "o"))
    full = full_curve(evidence_of(window), float(window.curve.max()))
    strip = np.clip(window.curve / full, 0, 1).tolist()

    def with_mark(slot: int) -> np.ndarray:
        canvas = below.copy()
        CaptionPainter().draw(canvas, strip=strip, strip_now=1.0, key_frames=[slot])
        return canvas

    assert any(np.array_equal(with_mark(slot), drawn) for slot in range(tiny_bundle.LENGTH))
