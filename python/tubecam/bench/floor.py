"""What this machine can do at best: multiply–adds in the engine, bytes copied, a second."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .graph import Work
from .openvino_model import compile_model

SIDE, CALLS = 512, 8  # of the matrix product's square factors, which stay in caches; a turn
COPIED = 64 << 20  # bytes a thread, far beyond caches
REPEATS = 5


class PeakProduct:
    """Matrix products in the engine, nothing to wait for; `macs_per_second` is the best so far.

    It takes its turn in every round, so that the floor is that of the machine as it was.
    """

    macs_per_second = 0.0

    def __init__(self, threads: int, precision: str) -> None:
        import openvino.opset13 as ops
        from openvino import Model

        factor = np.full((SIDE, SIDE), 1e-3, np.float32)
        left, right = ops.parameter([SIDE, SIDE], np.float32), ops.constant(factor)
        model = Model([ops.matmul(left, right, False, False)], [left], "peak")
        self._request = compile_model(model, threads, precision).create_infer_request()
        self._inputs = [factor.copy()]

    def __call__(self) -> None:
        for _ in range(CALLS):
            start = time.perf_counter()
            self._request.infer(self._inputs, share_inputs=True, share_outputs=True)
            rate = SIDE**3 / (time.perf_counter() - start)
            self.macs_per_second = max(self.macs_per_second, rate)


def copy_bandwidth(threads: int) -> float:
    """Bytes a second that threads read and write together when they copy, the best of five."""
    blocks = [np.ones(COPIED, np.uint8) for _ in range(2 * threads)]
    with ThreadPoolExecutor(threads) as pool:
        copy = lambda: list(pool.map(np.copyto, blocks[::2], blocks[1::2]))  # noqa: E731
        return 2 * COPIED * threads / _best(copy)


def floor(work: Work, macs_per_second: float, bytes_per_second: float) -> dict[str, float]:
    """The least time that the work takes here, in ms, and what it is made of."""
    compute, memory = work.macs / macs_per_second * 1e3, work.bytes / bytes_per_second * 1e3
    return {
        "gmac": work.macs / 1e9,
        "megabytes": work.bytes / 1e6,
        "peak_gmac_per_s": macs_per_second / 1e9,
        "copy_gb_per_s": bytes_per_second / 1e9,
        "compute_ms": compute,
        "memory_ms": memory,
        "floor_ms": max(compute, memory),
    }


def _best(run) -> float:
    run()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
