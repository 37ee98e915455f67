"""Python's way to a GPU without a GPU: the package beside the kernels' emulation.

The C++ tests build the emulation's libraries. A copy of the package takes them in, and
`emulated_gpu_cases.py` runs against that copy in a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tubecam

HERE = Path(__file__).parent
TAG = sys.implementation.cache_tag
LIBRARIES = HERE.parents[1] / "build" / f"wheel-{TAG}" / "tests" / "cpp" / "emulated"


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A folder for PYTHONPATH: tubecam with the emulation in the place of CUDA and TensorRT."""
    built = [LIBRARIES / f"libtubecam_{name}.so" for name in ("cuda", "tensorrt")]
    if not all(library.exists() for library in built):
        pytest.skip("the emulation is not built: make cpp-tests builds it")
    folder = tmp_path_factory.mktemp("emulated")
    shutil.copytree(Path(tubecam.__file__).parent, folder / "tubecam")
    for library in built:
        shutil.copy(library, folder / "tubecam" / "lib")
    openvino = importlib.util.find_spec("openvino")
    (folder / "openvino").symlink_to(Path(openvino.origin).parent)
    return folder


def test_the_cases_of_a_gpu(package):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         HERE / "emulated_gpu_cases.py"],
        env=os.environ | {"PYTHONPATH": str(package), "TUBECAM_ENGINE": ""},
        cwd=HERE, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout
