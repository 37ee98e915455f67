"""A live source with an engine that is too slow: windows are dropped, and frames are in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

gst = pytest.importorskip("tubecam.gst")
if not gst.has("tubecam"):
    pytest.skip("the plugin is not built", allow_module_level=True)

HERE = Path(__file__).parent
FRAMES = 180


def test_frames_are_in_time_while_windows_are_dropped(emulated_package, root):
    registry = emulated_package / "registry.bin"  # of this package's plugin
    done = subprocess.run(
        [sys.executable, HERE / "slow_engine_case.py", root / "tests/golden/pool", str(FRAMES)],
        env=os.environ | {"PYTHONPATH": str(emulated_package), "TUBECAM_STAND_IN_MS": "400",
                          "GST_REGISTRY": str(registry), "TUBECAM_ENGINE": ""},
        cwd=HERE, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)
    assert counts["dropped"] > counts["windows"] / 3, counts
    assert counts["explained"] == FRAMES
    assert counts["rendered"] >= 0.85 * FRAMES, counts
