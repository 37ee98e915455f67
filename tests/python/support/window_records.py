"""Windows as the runtime records them, and a gallery that saw some: for sheets and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tubecam._core import RelevanceSignal
from tubecam.figures.key_frames import Gallery
from tubecam.windows.window_record import WindowRecord

STEP = 1 / 15


def record(number: int, label: str = "left", peak: float = 1.0, at=(1, 2, 3)) -> WindowRecord:
    """A window of 16 slices every 4, whose tube is zero but for one cell."""
    tube = np.zeros((4, 6, 8), np.float32)
    tube[at] = peak
    times = np.arange(number * 4, number * 4 + 16) * STEP
    pts = np.round(times * 1e9).astype(np.int64)
    return WindowRecord(
        number=number, valid=True, problem="", pts=pts, label=label, score=0.9, target=label,
        top=((label, 0.9),), method="gradcam", tube=tube, stride=(4, 16, 16),
        offset=(1.5, 7.5, 7.5),
        clip=(16, 96, 128), crop=(0, 0, 1, 1), curve=np.full(16, peak, np.float32),
        peak=(0.4, 0.4), peak_value=peak, peak_pts=int(pts[5]), boxes=np.zeros((0, 5), np.float32),
        timings={}, receipt={},
    )  # fmt: skip


def fused(windows):
    """The same windows as those of one stream: with their parts of its signal."""
    signal = RelevanceSignal(1 / STEP)
    for window in windows:
        part = signal.add(window.pts, window.curve)
        curve = np.array([signal.at(int(pts)) for pts in window.pts], np.float32)
        yield replace(window, signal=part, fused_curve=curve)


def picture(size=(120, 90), shade: int = 90) -> np.ndarray:
    return np.full((size[1], size[0], 3), shade, np.uint8)


def gallery_of(count: int, label_of=lambda n: "left", peak_of=lambda n: 1.0, size=(120, 90)):
    """A gallery that saw `count` windows, pictures and windows as a pipeline gives them."""
    gallery = Gallery()
    windows = (record(number, label_of(number), peak_of(number)) for number in range(count))
    for number, window in enumerate(fused(windows)):
        for slot in range(number * 4 if number else 0, number * 4 + 16):
            gallery.add_picture(round(slot * STEP * 1e9), picture(size, 40 + slot % 150))
        gallery.add_window(window)
    gallery.finish()
    return gallery
