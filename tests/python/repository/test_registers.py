"""The table of registers and spills, from a report of ptxas."""

from __future__ import annotations

import subprocess
import sys

from places import ROOT

SCRIPT = ROOT / "tests/perf/registers.py"
NAMESPACE = "_ZN7tubecam46_GLOBAL__N__c208d0df_13_cam3d_cuda_cu_dab3a5a3"
KERNEL = f"{NAMESPACE}12cam3d_kernelI6__halfLi4EEEvNS0_9CamLaunchE"
REPORT = f"""\
ptxas info    : Compiling entry function '{KERNEL}' for 'sm_87'
    0 bytes stack frame, {{spills}} bytes spill stores, 0 bytes spill loads
ptxas info    : Used 64 registers, used 1 barriers, 488 bytes cmem[0]
ptxas info    : Compiling entry function '{KERNEL}' for 'sm_120'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 72 registers, used 1 barriers
"""


def run(text, *options):
    command = [sys.executable, SCRIPT, *map(str, options)]
    return subprocess.run(command, input=text, capture_output=True, text=True)


def test_kernels_come_with_their_range_of_registers():
    done = run(REPORT.format(spills=0))
    assert done.returncode == 0, done.stderr
    assert "\ncam3d_kernel<float16, 4> " in done.stdout
    assert "64-72" in done.stdout and "for sm_87 sm_120" in done.stdout


def test_spills_fail():
    done = run(REPORT.format(spills=8))
    assert done.returncode == 1 and "cam3d_kernel" in done.stderr


def test_an_empty_report_fails_unless_an_earlier_one_is_kept(tmp_path):
    kept = tmp_path / "kept.json"
    assert run("ninja: no work to do.\n", "--keep", kept).returncode == 1
    assert run(REPORT.format(spills=0), "--keep", kept).returncode == 0
    again = run("ninja: no work to do.\n", "--keep", kept)
    assert again.returncode == 0 and "64-72" in again.stdout


def test_errors_of_the_compiler_are_passed_on():
    assert "x.cu(3): error" in run("x.cu(3): error: no\n").stderr
