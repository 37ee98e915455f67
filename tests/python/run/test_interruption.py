"""`tubecam run` interrupted: what is written so far can be played."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from running import lines, plain_video
from tubecam.errors import EXIT_STATUS
from tubecam.run.signals import SIGNALS, Interrupted, interruptible, raising
from tubecam.video.reader import read_frames
from tubecam.video.source import parse_source
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


# ---- at any moment ----

# Lets the process send itself a signal as it enters a function, the first time or the N-th:
# `module:function` or `module:Class.function N`.
INJECT = """
import importlib, os, signal, sys
place, number, *arguments = sys.argv[1:]
module, _, rest = place.partition(":")
owner, _, name = rest.rpartition(".")
name, _, when = name.partition(" ")
home = importlib.import_module(module)
home = getattr(home, owner) if owner else home
before, calls = getattr(home, name), 0
def entered(*args, **kwargs):
    global calls
    calls += 1
    if calls == int(when or 1):
        os.kill(os.getpid(), int(number))
    return before(*args, **kwargs)
setattr(home, name, entered)
from tubecam.cli import main as cli
sys.argv[1:] = arguments
cli.script()
"""
PLACES = {
    "parsing": ("tubecam.video.source:parse_source", False),
    "reading the bundle": ("tubecam.bundle.bundle:load_bundle", False),
    "checking": ("tubecam.run.execute:check", False),
    "building": ("tubecam.run.pipeline:Pipeline._build_explanation", False),
    "before it starts": ("tubecam.run.player:Player.play", False),
    "while the model compiles": ("tubecam.run.pipeline:Pipeline.start", False),
    "before preroll": ("tubecam.run.pipeline:Pipeline._pad_added", False),
    "at a frame": ("tubecam.run.gate:Gate._repair_time 20", True),
    "at the first window": ("tubecam.windows.jsonl:JsonLines.write", True),
    "while it closes": ("tubecam.run.player:Player._close", True),
    "while it finishes": ("tubecam.run.execute:_finish", True),
    "while the sheet is drawn": ("tubecam.figures.contact_sheet:draw_sheet", True),
}


def inject(place: str, number: int, folder: Path, video: Path):
    """A run that gets signals there: its status as a shell sees it, and what it said."""
    out, jsonl, sheet = (folder / f"out.{end}" for end in ("mp4", "jsonl", "png"))
    command = [sys.executable, "-c", INJECT, place, str(int(number))]
    command += ["run", video, "-o", out, "--jsonl", jsonl, "--sheet", sheet]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return as_shells_see(done.returncode), done.stderr


def as_shells_see(status: int) -> int:
    return 128 - status if status < 0 else status


def boxes(path: Path) -> list[bytes]:
    """Kinds of an MP4's outermost boxes."""
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


def assert_whole(folder: Path) -> set[str]:
    """Every file that is there is whole, and none is left half; gives their names."""
    names = {path.name for path in folder.iterdir()}
    assert names <= {"out.mp4", "out.jsonl", "out.png"}, names
    if "out.mp4" in names:
        kinds = boxes(folder / "out.mp4")
        assert b"moov" in kinds and b"moof" not in kinds  # it is finished
        assert any(read_frames(parse_source(str(folder / "out.mp4"))))
    if "out.jsonl" in names:
        lines(folder / "out.jsonl")
    if "out.png" in names:
        with Image.open(folder / "out.png") as sheet:
            sheet.load()
    return names


@pytest.fixture(scope="module")
def short_video(tmp_path_factory) -> Path:
    return plain_video(tmp_path_factory.mktemp("videos") / "short.mp4")


