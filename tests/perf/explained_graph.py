"""What an explanation costs: explained graph over plain forward pass, R3D-18, 16×112×112, float32.

Prints one line for Grad-CAM at the last layer and one at layer3: the ratio of medians of
interleaved runs in OpenVINO on the CPU, its limit, and the greatest drift from autograd. The plain
graph is what torch's own exporter makes of the model. Random weights: time does not depend on them.
Exit status 1 when a ratio passes its limit.

    python tests/perf/explained_graph.py [--repeats N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tubecam.bench.timing import compare
from tubecam.export import export
from tubecam.export.models.architectures.video_resnet import r3d_18
from tubecam.export.verify.engine import compile_in_engine

SHAPE = (1, 16, 3, 112, 112)
LIMITS = {"layer4": 1.05, "layer3": 1.20}
Runner = tuple[Any, dict[Any, np.ndarray]]


def plain(folder: Path) -> Any:
    """The compiled forward pass alone, as torch itself exports it."""
    path = folder / "plain.onnx"
    clip = torch.zeros(1, 3, *SHAPE[1:2], *SHAPE[3:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(r3d_18().eval(), (clip,), str(path), opset_version=17, dynamo=False)
    return compile_in_engine(path)


def explained(layer: str, folder: Path) -> tuple[Any, float]:
    """The compiled explained graph and its drift from autograd."""
    report = export("r3d_18", folder / layer, random_weights=True, layer=layer)
    return compile_in_engine(folder / layer / "model.onnx"), report.check.max_relative_error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="runs of each graph (default 15)")
    repeats = parser.parse_args().repeats
    clip = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    drifts = []
    with tempfile.TemporaryDirectory() as folder:
        runners: list[Runner] = [(plain(Path(folder)), {0: clip.swapaxes(1, 2).copy()})]
        for layer in LIMITS:
            compiled, drift = explained(layer, Path(folder))
            runners.append((compiled, {"clip": clip, "target": np.array([-1])}))
            drifts.append(drift)
    runs = [partial(compiled, inputs) for compiled, inputs in runners]
    base, *times = map(statistics.median, compare(*runs, rounds=repeats))
    print(f"plain forward     {base * 1e3:7.1f} ms")
    worst = 0
    for (layer, limit), seconds, drift in zip(LIMITS.items(), times, drifts, strict=True):
        ratio = seconds / base
        worst |= ratio > limit
        print(
            f"Grad-CAM {layer}   {seconds * 1e3:7.1f} ms  ratio {ratio:.3f} (limit {limit:.2f})  "
            f"drift {drift:.1e}"
        )
    return int(worst)


if __name__ == "__main__":
    sys.exit(main())
