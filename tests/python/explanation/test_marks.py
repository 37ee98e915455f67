"""Every mark is on overlay, sheets, JSON and metadata alike, in the same words."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

import parts
import tiny_bundle
import tubecam
from tubecam import _core
from tubecam.drawing.overlay import CaptionPainter
from tubecam.figures.contact_sheet import SheetInfo, draw_sheet
from tubecam.figures.key_frames import Gallery
from tubecam.figures.method_sheet import Moment, draw_comparison
from tubecam.figures.page import header
from tubecam.windows import jsonl
from tubecam.windows.window_record import WindowRecord

SIZE = (240, 320)
BALL = (
    "videotestsrc num-buffers={} pattern=ball ! "
    f"video/x-raw,format=RGB,width={SIZE[1]},height={SIZE[0]},framerate=30/1"
)
FRAMES, FEW = 60, 7  # 30 a second; of few, the window takes three slices


def sane(**found):
    return lambda sidecar: sidecar["graphs"][0].update(sanity={"gradcam": found})


def drifting(sidecar):
    found = {"accepted": False, "drift": {"map_correlation": 0.9}}
    found |= {"held_out_windows": 1}
    sidecar["graphs"][0]["quantisation"] = found


# Key: what the sidecar says, what the element is told, the words.
CASES = {
    "not-class-specific": (sane(class_specific=False), {}, "not class-specific"),
    "class-dependence-unknown": (
        sane(class_specific=False, undecided=True), {}, "class dependence unknown",
    ),
    "drifts": (drifting, {}, "int8, not the map of float32"),
    "downgraded": (
        sane(class_specific=True), {"method": "motion-split-exact", "budget_ms": 0.001},
        "too slow for motion-split-exact",
    ),
    "fell-back": (
        sane(class_specific=True), {"device": "cuda:999", "fallback": "cpu"},
        "on the CPU in place of cuda:999",
    ),
    "coarse-grid": (sane(class_specific=True), {}, "coarse grid of 4×4 cells"),
    "padded": (
        sane(class_specific=True), {"padding": "last"}, "5 of 8 slices repeat the last frame",
    ),
    "resampled": (
        sane(class_specific=True), {"sample_fps": 20.0}, "20 slices a second, not 10",
    ),
}  # fmt: skip


def borne(mark) -> tuple:
    """With the one that every tiny bundle bears, in the order of their weight."""
    order = _core.mark_keys()
    both = {mark, ("coarse-grid", CASES["coarse-grid"][2])}
    return tuple(sorted(both, key=lambda each: order.index(each[0])))


def test_every_mark_has_a_case():
    assert set(CASES) == set(_core.mark_keys())


@pytest.fixture(params=list(CASES))
def case(request, tmp_path):
    """(folder, options, the mark that they lead to)"""
    change, options, words = CASES[request.param]
    return tiny_bundle.write(tmp_path / "b", change=change), options, (request.param, words)


def explained(folder, options):
    """The last of as many clips as a budget needs to give up, or a stream's only window."""
    how = {name: options[name] for name in options if name in ("padding", "sample_fps")}
    with tubecam.Explainer(folder, **dict(options.items() - how.items())) as explainer:
        if how:
            return of_stream(explainer, **how)
        return [explainer.explain(tiny_bundle.clip()) for _ in range(8)][-1]


def of_stream(explainer, padding="none", sample_fps=0.0):
    explainer.sample_fps, explainer.hop = sample_fps, tiny_bundle.LENGTH
    pictures = np.random.default_rng(1).integers(0, 255, (FRAMES, 48, 64, 3), np.uint8)
    frames = enumerate(pictures[: FRAMES if padding == "none" else FEW])
    found = [explainer.push(picture, i / 30) for i, picture in frames]
    found.append(explainer.finish(padding))
    return next(each for each in found if each)


def test_python_and_json_bear_it(case):
    folder, options, mark = case
    explanation = explained(folder, options)
    assert explanation.marks == explanation.record().marks == borne(mark)
    told = [dict(zip(("key", "text"), each)) for each in borne(mark)]
    assert json.loads(explanation.to_json())["marks"] == told


