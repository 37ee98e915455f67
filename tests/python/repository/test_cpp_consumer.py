"""A program in C++ that uses the installed library: its headers, CMake package and pkg-config."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import parts
from tubecam import __version__

BUILD = Path("build") / f"wheel-{sys.implementation.cache_tag}"
MINOR = __version__.rpartition(".")[0]
STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Werror")


def call(*command, **options) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(root, tmp_path_factory) -> Path:
    """Where the library is installed, as a system's package would do."""
    parts.require("build")
    folder = tmp_path_factory.mktemp("prefix")
    call("cmake", "--install", root / BUILD, "--prefix", folder)
    return folder


@pytest.fixture(scope="module")
def pkg_config(prefix):
    (package,) = prefix.rglob("tubecam.pc")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(package.parent)}

    def ask(*options) -> list[str]:
        return call("pkg-config", *options, "tubecam", env=environment).split()

    return ask


def explains(program: Path, prefix: Path) -> None:
    """The program finds the library, the engine and the bundle, and says what it saw."""
    openvino = Path(importlib.util.find_spec("openvino").origin).parent / "libs"
    paths = [*{str(p.parent) for p in prefix.rglob("libtubecam.so")}, str(openvino)]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(paths)}
    said = call(program, prefix / "share/tubecam/engines/motion", env=environment).splitlines()
    assert len(said) >= 3 and all(line.startswith("right ") for line in said[1:]), said


def test_through_cmake(root, prefix, tmp_path):
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_CXX_FLAGS=" + " ".join(STRICT)]
    call("cmake", "-S", root / "deploy/cpp", "-B", tmp_path, *options)
    call("cmake", "--build", tmp_path)
    explains(tmp_path / "explain", prefix)


def test_another_minor_version_is_not_taken(root, prefix, tmp_path):
    text = (root / "deploy/cpp/CMakeLists.txt").read_text("utf-8")
    (tmp_path / "CMakeLists.txt").write_text(
        text.replace("tubecam REQUIRED", "tubecam 0.1 REQUIRED")
    )
    command = ["cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={prefix}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode and f"tubecamConfig.cmake, version: {__version__}" in done.stderr


def test_through_pkg_config(root, prefix, pkg_config, tmp_path):
    assert pkg_config("--modversion") == [__version__]
    program, flags = tmp_path / "explain", pkg_config("--cflags", "--libs")
    call("c++", *STRICT, root / "deploy/cpp/explain.cc", "-o", program, *flags)
    explains(program, prefix)


def test_the_library_has_a_version_and_links_that_lead_to_it(prefix):
    (link,) = prefix.rglob("libtubecam.so")
    assert link.is_symlink() and link.resolve().name == f"libtubecam.so.{MINOR}"
    assert not (prefix / "tubecam").exists()  # the wheel's part stays the wheel's


def test_every_public_header_compiles_alone(prefix, pkg_config, tmp_path):
    headers = sorted((prefix / "include").rglob("*.h"))
    names = [header.relative_to(prefix / "include").as_posix() for header in headers]
    assert "tubecam/explain/explainer.h" in names and len(names) <= 30
    source, flags = tmp_path / "one.cc", pkg_config("--cflags")
    for name in names:
        source.write_text(f"#include <{name}>\n")
        call("c++", *STRICT, "-fsyntax-only", source, *flags)


def test_public_headers_need_the_standard_library_alone(prefix):
    text = "".join(h.read_text("utf-8") for h in (prefix / "include").rglob("*.h"))
    included = {line.split()[1] for line in text.splitlines() if line.startswith("#include")}
    others = {name for name in included if name.startswith("<") and ("/" in name or "." in name)}
    assert others == set() and all(n.startswith(("<", '"tubecam/')) for n in included)
