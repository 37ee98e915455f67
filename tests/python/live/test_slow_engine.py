"""An engine that is too slow: live, windows are dropped; a file waits for it to its last frame."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import parts
from places import SUPPORT

gst = parts.require("plugin")

from running import plain_video  # noqa: E402

FRAMES = 180


@pytest.fixture
def run_slowly(emulated_package, root):
    """Runs Python with a stand-in of an engine that takes so many milliseconds a window."""
    own = {
        "PYTHONPATH": str(emulated_package), "TUBECAM_ENGINE": "",
        "GST_REGISTRY": str(emulated_package / "registry.bin"),  # of this package's plugin
    }  # fmt: skip

    def run(milliseconds: int, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, arguments)], cwd=SUPPORT, capture_output=True, text=True,
            env=os.environ | own | {"TUBECAM_STAND_IN_MS": str(milliseconds)}, timeout=120,
        )  # fmt: skip

    return run


def test_frames_are_in_time_while_windows_are_dropped(run_slowly, root):
    done = run_slowly(400, "slow_engine_case.py", root / "tests/golden/pool", FRAMES)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)
    assert counts["dropped"] > counts["windows"] / 3, counts
    assert counts["explained"] == FRAMES
    assert counts["rendered"] >= 0.85 * FRAMES, counts


def test_a_file_whose_last_frames_wait_for_the_model_is_whole(run_slowly, root, tmp_path):
    """The last window begins when the last frames are in the decoder, and lasts longer than
    demuxers that forget to end are waited for."""
    video, out = plain_video(tmp_path / "in.mp4", 65, sound=False), tmp_path / "out.mp4"
    code = (
        "from tubecam.cli import main; from tubecam.run import player\n"
        "player._PATIENCE = 0.4; main.script()"
    )
    bundle = ["--bundle", root / "tests/golden/pool", "--device", "cuda:0"]
    done = run_slowly(900, "-c", code, "run", video, "-o", out, *bundle)
    assert done.returncode == 0, done.stderr
    assert "65 frames" in done.stderr
