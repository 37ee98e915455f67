"""The programs in deploy/metadata.md do what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import parts

gst = parts.require("plugin")

from tubecam.libraries import plugin_path  # noqa: E402


@pytest.fixture
def program(root, tmp_path):
    """The page's only block in a language, as a file."""

    def write(language: str, suffix: str):
        page = (root / "deploy" / "metadata.md").read_text("utf-8")
        (text,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
        path = tmp_path / f"program{suffix}"
        path.write_text(text)
        return path

    return write


def output(*command) -> list[str]:
    env = {**os.environ, "GST_PLUGIN_PATH": plugin_path.search_path()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_python_program_reads_every_frame(program):
    lines = output(sys.executable, program("python", ".py"))
    assert len(lines) == 60
    pattern = r".+ [01]\.\d\d, most of it at .* tube \(\d+, \d+, \d+\)"
    assert all(re.match(pattern, line) for line in lines)


def test_the_c_program_reads_every_frame_without_our_headers(program, tmp_path):
    compiler, pkg_config = parts.require("cc"), parts.require("pkg-config")
    source, binary = program("c", ".c"), tmp_path / "frames"
    flags = output(pkg_config, "--cflags", "--libs", "gstreamer-1.0")[0].split()
    strict = ("-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")
    output(compiler, *strict, source, "-o", binary, *flags)
    lines = output(binary)
    assert len(lines) == 60
    assert all(re.match(r".+ [01]\.\d\d, tube \d+x\d+x\d+", line) for line in lines)
    assert any("box" in line for line in lines)


def test_the_page_names_real_files_and_properties(root):
    page = root / "deploy" / "metadata.md"
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert links and all((page.parent / link).exists() for link in links)
    element = gst.make("tubecam")
    assert all(element.find_property(name) for name in ("stats", "max-held-bytes", "hop"))
