"""Builds the wheel: CMake builds and installs, setuptools packs what it finds."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# One folder a Python, kept, so that the next build compiles only what changed.
BUILD = ROOT / "build" / f"wheel-{sys.implementation.cache_tag}"


class FreshBuildPy(build_py):
    """Copies the Python files into an empty folder: a removed module must not stay in the wheel."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class CMakeBuild(build_ext):
    """Configures, builds and installs csrc into the package; `TUBECAM_CMAKE_ARGS` adds options."""

    def run(self) -> None:
        cmake = shutil.which("cmake")
        if cmake is None:
            sys.exit("tubecam is built with CMake, which is missing: run deploy/setup.sh first")
        options = [
            f"-DPython_EXECUTABLE={sys.executable}",
            "-DTUBECAM_TESTS=OFF",
            "-DTUBECAM_RELOCATABLE=ON",
        ]
        options += ["-GNinja"] if shutil.which("ninja") else []
        options += shlex.split(os.environ.get("TUBECAM_CMAKE_ARGS", ""))
        jobs = str(len(os.sched_getaffinity(0)))
        prefix = ROOT / "python" if self.inplace else Path(self.build_lib).resolve()
        for step in (
            ["-S", ROOT, "-B", BUILD, *options],
            ["--build", BUILD, "--parallel", jobs],
            ["--install", BUILD, "--prefix", prefix, "--component", "wheel"],
        ):
            if subprocess.run([cmake, *step]).returncode:
                sys.exit("tubecam's C++ part could not be built; the reason stands above")


def build_requirements() -> list[str]:
    """What the build needs besides pyproject.toml's: OpenVINO as it is pinned there, and tools."""
    stated = (ROOT / "pyproject.toml").read_text("utf-8")
    tools = [tool for tool in ("cmake", "ninja") if shutil.which(tool) is None]
    return [re.search(r"openvino==[\w.]+", stated).group(), *tools]


setup(
    setup_requires=build_requirements(),
    ext_modules=[Extension("tubecam._core", sources=[])],  # makes the wheel a platform's
    cmdclass={"build_py": FreshBuildPy, "build_ext": CMakeBuild},
    options={"build": {"build_base": "build/setuptools"}},
)
