"""How long an export takes and how much memory: each named architecture at its own size.

One process an architecture; Grad-CAM, random weights. Prints seconds and the peak in GiB; exit
status 1 when one passes 2 minutes or 8 GiB.

    python tests/perf/exports.py [NAME …] [--methods gradcam]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

from tubecam.export import export
from tubecam.export.models.architectures import ARCHITECTURES

MOST_SECONDS, MOST_GIB = 120.0, 8.0


def measure(name: str, methods: list[str], answers: multiprocessing.Queue) -> None:
    """Puts seconds, GiB and the check's error into `answers`."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = export(  # forced: maps of random weights may ignore the class
            name, Path(folder) / name, random_weights=True, methods=methods, force=True
        )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts KiB
    answers.put((seconds, peak, report.check.max_relative_error))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="architectures (default: all)")
    parser.add_argument("--methods", default="gradcam", help="as `tubecam export` takes them")
    arguments = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    passed = True
    for name in arguments.names or ARCHITECTURES:
        answers = spawn.Queue()
        work = (name, arguments.methods.split(","), answers)
        process = spawn.Process(target=measure, args=work)
        process.start()
        process.join()
        if process.exitcode != 0:
            print(f"{name:16} failed", flush=True)
            passed = False
            continue
        seconds, peak, error = answers.get()
        print(f"{name:16} {seconds:6.1f} s {peak:5.1f} GiB  error {error:.1e}", flush=True)
        passed &= seconds <= MOST_SECONDS and peak <= MOST_GIB
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
