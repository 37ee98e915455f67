"""Overlay against copying the same frame: ratio of medians of interleaved repeats, one thread.

Usage: python tests/perf/overlay.py [--repeats N] [--color-map NAME]
Heat: `hot`, every pixel of the frame drawn; `blob`, one object; `noise`, every cell at random: no
tube looks like that, and nothing lies on a line there. `blocks`: 3×4 cells, all hot. `hot, hue` and
`blob, hue`: the same heat with a plane of motion that tells the hue; beside them, their ratio to
the same without. `caption`: text and strip are kept, only the marker moves; `strip`: a new strip in
every frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from tubecam import _core
from tubecam.drawing import overlay

HUE_LIMIT = 1.5  # of the same heat without motion
LIMITS = {("1920x1080", "NV12", "hot"): 3.0, ("1920x1080", "NV12", "blob"): 3.0}
CAPTION_LIMIT_MS = 0.3  # 1280×720, kept
SIZES = [(1280, 720), (1920, 1080), (3840, 2160)]


def planes_of(memory: np.ndarray, pixel_format: str, width: int, height: int) -> list[np.ndarray]:
    """Views of one block of memory, as a decoder lays a frame out."""
    if pixel_format == "NV12":
        luma, chroma = np.split(memory, [width * height])
        return [luma.reshape(height, width), chroma.reshape(height // 2, width)]
    return [memory.reshape(height, -1)]


def heat(kind: str, h: int = 9, w: int = 16) -> np.ndarray:
    """Plane of relevance, float32 [h, w], 0…1."""
    y, x = np.mgrid[:h, :w]
    distance = (y - h / 2) ** 2 + (x - w / 2) ** 2
    planes = {
        "hot": 0.5 + 0.5 * np.exp(-distance / 16),
        "blob": np.exp(-distance / 4),
        "noise": np.random.default_rng(0).random((h, w)),
    }
    return planes[kind].astype(np.float32)


def milliseconds(function: Callable[[], object]) -> float:
    """Of this thread's own time: what other processes take does not count."""
    start = time.thread_time()
    function()
    return (time.thread_time() - start) * 1e3


def interleaved(first: Callable, second: Callable, repeats: int) -> tuple[float, float]:
    """Median milliseconds of both; each is called with the number of the repeat."""
    pairs = [
        (milliseconds(lambda i=i: first(i)), milliseconds(lambda i=i: second(i)))
        for i in range(repeats + 3)
    ]
    return tuple(map(median, zip(*pairs[3:])))


def tasks_of(frame: _core.Frame, color_map: str) -> dict[str, Callable[[int], None]]:
    """What is drawn, by name; each takes the number of the repeat."""
    painter = overlay.CaptionPainter()
    strips = np.random.default_rng(1).random((2, 64))

    def blend(plane: np.ndarray, motion: np.ndarray | None = None) -> Callable[[int], None]:
        stride = 72 / plane.shape[0], 128 / plane.shape[1]
        return lambda i: _core.blend_heat(
            frame, plane, motion, stride=stride, offset=((stride[0] - 1) / 2, (stride[1] - 1) / 2),
            clip_height=72, clip_width=128, source=(0, 0, frame.width, frame.height), scale=1.0,
            color_map=color_map,
        )  # fmt: skip

    def caption(strip: int, i: int) -> None:
        painter.draw(
            frame, label="right", score=0.93, strip=strips[strip], strip_now=i % 90 / 90,
            color_map=color_map,
        )  # fmt: skip

    tasks = {kind: blend(heat(kind)) for kind in ("hot", "blob", "noise")}
    hue = np.linspace(0, 1, 9 * 16, dtype=np.float32).reshape(9, 16)
    tasks["blocks"] = blend(np.ones((3, 4), np.float32))
    tasks |= {f"{kind}, hue": blend(heat(kind), hue) for kind in ("hot", "blob")}
    return tasks | {"caption": lambda i: caption(0, i), "strip": lambda i: caption(i % 2, i)}


def measure(pixel_format: str, width: int, height: int, options: argparse.Namespace) -> bool:
    """Print a line for each task; true when all limits are kept."""
    size = width * height * 3 // (2 if pixel_format == "NV12" else 1)
    memory = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    copy = memory.copy()
    planes = planes_of(memory, pixel_format, width, height)
    frame = _core.Frame(pixel_format, width, height, planes, "bt709")
    kept = True
    tasks = tasks_of(frame, options.color_map)
    for name, task in tasks.items():
        copy_ms, own_ms = interleaved(lambda i: np.copyto(copy, memory), task, options.repeats)
        verdict = ""
        if limit := LIMITS.get((f"{width}x{height}", pixel_format, name)):
            verdict = f"  at most {limit:g}"
            kept &= own_ms <= limit * copy_ms
        if name.endswith(", hue"):
            plain_ms, hue_ms = interleaved(tasks[name.removesuffix(", hue")], task, options.repeats)
            verdict = f"  {hue_ms / plain_ms:.2f} × without hue, at most {HUE_LIMIT:g}"
            kept &= hue_ms <= HUE_LIMIT * plain_ms
        if name == "caption" and height == 720:
            verdict = f"  at most {CAPTION_LIMIT_MS:g} ms"
            kept &= own_ms <= CAPTION_LIMIT_MS
        print(
            f"{f'{width}x{height}':>10} {pixel_format:>6} {name:>8} {copy_ms:8.3f} "
            f"{own_ms:7.3f} {own_ms / copy_ms:6.2f}{verdict}"
        )
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=101)
    parser.add_argument("--color-map", default=_core.DEFAULT_COLOR_MAP)
    options = parser.parse_args()
    print(f"{'frame':>10} {'format':>6} {'drawn':>8} {'copy ms':>8} {'ms':>7} {'ratio':>6}")
    kept = [
        measure(pixel_format, width, height, options)
        for width, height in SIZES
        for pixel_format in ("NV12", "RGB")
    ]
    return int(not all(kept))


if __name__ == "__main__":
    raise SystemExit(main())
