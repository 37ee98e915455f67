"""The source distribution holds all that the wheel is built from."""

from __future__ import annotations

import subprocess
import sys
import tarfile

import parts

BUILT_FROM = ("csrc/", "cmake/", "engines/motion/", "python/")
BESIDE = ("CMakeLists.txt", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "setup.py")


def test_nothing_that_the_build_reads_is_left_out(root, tmp_path):
    parts.require("setuptools")
    tracked = parts.require("checkout")
    wanted = {f for f in tracked if f.startswith(BUILT_FROM) or f in BESIDE}
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", tmp_path]
    command += ["sdist", "-d", tmp_path / "dist"]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=120)
    (archive,) = (tmp_path / "dist").iterdir()
    with tarfile.open(archive) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    assert len(wanted) > 200 and wanted - held == set()
