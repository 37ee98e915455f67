"""deploy/setup.sh: what it asks the system's package manager for; nothing is installed."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

HEADER = "opencv4/opencv2/video/tracking.hpp"
ANALYTICS = "gstreamer-1.0/gst/analytics/analytics.h"
FLOW = "libopencv-video-dev"
APT = """#!/bin/bash
echo "$@" >>"$LOG"
"""
# All that is asked about is there, but for what `MISSING` names.
DPKG = """#!/bin/bash
for name in "$@"; do
  [[ $name == -* || $name == *'$'* || " $MISSING " == *" $name "* ]] || echo "installed $name"
done
"""


@pytest.fixture
def setup(root, tmp_path):
    """Runs the script where `missing` is to be installed; gives what it printed and apt-get's."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in {"apt-get": APT, "dpkg-query": DPKG, "sudo": '#!/bin/bash\n"$@"\n'}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(stat.S_IRWXU)
    log, include = tmp_path / "apt.log", tmp_path / "include"

    def run(*arguments, missing="", opencv=False, analytics=False):
        log.write_text("")
        for header, there in ((HEADER, opencv), (ANALYTICS, analytics)):
            (include / header).parent.mkdir(parents=True, exist_ok=True)
            (include / header).unlink(missing_ok=True)
            if there:
                (include / header).touch()
        env = {"PATH": f"{tools}:{os.environ['PATH']}", "LOG": str(log), "MISSING": missing,
               "INCLUDE_DIRS": str(include)}  # fmt: skip
        done = subprocess.run([root / "deploy" / "setup.sh", *arguments], env=env, text=True,
                              capture_output=True, timeout=60)  # fmt: skip
        return done, log.read_text().splitlines()

    return run


def installed(lines):
    (line,) = [line for line in lines if " install " in line]
    return line.partition("--no-install-recommends ")[2].split()


def test_nothing_is_asked_for_where_all_is_there(setup):
    done, asked = setup()
    assert (done.returncode, done.stdout, asked) == (0, "", [])


def test_the_demo_does_without_what_the_tests_need(setup):
    done, asked = setup(missing=f"cmake {FLOW}")
    assert done.returncode == 0 and installed(asked) == ["cmake"]
    assert "installing the system packages cmake" in done.stdout


def test_the_tests_get_the_optional_parts_too(setup):
    done, asked = setup("--test", missing=f"cmake {FLOW}")
    assert done.returncode == 0 and installed(asked) == ["cmake", FLOW]
    assert FLOW in done.stdout


def test_another_opencv_will_do(setup):
    done, asked = setup("--test", missing=FLOW, opencv=True)
    assert (done.returncode, asked) == (0, [])


def test_optional_parts_are_told(setup):
    assert setup("--optional")[0].stdout == ""
    done, asked = setup("--optional", opencv=True)
    assert done.stdout.strip().endswith(HEADER) and not asked


def test_analytics_count_as_a_part_and_take_no_other_ones_place(setup):
    assert setup("--optional", analytics=True)[0].stdout.strip().endswith(ANALYTICS)
    done, asked = setup("--test", missing=FLOW, analytics=True)
    assert installed(asked) == [FLOW]


def test_an_unknown_argument_is_refused(setup):
    done, asked = setup("--tests")
    assert done.returncode == 1 and "unknown argument --tests" in done.stderr and not asked


@pytest.mark.parametrize(
    ("goals", "argument"),
    [(["demo"], ""), (["test"], " --test"), (["demo", "test"], " --test"), (["asan"], " --test")],
)
def test_make_says_which(root, goals, argument):
    done = subprocess.run(["make", "-n", *goals], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first = next(line for line in done.stdout.splitlines() if "deploy/setup.sh" in line)
    assert f"{first.strip()} ".rstrip() == f"deploy/setup.sh{argument}"