def test_both_sheets_show_it(case):
    folder, options, mark = case
    explanation = explained(folder, options)
    picture = np.zeros((90, 120, 3), np.uint8)

    def sheets(shown):
        gallery = Gallery()
        gallery.add_picture(0, picture)
        gallery.add_window(shown.record())
        times = [i / 10 for i in range(tiny_bundle.LENGTH)]
        rows = draw_comparison(Moment([picture] * len(times), times), [shown])
        return gallery.notes(), draw_sheet(gallery, SheetInfo("a")), rows

    notes, sheet, rows = sheets(explanation)
    assert notes == [words for _, words in borne(mark)]
    none, plain_sheet, plain_rows = sheets(dataclasses.replace(explanation, marks=()))
    line_height = header("", [], notes).height - header("", []).height
    assert none == [] and sheet.height == plain_sheet.height + line_height > plain_sheet.height
    line = np.asarray(sheet)[144:174]
    assert (line[..., 0].astype(int) - line[..., 2] > 60).sum() > 100  # in red
    assert (np.asarray(rows) != np.asarray(plain_rows)).any()


def test_a_sheet_says_how_many_windows_bear_a_mark():
    with_mark = (tubecam.Mark("downgraded", "too slow for a"),)
    gallery = Gallery()
    tube = np.ones((1, 2, 2), np.float32)
    for number, marks in enumerate((with_mark, (), with_mark)):
        gallery.add_window(
            WindowRecord(
                number=number, valid=True, problem="", pts=np.arange(2) * 10**9, label="a", score=1,
                target="a", top=(), method="m", tube=tube, stride=(1, 1, 1), offset=(0, 0, 0),
                clip=(2, 8, 8), crop=(0, 0, 1, 1), curve=np.ones(2, np.float32), peak=(0, 0),
                peak_value=1, peak_pts=0, boxes=np.zeros((0, 5)), timings={}, receipt={},
                marks=marks,
            )
        )  # fmt: skip
    assert gallery.notes() == ["too slow for a (2 of 3 windows)"]


# ---- the elements ----


def note_of(fields) -> str:
    """What the caption has to say below the label."""
    note = fields["method"]
    if fields["target"] != fields["label"]:
        note += f" of {fields['target']}"
    note += "".join(f" ({fields[f'mark-{i}-text']})" for i in range(fields["marks"]))
    share = fields.get("motion-share", math.nan) if "motion" in fields else math.nan
    return note if math.isnan(share) else f"{note}, motion {round(100 * share)} %"


def test_metadata_message_and_overlay_bear_it(case):
    parts.require("plugin")
    from pipelines import play

    folder, options, mark = case
    told = " ".join(f"{name.replace('_', '-')}={value}" for name, value in options.items())
    ball = BALL.format(FEW if "padding" in options else FRAMES)
    played = play(
        f"{ball} ! tubecam name=t bundle={folder} {told} hop=1 late-windows=wait align=delayed ! "
        "tubeoverlay name=o show-heat=false show-strip=false ! fakesink",
        probed=("t", "o"),
        pixels=("t", "o"),
    )
    last = played.windows["t"][-1]
    record = WindowRecord.from_fields(last, [f"class {i}" for i in range(tiny_bundle.CLASSES)])
    assert record.marks == borne(mark)
    assert mark[0] in [each["key"] for each in json.loads(jsonl.line(record))["marks"]]
    fields = played.frames["t"][-1][1]
    told = [(fields[f"mark-{i}-key"], fields[f"mark-{i}-text"]) for i in range(fields["marks"])]
    assert tuple(told) == borne(mark)
    below, drawn = (
        played.pixels[name][-1].reshape(*SIZE, 3).copy() for name in ("t", "o")
    )  # fmt: skip
    assert (below != drawn).any()
    painter = CaptionPainter()
    painter.draw(below, label=fields["label"], score=fields["score"], note=note_of(fields))
    np.testing.assert_array_equal(below, drawn)
