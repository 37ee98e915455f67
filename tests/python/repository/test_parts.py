"""Skips for want of a part: all from one table, and failures where the part is demanded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import parts
from places import ROOT

TESTS = ROOT / "tests/python"
SKIPS = re.compile(r"importorskip|pytest\.skip\(|mark\.skip")
# What this machine has more of than the test is for.
OTHER_MACHINES = {
    "cli/test_build.py": "there is a GPU",
    "explainer/test_foreign_arrays.py": "there is a GPU",
    "export/precision/test_int8_bundle.py": "the processor has no integer instructions",
}
GROUPS = sorted({part.demanded_by for part in parts.PARTS.values()})


@pytest.fixture(autouse=True)
def nothing_demanded(monkeypatch):
    for group in GROUPS:
        monkeypatch.delenv(group, raising=False)


@pytest.fixture(params=GROUPS)
def missing(request, monkeypatch) -> parts.Part:
    def find():
        raise parts.Missing("the drum is not installed")

    part = parts.Part(find, request.param)
    monkeypatch.setitem(parts.PARTS, "drum", part)
    return part


def test_a_missing_part_is_a_skip(missing):
    with pytest.raises(pytest.skip.Exception, match="the drum is not installed"):
        parts.require("drum")


def test_a_demanded_one_is_a_failure_with_a_sentence(missing, monkeypatch):
    monkeypatch.setenv(missing.demanded_by, "true")
    words = f"the drum is not installed, and {missing.demanded_by} .*demands it"
    with pytest.raises(pytest.fail.Exception, match=words):
        parts.require("drum")


def test_continuous_integration_demands_what_setup_installs(missing, monkeypatch):
    monkeypatch.setenv("CI", "true")
    outcome = pytest.fail if missing.demanded_by in parts.DEMANDED_IN_CI else pytest.skip
    with pytest.raises(outcome.Exception, match="the drum"):
        parts.require("drum")


def test_the_mark_requires_each_of_its_parts(missing, request):
    plugins = request.config.pluginmanager.get_plugins()
    conftest = str(TESTS / "conftest.py")
    (ours,) = (p for p in plugins if getattr(p, "__file__", None) == conftest)
    marks = [pytest.mark.needs("checkout"), pytest.mark.needs("drum")]
    found = SimpleNamespace(iter_markers=lambda name: [m.mark for m in marks if m.name == name])
    with pytest.raises(pytest.skip.Exception, match="the drum"):
        ours.pytest_runtest_setup(found)


@pytest.mark.parametrize("demanded", [False, True])
def test_without_gstreamer_modules_are_skipped_or_fail_and_never_break(tmp_path, demanded):
    (tmp_path / "gi.py").write_text("raise ImportError('no PyGObject here')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": path, **({parts.PLUGIN: "1"} if demanded else {})}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only",
         "tests/python/live", "tests/python/video"],
        cwd=ROOT, env=os.environ | own, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    modules = [p for room in ("live", "video") for p in (TESTS / room).glob("test_*.py")]
    lost = f"{len(modules)} errors" if demanded else f"SKIPPED [{len(modules)}]"
    assert lost in done.stdout, done.stdout
    assert ("demands it" in done.stdout) is demanded and "Traceback" not in done.stdout


def stray_skips(folder: Path) -> list[str]:
    """Files below a folder that skip by themselves."""
    return [
        name
        for path in sorted(folder.rglob("*.py"))
        if SKIPS.search(path.read_text("utf-8"))
        and (name := path.relative_to(folder).as_posix()) not in OTHER_MACHINES
    ]


def test_skips_come_from_the_table():
    own = ["repository/test_parts.py", "support/parts.py"]
    assert stray_skips(TESTS) == own


def test_a_stray_skip_is_found(tmp_path):
    (tmp_path / "test_x.py").write_text('torch = pytest.importorskip("torch")\n')
    (tmp_path / "test_y.py").write_text("import torch\n")
    assert stray_skips(tmp_path) == ["test_x.py"]
