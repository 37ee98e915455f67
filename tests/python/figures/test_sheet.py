"""The contact sheet and what it gathers, without a pipeline."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tubecam.drawing import overlay
from tubecam.drawing.heat import HeatStyle, color_bars, describe_scale, heat_opacity, paint_heat
from tubecam.errors import StreamError
from tubecam.figures.contact_sheet import (
    SheetInfo,
    draw_sheet,
    tube_caption,
    why_empty,
    write_sheet,
)
from tubecam.figures.key_frames import Gallery, Timeline
from tubecam.figures.page import clock, font, header, readable_on, wrap
from tubecam.windows.window_record import WindowRecord
from window_records import STEP, fused, gallery_of, picture, record


def test_heat_lies_on_its_cell():
    window = record(0, at=(1, 2, 3))
    painted = paint_heat(picture((128, 96)), window, int(window.pts[5]), 1.0, HeatStyle())
    change = np.abs(painted.astype(int) - picture((128, 96))).sum(axis=2)
    y, x = np.unravel_index(change.argmax(), change.shape)
    assert abs(y - (7.5 + 16 * 2)) <= 8 and abs(x - (7.5 + 16 * 3)) <= 8
    assert change[:16].max() == 0 and change[:, 96:].max() == 0


def test_heat_follows_its_time():
    window = record(0, at=(1, 2, 3))
    strength = [heat_opacity((96, 128), window, int(pts), 3.0).max() for pts in window.pts]
    assert np.argmax(strength) in (5, 6) and strength[15] == 0


def test_heat_leaves_the_picture_alone():
    original = picture()
    window = record(0)
    paint_heat(original, window, int(window.pts[5]), 1.0, HeatStyle())
    assert (original == picture()).all()


def test_a_stretch_of_each_label_has_a_key_frame():
    labels = ["left"] * 6 + ["up"] * 6 + ["right"] * 6
    gallery = gallery_of(18, labels.__getitem__)
    assert [shot.window.label for shot in gallery.key_shots(3)] == ["left", "up", "right"]


def test_key_frames_are_the_strongest_and_in_order():
    gallery = gallery_of(20, peak_of=lambda n: 5.0 if n == 11 else 1.0)
    shots = gallery.key_shots(4)
    assert [s.time for s in shots] == sorted(s.time for s in shots) and len(shots) == 4
    assert max(shots, key=lambda s: s.window.peak_value).window.number == 11
    assert gallery.stack[0].window.number == 11


def test_the_tube_shows_its_own_window():
    gallery = gallery_of(12, peak_of=lambda n: float(n == 7) + 0.1)
    times = [shot.time for shot in gallery.stack]
    window = gallery.stack[0].window
    assert window.number == 7 and times == sorted(times) and len(times) > 5
    assert times[0] == pytest.approx(window.times[0], abs=STEP / 2)
    assert times[-1] == pytest.approx(window.times[-1], abs=STEP / 2)


def test_the_tube_tells_its_grid_and_what_a_cell_sees():
    gallery = gallery_of(1)
    grid = "the strongest window, 0.0 s to 1.0 s; 4×6×8 cells in time, height and width"
    assert tube_caption(gallery) == f"{grid}; left, 90 %"
    for field, words in (
        ([16, 96, 128], "the whole clip"),
        ([9, 31, 47], "9 slices of 47×31 pixels"),
    ):
        window = dataclasses.replace(record(0), receipt={"receptive_field": field})
        gallery.stack = [dataclasses.replace(shot, window=window) for shot in gallery.stack]
        assert tube_caption(gallery) == f"{grid}, each of which sees {words}; left, 90 %"


def test_memory_is_bounded():
    """Hours of video keep no more pictures than minutes do."""
    gallery = Gallery()
    shade = picture((8, 8))
    for window in fused(record(number, label=str(number // 50 % 7)) for number in range(6000)):
        gallery.add_picture(round((window.number * 4 + 15) * STEP * 1e9), shade)
        gallery.add_window(window)
    gallery.finish()
    assert len(gallery._spans) <= 48 and len(gallery._recent) <= 96
    assert len(gallery.timeline.bins) <= 2048
    assert len(gallery.key_shots(8)) == 8
    points = gallery.timeline.points()
    assert points[0][0] < 5 and points[-1][0] > 1590
    assert all(value == pytest.approx(1.0) for _, value, _ in points)


def test_timeline_means_what_falls_into_a_bin():
    timeline = Timeline(STEP)
    pts = np.round(np.arange(4) * STEP * 1e9).astype(np.int64)
    timeline.add_relevance(pts, np.array([1, 2, 3, 4], np.float32))
    timeline.add_relevance(pts[:2], np.array([3, 2], np.float32))
    assert timeline.points() == []  # no label yet
    timeline.add_label(record(0))
    values = [value for _, value, _ in timeline.points()]
    assert values == pytest.approx([2, 2, 3, 4])


def test_a_gallery_fuses_overlapping_windows():
    gallery = Gallery()
    for window in fused((record(0, peak=1.0), record(1, peak=3.0))):
        gallery.add_picture(window.number, picture())
        gallery.add_window(window)
    gallery.finish()
    times, values, _ = zip(*gallery.timeline.points())
    assert len(times) == 20
    assert values[:4] == pytest.approx([1.0] * 4)
    assert values[-4:] == pytest.approx([3.0] * 4)
    assert list(values) == sorted(values)  # in between one fades into the other


def test_invalid_windows_do_not_show():
    gallery = Gallery()
    gallery.add_picture(0, picture())
    gallery.add_window(dataclasses.replace(record(0), valid=False))
    gallery.finish()
    assert not gallery.stack and gallery.timeline is None


@pytest.mark.parametrize(
    "size, count", [((320, 180), 30), ((180, 320), 30), ((480, 160), 1), ((17, 13), 3)]
)
def test_sheets_of_every_shape(size, count):
    labels = ["left", "a label that is far too long for the place that it is given", "ä→🎬"]
    gallery = gallery_of(count, lambda n: labels[n // 4 % 3], lambda n: 0.1 + n % 5, size)
    drawn = draw_sheet(gallery, SheetInfo("a name " * 30, ["fact"] * 20))
    assert drawn.width == 1720 and 800 < drawn.height < 4000


def test_sheet_of_a_video_without_windows(tmp_path):
    path = tmp_path / "sheet.png"
    write_sheet(path, Gallery(), SheetInfo("short.mp4"))
    assert path.stat().st_size > 1000


def test_zero_relevance_has_a_sheet():
    gallery = gallery_of(4, peak_of=lambda n: 0.0)
    assert draw_sheet(gallery, SheetInfo("dark.mp4")).height > 800


def test_the_legend_says_what_full_colour_is():
    window = dataclasses.replace(record(0), receipt={"logit": 3.2})
    assert describe_scale(0.16, HeatStyle(), window) == "full colour: 0.16 logits (5.0 % of 3.2)"
    fixed = HeatStyle(scale=0.16)
    words = "full colour of a cell: 0.16 logits (5.0 % of 3.2), fixed"
    assert describe_scale(0.16, fixed, window, " of a cell") == words
    shares = dataclasses.replace(window, receipt={"logit": 3.2, "unit": "share"})
    assert describe_scale(0.1, HeatStyle(), shares) == "full colour: 19 times an even share"


def strength(window: WindowRecord, scale: float | None = None) -> float:
    """How far the sheet's heat changes the window's picture at its peak."""
    gallery = Gallery()
    for slot in range(16):
        gallery.add_picture(round(slot * STEP * 1e9), picture())
    gallery.add_window(window)
    scale = scale or gallery.scale()
    painted = paint_heat(picture(), window, int(window.pts[5]), scale, HeatStyle())
    return float(np.abs(painted.astype(int) - picture()).mean())


def test_weak_evidence_looks_weak():
    """The same place and the same shape; what differs is what the model made of it."""
    whole = dataclasses.replace(record(0, peak=3.0), receipt={"logit": 3.0})
    part = dataclasses.replace(record(0, peak=0.02), receipt={"logit": 3.0})
    little = dataclasses.replace(record(0, peak=0.01), receipt={"logit": 0.01})
    assert 0 < strength(part) < 0.25 * strength(whole)
    assert 0 < strength(little) < 0.25 * strength(whole)
    flat = dataclasses.replace(whole, tube=np.full((4, 6, 8), 3.0 / 192, np.float32))
    opacity = heat_opacity((90, 120), flat, int(flat.pts[5]), 3 * 3.0 / 192).max()
    assert 0 < opacity < 0.7  # of a whole picture


def test_a_fixed_scale_is_the_same_for_all_sheets():
    weak, strong = record(0, peak=0.2), record(0, peak=0.5)
    assert strength(weak, scale=0.5) < 0.7 * strength(strong, scale=0.5)
    assert strength(record(0, peak=0.05), scale=0.5) == 0
    assert strength(weak) == strength(strong)  # each by its own


def blank_share(drawn) -> float:
    """The greatest share of blank columns in the rows of the key frames."""
    rows = np.asarray(drawn.convert("L"))[250:400, 56:-56]
    return float((rows.min(axis=0) > 250).mean())


@pytest.mark.parametrize("windows", [1, 2, 3])
def test_few_windows_fill_their_page(windows):
    drawn = draw_sheet(gallery_of(windows, size=(320, 180)), SheetInfo("short.mp4"))
    assert blank_share(drawn) < 0.1


def test_few_cells_in_time_are_steps():
    """One window of two cells, of which one has a third of the other."""
    window = record(0)
    tube = np.zeros((2, 6, 8), np.float32)
    tube[:, 2, 3] = 1, 3
    window = dataclasses.replace(window, tube=tube, stride=(8, 16, 16), offset=(3.5, 7.5, 7.5))
    gallery = Gallery()
    gallery.add_picture(0, picture())
    gallery.add_window(window)
    gallery.finish()
    assert [value for _, value, _ in gallery.timeline.points()] == [1] * 8 + [3] * 8
    draw_sheet(gallery, SheetInfo("two.mp4"))  # which finishes it again
    assert [value for _, value, _ in gallery.timeline.points()] == [1] * 8 + [3] * 8


def test_what_is_even_in_time_is_no_peak():
    gallery = gallery_of(3)
    even = dataclasses.replace(
        record(0), tube=np.full((4, 6, 8), 4 / 192, np.float32), receipt={"logit": 4.0},
        curve=np.ones(16, np.float32),
    )  # fmt: skip
    gallery = Gallery()
    gallery.add_picture(0, picture())
    gallery.add_window(even)
    assert gallery.full_curve() == pytest.approx(2)


def test_an_empty_sheet_says_why():
    gallery, info = Gallery(), SheetInfo("short.mp4", window_seconds=1.0667)
    assert why_empty(gallery, info) == "No window was complete: one takes 1.07 s of video."
    gallery.add_window(dataclasses.replace(record(0), valid=False, problem="NaN in the logits"))
    gallery.add_window(dataclasses.replace(record(1), valid=False, problem="NaN in the tube"))
    assert why_empty(gallery, info) == "No window could be explained: NaN in the logits."
    assert np.asarray(draw_sheet(gallery, info)).min() < 50


def test_what_has_to_be_known_is_never_cut_off():
    face, sentence = font(21), "the activation or the weight of layer conv holds NaN or infinity"
    lines = wrap(f"{sentence} {'a' * 200} end", face, 450)
    assert all(face.getlength(line) <= 450 for line in lines)
    assert " ".join(lines).startswith(sentence) and lines[-1].endswith("end")
    assert wrap("", face, 450) == [] and wrap("one", face, 450) == ["one"]
    marks = [f"mark {i} of a long list of marks" for i in range(8)]
    assert header("a", [], marks).height - header("a", []).height == 2 * 32


@pytest.mark.parametrize("color, ink", [("#0072b2", "#ffffff"), ("#f0e442", "#14171c")])
def test_text_stands_out_from_its_colour(color, ink):
    assert readable_on(color) == ink


@pytest.mark.parametrize(
    "by, words", [("", [""]), ("pass", ["still", "moving"]), ("flow", ["picture", "flow"])]
)
def test_the_legend_shows_the_colours_of_the_heat(by, words):
    motion = np.full((4, 6, 8), 0.5, np.float32) if by else None
    window = dataclasses.replace(record(0), motion=motion, motion_by=by)
    assert [word for word, _ in color_bars(HeatStyle(show="heat"), window)] == [""]
    bars = color_bars(HeatStyle(), window)
    assert [word for word, _ in bars] == words
    tables = overlay.motion_tables() if by else [overlay.color_table("inferno")]
    for (_, bar), table in zip(bars, tables):
        np.testing.assert_array_equal(bar[0], table)


def test_sheet_that_cannot_be_written(tmp_path):
    with pytest.raises(StreamError, match="cannot write"):
        write_sheet(tmp_path / "none" / "sheet.png", Gallery(), SheetInfo("x"))


@pytest.mark.parametrize(
    "seconds, text", [(3.24, "3.2 s"), (63, "1:03"), (7507, "2:05:07"), (59.94, "59.9 s")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
