"""The examples of deploy/arrays on a GPU, each where its library is.

TUBECAM_REQUIRE_GPU in the environment makes a missing GPU a failure; TUBECAM_REQUIRE_LIBRARIES does
that for the libraries too.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

import tubecam


@pytest.fixture(scope="module")
def gpu() -> str:
    try:
        tubecam.Explainer(device="cuda:0").close()
    except tubecam.TubecamError as error:
        if os.environ.get("TUBECAM_REQUIRE_GPU"):
            raise
        pytest.skip(f"no explainer on a GPU: {error}")
    return "cuda:0"


@pytest.mark.parametrize("library", ["torch", "cupy", "pycuda"])
def test_arrays_stay_on_the_device(gpu, root, library):
    if importlib.util.find_spec(library) is None:
        assert not os.environ.get("TUBECAM_REQUIRE_LIBRARIES"), f"{library} is missing"
        pytest.skip(f"{library} is not installed")
    if library == "torch" and not __import__("torch").cuda.is_available():
        pytest.skip("this build of torch has no CUDA")
    command = [sys.executable, str(root / "deploy" / "arrays" / f"explain_{library}.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "peak" in done.stdout


@pytest.mark.parametrize("library", ["torch", "cupy", "pycuda"])
def test_the_examples_are_python(root, library):
    path = root / "deploy" / "arrays" / f"explain_{library}.py"
    compile(path.read_text(), str(path), "exec")
