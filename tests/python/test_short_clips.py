"""Videos shorter than a window: what fills it up is told alike wherever it is shown."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from test_sheet import STEP, picture, record
from tubecam.gallery import Gallery
from tubecam.sampling import Sampling
from tubecam.sheet import SheetInfo, draw_sheet
from tubecam.tube_picture import heated

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
