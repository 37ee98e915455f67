"""Every kernel against copying what it reads, and against what others would write instead.

Usage: python tests/perf/kernels.py [KERNEL …] [--rounds N] [--json FILE]
KERNEL: preprocess, cam3d, tube, overlay; all by default. One thread for everyone, and its own time,
without what other processes take. Each line: medians of interleaved rounds, the ratio to the copy,
and for each equivalent its time over ours with a 95 % bootstrap interval. The equivalents start
from a picture that is RGB already, which spares them the conversion. OpenCV and torch take part
where they are installed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import numpy as np
from cam3d import LAYERS
from overlay import heat

from tubecam import _core
from tubecam.bench.document import check_writable
from tubecam.bench.statistics import paired_ratio
from tubecam.bench.timing import compare
from tubecam.drawing import overlay

try:
    import cv2
except ImportError:
    cv2 = None
try:
    import torch
except ImportError:
    torch = None

SIZES = [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)]
FORMATS = ("NV12", "I420", "RGB", "BGRx")
Step = Callable[[], object]
# What is measured, what it reads, our step, and the equivalents by name.
Case = tuple[str, list[np.ndarray], Step, dict[str, Step]]


def planes_of(pixel_format: str, width: int, height: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """One block of random memory and its planes, as a decoder lays a frame out."""
    random, pixels = np.random.default_rng(0), width * height
    if pixel_format in ("RGB", "BGRx"):
        memory = random.integers(0, 256, pixels * (3 if pixel_format == "RGB" else 4), np.uint8)
        return memory, [memory.reshape(height, -1)]
    memory = random.integers(0, 256, pixels * 3 // 2, np.uint8)
    luma, chroma = np.split(memory, [pixels])
    if pixel_format == "NV12":
        return memory, [luma.reshape(height, width), chroma.reshape(height // 2, width)]
    halves = [part.reshape(height // 2, width // 2) for part in np.split(chroma, 2)]
    return memory, [luma.reshape(height, width), *halves]


def preprocess_cases() -> Iterator[Case]:
    """A frame to a normalised slice of 112², areas averaged."""
    mean, std = np.float32([0.43, 0.39, 0.38]), np.float32([0.23, 0.22, 0.22])
    settings = {"mean": mean.tolist(), "std": std.tolist(), "resize": "stretch"}
    for width, height in SIZES:
        picture = planes_of("RGB", width, height)[0].reshape(height, width, 3)
        others = _resizers(picture, mean, std)
        for pixel_format in FORMATS:
            memory, planes = planes_of(pixel_format, width, height)
            frame = _core.Frame(pixel_format, width, height, planes)
            # A window of one slice: each push preprocesses, with the weights kept.
            window = _core.ClipWindow(_core.ClipSpec(length=1, sample_fps=240, **settings), hop=1)
            times = iter(range(0, 10**16, 10**7))
            ours = lambda w=window, f=frame, t=times: w.push(f, next(t))  # noqa: E731
            yield f"{width}x{height} {pixel_format}", [memory], ours, others


def _resizers(picture: np.ndarray, mean: np.ndarray, std: np.ndarray) -> dict[str, Step]:
    found: dict[str, Step] = {}
    if cv2:
        found["OpenCV"] = lambda: (
            (cv2.resize(picture, (112, 112), interpolation=cv2.INTER_AREA) / np.float32(255) - mean)
            / std
        ).transpose(2, 0, 1)
    if torch:
        pixels = torch.from_numpy(picture)
        shift, scale = (torch.from_numpy(v)[:, None, None] for v in (mean, std))

        def by_torch():
            planes = pixels.permute(2, 0, 1)[None].float()
            small = torch.nn.functional.interpolate(planes, (112, 112), mode="area")
            return (small[0] / 255 - shift) / scale

        found["torch"] = by_torch
    return found


def cam3d_cases() -> Iterator[Case]:
    """Activation and gradient to the tube: Grad-CAM and LayerCAM."""
    for name, shape in LAYERS.items():
        random = np.random.default_rng(0)
        activation = np.maximum(random.normal(0, 1, shape), 0).astype(np.float32)
        gradient = random.normal(0, 1, shape).astype(np.float32)
        for method in ("gradcam", "layercam"):
            step = partial(_core.cam3d, activation, method, gradient=gradient)
            others = {"NumPy": _cam(np, method, activation, gradient)}
            if torch:
                others["torch"] = _cam(
                    torch, method, *map(torch.from_numpy, (activation, gradient))
                )
            yield f"{name} {method}", [activation, gradient], step, others


def _cam(library, method: str, activation, gradient) -> Step:
    zero = library.zeros(1)

    def run():
        if method == "layercam":
            product = library.maximum(gradient, zero) * activation
        else:
            product = gradient.mean((1, 2, 3))[:, None, None, None] * activation
        return library.maximum(product.sum(0), zero)

    return run


def tube_cases() -> Iterator[Case]:
    """A tube to its curve, peak and one frame's plane; others write the whole clip-sized tube."""
    for (length, side), cells in (((16, 112), (2, 7, 7)), ((32, 224), (8, 14, 14))):
        tube = np.random.default_rng(0).random(cells).astype(np.float32)
        stride = [length / cells[0], side / cells[1], side / cells[2]]
        offset = [(s - 1) / 2 for s in stride]

        def ours(tube=tube, stride=stride, offset=offset, length=length):
            _core.temporal_curve(tube, stride, offset, length)
            peak = _core.tube_peak(tube, stride, offset)
            return _core.tube_plane(tube, stride, offset, peak.slice)

        others: dict[str, Step] = {}
        if torch:
            cells_, size = torch.from_numpy(tube)[None, None], (length, side, side)

            def by_torch(cells_=cells_, size=size):
                whole = torch.nn.functional.interpolate(cells_, size, mode="trilinear")[0, 0]
                return whole.sum((1, 2)), whole.argmax()

            others["torch"] = by_torch
        yield f"{'×'.join(map(str, cells))} → {length}×{side}²", [tube], ours, others