@pytest.mark.parametrize("where", PLACES)
def test_a_signal_at_any_moment(short_video, tmp_path, where):
    place, video_kept = PLACES[where]
    number = SIGNALS[list(PLACES).index(where) % len(SIGNALS)]
    status, errors = inject(place, number, tmp_path, short_video)
    assert status == 128 + number, errors
    assert ("out.mp4" in assert_whole(tmp_path)) == video_kept
    assert "damaged" not in errors and "short.mp4:" not in errors  # the input is not to blame


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_has_its_status(short_video, tmp_path, number):
    status, _ = inject("tubecam.windows.jsonl:JsonLines.write", number, tmp_path, short_video)
    assert status == 128 + number and EXIT_STATUS[status]
    assert_whole(tmp_path)


@pytest.mark.parametrize("where", ["while it finishes", "while the sheet is drawn"])
def test_a_second_signal_leaves_no_half_file(short_video, tmp_path, where):
    """The second one comes while the first is being answered."""
    place, _ = PLACES[where]
    code = INJECT.replace(
        "os.kill(os.getpid(), int(number))",
        "os.kill(os.getpid(), int(number)); time.sleep(0.1); os.kill(os.getpid(), int(number))",
    ).replace("import importlib,", "import time, importlib,")
    out, sheet = tmp_path / "out.mp4", tmp_path / "out.png"
    command = [sys.executable, "-c", code, place, str(int(signal.SIGTERM))]
    command += ["run", short_video, "-o", out, "--sheet", sheet]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 143 and "Traceback" not in done.stderr, done.stderr
    assert assert_whole(tmp_path) <= {"out.mp4"}


def test_signals_after_any_delay(short_video, tmp_path):
    """From before Python has begun to after the run has ended."""
    seen = set()
    for step in range(16):
        folder = tmp_path / str(step)
        folder.mkdir()
        out, jsonl = folder / "out.mp4", folder / "out.jsonl"
        command = [sys.executable, "-m", "tubecam", "run", short_video, "-o", out]
        process = subprocess.Popen([*command, "--jsonl", jsonl], stderr=subprocess.PIPE, text=True)
        time.sleep(0.12 * step)
        number = SIGNALS[step % len(SIGNALS)]
        process.send_signal(number)
        errors = process.communicate(timeout=120)[1]
        status = as_shells_see(process.returncode)
        assert status in (0, 128 + number), (step, errors)
        assert "tubecam: " not in errors.replace("tubecam: interrupted", ""), errors
        assert_whole(folder)
        seen.add(status == 0)
    assert False in seen


def test_an_ignored_hang_up_stays_ignored(short_video, tmp_path):
    """As nohup starts it."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable, '-c', *sys.argv[1:]])"
    )
    inner = [INJECT, "tubecam.windows.jsonl:JsonLines.write", str(int(signal.SIGHUP))]
    command = [sys.executable, "-c", code, *inner, "run", str(short_video), "--jsonl"]
    done = subprocess.run([*command, tmp_path / "out.jsonl"], timeout=120, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("interrupt", [signal.default_int_handler, signal.SIG_IGN])
def test_a_signal_that_is_forgotten_counts(interrupt):
    """Raised in a callback of a library it is printed and gone; the command ends all the same.

    A shell's background ignores SIGINT, and only that.
    """
    given = signal.signal(signal.SIGINT, interrupt)
    try:
        with raising() as before:
            with contextlib.suppress(Interrupted):  # as GLib does
                signal.raise_signal(signal.SIGTERM)
            counts = []
            with interruptible(counts.append) as seen:
                assert seen == [signal.SIGTERM] and counts == [1]
                signal.raise_signal(signal.SIGHUP)
            assert seen == [signal.SIGTERM, signal.SIGHUP] and counts == [1, 2]
        assert before == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGINT, given)


def test_other_commands_clean_up_and_say_which_signal(tmp_path):
    """An export ends by SIGTERM: no folder is left that is half a bundle."""
    command = [sys.executable, "-c", INJECT, "tubecam.export.bundle_folder:write_sidecar", "15"]
    command += ["export", "r3d_18", "--random-weights", "--length", "4", "--size", "32x32"]
    done = subprocess.run(
        [*command, "-o", tmp_path / "b"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 143, done.stderr
    assert list(tmp_path.iterdir()) == []
