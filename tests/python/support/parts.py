"""Parts that a machine may lack: their tests are skipped, or fail where a part is demanded.

A variable in the environment demands a group of parts. `make test` sets those of what it installs
and builds, and CI=true, which continuous integration sets, demands the same.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import tubecam
from places import ROOT
from tubecam.libraries import plugin_path

PLUGIN = "TUBECAM_REQUIRE_PLUGIN"  # what deploy/setup.sh installs, and what is built with it
PACKAGES = "TUBECAM_REQUIRE_PACKAGES"  # of pyproject.toml's groups `export` and `test`
BUILT = "TUBECAM_REQUIRE_BUILT"  # what `make cpp-tests` builds for Python's tests
GPU = "TUBECAM_REQUIRE_GPU"
LIBRARIES = "TUBECAM_REQUIRE_LIBRARIES"  # packages whose arrays lie on a GPU
SHELLS = "TUBECAM_REQUIRE_SHELLS"
REAL_DATA = "TUBECAM_REAL_DATA"  # the data's folder; naming one demands what it has to hold
CI = "CI"
DEMANDED_IN_CI = (PLUGIN, PACKAGES, BUILT, CI)
TESTS_BUILD = ROOT / f"build/wheel-{sys.implementation.cache_tag}/tests/cpp"


class Missing(Exception):
    """What is missing, in words."""


class Part(NamedTuple):
    find: Callable[[], Any]  # gives the part, or raises Missing
    demanded_by: str


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Missing(f"the package {name} cannot be imported: {error}") from None


def _gstreamer() -> ModuleType:
    try:
        return importlib.import_module("tubecam.video.gstreamer")
    except tubecam.UnavailableError as error:
        raise Missing(str(error)) from None


def _plugin() -> ModuleType:
    module = _gstreamer()
    if not module.has("tubecam"):
        raise Missing("the plugin is not built")
    return module


def _program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise Missing(f"{name} is not installed")


def _file(path: Path, otherwise: str) -> Path:
    if path.exists():
        return path
    raise Missing(otherwise)


def _emulation() -> list[Path]:
    folder, otherwise = TESTS_BUILD / "emulated", "make cpp-tests has not built the emulation"
    return [_file(folder / f"libtubecam_{name}.so", otherwise) for name in ("cuda", "tensorrt")]


def _checkout() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        raise Missing("this is no checkout")
    return listed.stdout.splitlines()


def _gpu() -> str:
    try:
        tubecam.Explainer(device="cuda:0").close()
    except tubecam.TubecamError as error:
        raise Missing(f"there is no explainer on a GPU: {error}") from None
    return "cuda:0"


def _torch_with_cuda() -> ModuleType:
    torch = _package("torch")
    if not torch.cuda.is_available():
        raise Missing("this build of torch has no CUDA")
    return torch


def _real_data() -> Path:
    folder = Path(os.environ.get(REAL_DATA, "no-real-data"))
    return _file(folder, f"{REAL_DATA} names no folder with weights and clips")


_partial = functools.partial
PARTS = {
    "gstreamer": Part(_gstreamer, PLUGIN),  # the module tubecam.video.gstreamer
    "plugin": Part(_plugin, PLUGIN),  # the same, with TubeCAM's own elements in it
    "plugin-file": Part(_partial(_file, plugin_path.PLUGIN, "the plugin is not built"), PLUGIN),
    "opencv": Part(
        _partial(_file, plugin_path.LIBRARY_DIR / "libtubecam_flow.so", "built without OpenCV"),
        PLUGIN,
    ),
    **{name: Part(_partial(_program, name), PLUGIN)
       for name in ("gst-launch-1.0", "cc", "pkg-config")},
    "gi": Part(_partial(_package, "gi"), PLUGIN),
    **{name: Part(_partial(_package, name), PACKAGES)
       for name in ("jsonschema", "matplotlib", "mypy", "onnx", "onnxruntime", "pandas",
                    "setuptools", "torch", "transformers")},
    "build": Part(
        _partial(_file, TESTS_BUILD.parents[1] / "CMakeCache.txt", "nothing is built here"),
        BUILT,
    ),
    "emulation": Part(_emulation, BUILT),
    "host": Part(
        _partial(_file, TESTS_BUILD / "tubecam_host", "make cpp-tests has not built the host"),
        BUILT,
    ),
    "checkout": Part(_checkout, CI),  # the names of the files that git knows
    "gpu": Part(_gpu, GPU),
    "torch-with-cuda": Part(_torch_with_cuda, LIBRARIES),
    **{name: Part(_partial(_package, name), LIBRARIES) for name in ("cupy", "pycuda")},
    **{name: Part(_partial(_program, name), SHELLS) for name in ("bash", "dash", "fish", "zsh")},
    "pdoc": Part(_partial(_package, "pdoc"), PACKAGES),
    "real-data": Part(_real_data, REAL_DATA),
}  # fmt: skip


def is_demanded(part: Part) -> bool:
    in_ci = os.environ.get(CI) == "true" and part.demanded_by in DEMANDED_IN_CI
    return in_ci or bool(os.environ.get(part.demanded_by))


def require(name: str) -> Any:
    """The part; without it the test ends, or the module that is being collected."""
    part = PARTS[name]
    try:
        return part.find()
    except Missing as error:
        if is_demanded(part):
            pytest.fail(f"{error}, and {part.demanded_by} or CI=true demands it", pytrace=False)
        pytest.skip(str(error), allow_module_level=True)
