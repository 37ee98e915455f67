"""Python's way to a GPU without a GPU: the package beside the kernels' emulation.

The C++ tests build the emulation's libraries. A copy of the package takes them in, and
`emulated_gpu_cases.py` runs against that copy in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

from places import SUPPORT


def test_the_cases_of_a_gpu(emulated_package):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         SUPPORT / "emulated_gpu_cases.py"],
        env=os.environ | {"PYTHONPATH": str(emulated_package), "TUBECAM_ENGINE": ""},
        cwd=SUPPORT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout
