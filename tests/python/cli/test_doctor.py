"""`tubecam doctor` tells what is missing instead of failing, and its advice works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import parts
from tubecam.cli import doctor, installation
from tubecam.cli.installation import Check
from tubecam.libraries import plugin_path


def report(tubecam_command, **environment) -> tuple[int, dict]:
    env = {**os.environ, **environment}
    done = tubecam_command("doctor", "--json", env=env)
    return done.returncode, json.loads(done.stdout)


def by_name(found: dict) -> dict:
    return {check["name"]: check for check in found["checks"]}


def test_this_installation_is_healthy(tubecam_command):
    status, found = report(tubecam_command)
    assert [c for c in found["checks"] if c["needed"] and not c["ok"]] == []
    assert (status, found["healthy"]) == (0, True)


def test_the_printed_line_lets_gst_inspect_find_the_elements(tubecam_command, tmp_path):
    line = tubecam_command("doctor").stdout.splitlines()[-1].strip()
    assert line == 'eval "$(tubecam env)"'
    assert tubecam_command("env").stdout.strip() == plugin_path.export_line()
    env = {k: v for k, v in os.environ.items() if k != "GST_PLUGIN_PATH"}
    env["GST_REGISTRY"] = str(tmp_path / "registry.bin")
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    for element in ("tubecam", "tubeoverlay"):
        command = ["bash", "-c", f"{line}; gst-inspect-1.0 {element}"]
        seen = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert seen.returncode == 0, seen.stderr
        assert "Apache 2.0" in seen.stdout


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [("gi", "Python bindings", "PyGObject"), ("openvino", "OpenVINO", "openvino==")],
)
def test_a_missing_module_is_reported(tubecam_command, tmp_path, module, name, advice):
    # A package that raises when imported stands for one that is broken.
    (tmp_path / f"{module}.py").write_text("raise ImportError('broken for this test')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    status, found = report(tubecam_command, PYTHONPATH=path)
    check = by_name(found)[name]
    assert status == 1 and not found["healthy"] and not check["ok"]
    assert "broken for this test" in check["detail"]
    assert advice in check["fix"] or "gir1.2" in check["fix"]


def test_missing_elements_name_their_package(monkeypatch):
    from tubecam.video import gstreamer

    monkeypatch.setattr(gstreamer, "has", lambda element: element != "x264enc")
    missing = [check for check in installation.all_checks() if not check.ok and check.needed]
    assert [check.fix for check in missing] == ["apt-get install gstreamer1.0-plugins-ugly"]
    assert "x264enc" in missing[0].detail


def test_advice_is_one_command_a_tool():
    checks = [
        Check("g", "a", False, "", "apt-get install one"),
        Check("g", "b", False, "", "apt-get install two"),
        Check("g", "c", False, "", "pip install three"),
        Check("g", "d", False, "", "pip install four", needed=False),
    ]
    assert doctor._advice(checks, healthy=False) == [
        "Install what is missing:",
        "  sudo apt-get install one two",
        "  pip install three",
        "Optional:",
        "  pip install four",
    ]


@pytest.mark.parametrize(
    ("present", "expected"),
    [("", "{own}"), ("/a:/b", "{own}:/a:/b"), ("/a:{own}:/b", "{own}:/a:/b"), (":", "{own}")],
)
def test_search_path_keeps_what_is_there(present, expected):
    own = str(plugin_path.PLUGIN_DIR)
    assert plugin_path.search_path(present.format(own=own)) == expected.format(own=own)


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish"])
@pytest.mark.parametrize("present", ["", "/usr/lib/a folder:/opt/$HOME"])
def test_every_shell_reads_the_line(shell, present, monkeypatch):
    monkeypatch.setattr(plugin_path, "PLUGIN_DIR", Path('/it\'s/a `way` to $(nowhere) "ü"'))
    monkeypatch.setenv("GST_PLUGIN_PATH", present)
    line = plugin_path.export_line()
    assert "\n" not in line
    command = [parts.require(shell), "-c", 'eval "$(cat)"; printenv GST_PLUGIN_PATH']
    seen = subprocess.run(command, input=line, capture_output=True, text=True, timeout=60)
    assert seen.stderr == "" and seen.stdout[:-1] == plugin_path.search_path(present)


def test_it_runs_as_a_module_without_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "tubecam.cli.doctor", "--json"], capture_output=True, text=True
    )
    assert json.loads(done.stdout)["checks"]
