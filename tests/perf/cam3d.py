"""cam3d over memcpy of the bytes that it reads, medians of interleaved repeats, one thread.

Prints a line a method and layer: milliseconds, and the ratio to copying activation and gradient
(or activation and weight). `last` is R3D-18's last layer at 16×112×112, `layer3` the one before,
`wide` its first, which exceeds the caches.

    python tests/perf/cam3d.py [--repeats N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from tubecam import _core
from tubecam.bench.timing import compare

LAYERS = {"last": (512, 2, 7, 7), "layer3": (256, 4, 14, 14), "wide": (64, 16, 56, 56)}


def copy_step(arrays: list[np.ndarray]) -> Callable[[], None]:
    targets = [np.empty_like(array) for array in arrays]

    def step() -> None:
        for target, array in zip(targets, arrays):
            np.copyto(target, array)

    return step


def measure(shape: tuple[int, ...], repeats: int) -> dict[str, tuple[float, float]]:
    """Seconds and ratio of each method and form."""
    rng = np.random.default_rng(0)
    activation = np.maximum(rng.normal(0, 1, shape), 0).astype(np.float32)
    gradient = rng.normal(0, 1, shape).astype(np.float32)
    weight = gradient[:, 0, 0, 0].copy()
    forms = {"weight": {"weight": weight}, "gradient": {"gradient": gradient}}
    steps = {
        f"copy {form}": copy_step([activation, *other.values()]) for form, other in forms.items()
    }
    for method in _core.methods("class-activation"):
        for form, other in forms.items():
            if method != "cam" or form == "weight":
                steps[f"{method} {form}"] = lambda m=method, o=other: _core.cam3d(
                    activation, m, **o
                )
    series = compare(*steps.values(), rounds=repeats, clock=time.thread_time)
    medians = {name: statistics.median(seconds) for name, seconds in zip(steps, series)}
    return {
        name: (seconds, seconds / medians["copy " + name.split()[-1]])
        for name, seconds in medians.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    for layer, shape in LAYERS.items():
        print(f"{layer} {'×'.join(map(str, shape))}")
        for name, (seconds, ratio) in measure(shape, repeats).items():
            print(f"  {name:<24}{seconds * 1e3:9.3f} ms  {ratio:6.2f} × memcpy")


if __name__ == "__main__":
    main()
