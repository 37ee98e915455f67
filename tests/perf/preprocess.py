"""Preprocess against copying the same frame: ratio of medians of interleaved repeats, one thread.

Usage: python tests/perf/preprocess.py [--repeats N]
The source is a 1080p NV12 frame among others; the slice is 112², shrunk by averaging areas.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from tubecam import _core

LIMITS = {("1920x1080", "NV12"): 3.0}
SIZES = [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)]


def planes_of(memory: np.ndarray, pixel_format: str, width: int, height: int) -> list[np.ndarray]:
    """Views of one block of memory, as a decoder lays a frame out."""
    if pixel_format == "NV12":
        luma, chroma = np.split(memory, [width * height])
        return [luma.reshape(height, width), chroma.reshape(height // 2, width)]
    return [memory.reshape(height, -1)]


def milliseconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3


def measure(pixel_format: str, width: int, height: int, resize: str, repeats: int):
    """Median milliseconds of copying a frame and of preprocessing it."""
    pixels = width * height
    size = pixels * 3 // 2 if pixel_format == "NV12" else pixels * 3
    memory = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    copy = memory.copy()
    frame = _core.Frame(pixel_format, width, height, planes_of(memory, pixel_format, width, height))
    # A window of one slice at the highest rate: each push preprocesses, with the weights kept.
    spec = _core.ClipSpec(length=1, sample_fps=240, resize=resize)
    clip_window = _core.ClipWindow(spec, hop=1)
    copies, preprocessings = [], []
    for i in range(repeats + 3):
        copies.append(milliseconds(lambda: np.copyto(copy, memory)))
        preprocessings.append(milliseconds(lambda i=i: clip_window.push(frame, i * 10**7)))
    return median(copies[3:]), median(preprocessings[3:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=101)
    repeats = parser.parse_args().repeats
    print(f"{'frame':>10} {'format':>6} {'rule':>8} {'copy ms':>8} {'ms':>7} {'ratio':>6}")
    missed = False
    for width, height in SIZES:
        for pixel_format in ("NV12", "RGB"):
            limit = LIMITS.get((f"{width}x{height}", pixel_format))
            for resize in ("crop", "stretch"):
                copy, own = measure(pixel_format, width, height, resize, repeats)
                verdict = "" if limit is None else f"  at most {limit:g}"
                missed |= limit is not None and own > limit * copy
                print(
                    f"{f'{width}x{height}':>10} {pixel_format:>6} {resize:>8} {copy:8.3f} "
                    f"{own:7.3f} {own / copy:6.2f}{verdict}"
                )
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