def overlay_cases() -> Iterator[Case]:
    """Heat of one object blended into a frame in place."""
    plane, table = heat("blob"), overlay.color_table("turbo")[:, :3]
    for width, height in SIZES:
        picture = planes_of("RGB", width, height)[0].reshape(height, width, 3)
        others = _blenders(picture, plane, table)
        for pixel_format in FORMATS:
            memory, planes = planes_of(pixel_format, width, height)
            frame = _core.Frame(pixel_format, width, height, planes)
            ours = lambda f=frame: overlay.blend_heat(f, plane, color_map="turbo")  # noqa: E731
            yield f"{width}x{height} {pixel_format}", [memory], ours, others


def _blenders(picture: np.ndarray, plane: np.ndarray, table: np.ndarray) -> dict[str, Step]:
    height, width = picture.shape[:2]
    rows = np.linspace(0, plane.shape[0] - 1, height).round().astype(int)
    columns = np.linspace(0, plane.shape[1] - 1, width).round().astype(int)

    def by_numpy():
        colors = table[(plane * 255).astype(np.uint8)][rows][:, columns]
        return (picture * np.float32(0.4) + colors * np.float32(0.6)).astype(np.uint8)

    found: dict[str, Step] = {"NumPy": by_numpy}
    if cv2:

        def by_opencv():
            large = cv2.resize((plane * 255).astype(np.uint8), (width, height))
            return cv2.addWeighted(picture, 0.4, cv2.applyColorMap(large, 20), 0.6, 0)

        found["OpenCV"] = by_opencv
    return found


KERNELS = {
    "preprocess": preprocess_cases,
    "cam3d": cam3d_cases,
    "tube": tube_cases,
    "overlay": overlay_cases,
}


def measure(case: Case, rounds: int) -> dict:
    """Medians in ms, and ratios with their intervals."""
    name, read, ours, others = case
    targets = [np.empty_like(array) for array in read]
    copy = lambda: [np.copyto(t, a) for t, a in zip(targets, read)]  # noqa: E731
    copied, own, *rest = compare(
        copy, ours, *others.values(), rounds=rounds, clock=time.thread_time
    )
    return {
        "case": name,
        "copy_ms": median(copied) * 1e3,
        "ms": median(own) * 1e3,
        "over_copy": paired_ratio(own, copied),
        "others_over_ours": {n: paired_ratio(t, own) for n, t in zip(others, rest)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=", ".join(KERNELS))
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    for name in args.kernels:
        if name not in KERNELS:
            parser.error(f"unknown kernel {name!r}; there are {', '.join(KERNELS)}")
    target = check_writable(args.json) if args.json else None
    if torch:
        torch.set_num_threads(1)
    if cv2:
        cv2.setNumThreads(1)
    rows: dict[str, list[dict]] = {}
    for kernel in args.kernels or KERNELS:
        print(f"{kernel:<28}{'copy ms':>9}{'ms':>9}{'× copy':>8}  others over ours")
        for case in KERNELS[kernel]():
            row = measure(case, args.rounds)
            rows.setdefault(kernel, []).append(row)
            others = "  ".join(
                f"{n} {r['value']:.1f} ({r['low']:.1f} … {r['high']:.1f})"
                for n, r in row["others_over_ours"].items()
            )
            print(f"  {row['case']:<26}{row['copy_ms']:9.3f}{row['ms']:9.3f}"
                  f"{row['over_copy']['value']:8.2f}  {others}")  # fmt: skip
    if target:
        target.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
