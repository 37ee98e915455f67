"""The examples of deploy/arrays on a GPU, each where its library is."""

from __future__ import annotations

import subprocess
import sys

import pytest

import parts


@pytest.mark.parametrize("library", ["torch", "cupy", "pycuda"])
def test_arrays_stay_on_the_device(root, library):
    parts.require("gpu")
    parts.require("torch-with-cuda" if library == "torch" else library)
    command = [sys.executable, str(root / "deploy" / "arrays" / f"explain_{library}.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "peak" in done.stdout


@pytest.mark.parametrize("library", ["torch", "cupy", "pycuda"])
def test_the_examples_are_python(root, library):
    path = root / "deploy" / "arrays" / f"explain_{library}.py"
    compile(path.read_text(), str(path), "exec")
