"""`tubecam run` interrupted: what is written so far can be played."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from videos import H264, Gst, read_video


def has_fragment(part: Path) -> bool:
    return part.exists() and b"moof" in part.read_bytes()


def interrupt(video: Path, out: Path, kind=signal.SIGINT, times: int = 1) -> tuple[int, str]:
    """Starts a run and interrupts it once a second of video is in the file.

    The run is stopped meanwhile, in short steps: it would else be over before a test that is itself
    kept waiting on a busy machine has looked.
    """
    command = [sys.executable, "-m", "tubecam", "run", str(video), "-o", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    part = out.with_name(f"{out.stem}.partial{out.suffix}")
    deadline = time.monotonic() + 60
    while True:
        process.send_signal(signal.SIGSTOP)
        if has_fragment(part):
            break
        process.send_signal(signal.SIGCONT)
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGCONT)
    for _ in range(times):
        process.send_signal(kind)
        time.sleep(0.05)
    errors = process.communicate(timeout=60)[1]
    return process.returncode, errors


@pytest.fixture(scope="module")
def long_video(tmp_path_factory) -> Path:
    """Longer than anyone waits before pressing Ctrl-C."""
    path = tmp_path_factory.mktemp("videos") / "long.mp4"
    source = "videotestsrc num-buffers=1500 pattern=ball ! video/x-raw,width=960,height=540"
    line = f"{source} ! identity ! {H264} ! mp4mux ! filesink location={path}"
    pipeline = Gst.parse_launch(line)
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS)
    pipeline.set_state(Gst.State.NULL)
    return path


def test_ctrl_c_leaves_a_playable_file(long_video, tmp_path):
    out = tmp_path / "out.mp4"
    status, errors = interrupt(long_video, out)
    assert status == 130 and "Written" in errors
    assert 10 < len(read_video(out).frames) < 1500
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_second_ctrl_c_stops_at_once(long_video, tmp_path):
    status, _ = interrupt(long_video, tmp_path / "out.mp4", times=2)
    assert status == 130


def test_kill_leaves_a_playable_file(long_video, tmp_path):
    status, _ = interrupt(long_video, tmp_path / "out.mp4", kind=signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert len(read_video(tmp_path / "out.partial.mp4").frames) > 10
