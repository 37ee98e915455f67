"""What the tests share: folders, the bundle, and the command line as a user calls it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import parts
from places import ROOT

# GStreamer's registry of these tests: the user's own is neither read nor changed.
os.environ.setdefault("GST_REGISTRY", str(ROOT / "build" / "test-registry.bin"))
(ROOT / "build").mkdir(exist_ok=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`pytest.mark.needs(NAME, …)` names parts of parts.py that a test cannot do without."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            parts.require(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def motion_bundle() -> Path:
    """The small trained bundle that comes with the package."""
    return ROOT / "engines" / "motion"


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def tubecam_command():
    """Runs `tubecam ARGUMENTS` in a process of its own and gives what it printed."""

    def run(*arguments, timeout: float = 120, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "tubecam", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)

    return run


@pytest.fixture(scope="session")
def emulated_package(tmp_path_factory) -> Path:
    """A folder for PYTHONPATH: tubecam with the emulation in the place of CUDA and TensorRT."""
    import tubecam

    built = parts.require("emulation")
    folder = tmp_path_factory.mktemp("emulated")
    shutil.copytree(Path(tubecam.__file__).parent, folder / "tubecam")
    for library in built:
        shutil.copy(library, folder / "tubecam" / "lib")
    openvino = importlib.util.find_spec("openvino")
    (folder / "openvino").symlink_to(Path(openvino.origin).parent)
    return folder


@pytest.fixture
def one_thread():
    """For tiny networks: they wait for threads longer than they compute."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
