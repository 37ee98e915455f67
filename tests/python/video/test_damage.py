"""Videos of which parts are missing or broken; and whole ones, which must not be accused."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from running import FPS, complaint, last_line, lines, plain_video, run
from tubecam import DamageWarning, Explainer
from tubecam.cli import main as cli
from tubecam.video import decoder_log
from tubecam.video.container_size import stated_size
from tubecam.video.damage import DamageWatch
from tubecam.video.gstreamer import Gst
from tubecam.video.reader import read_frames
from tubecam.video.source import parse_source
from videos import JPEG, number_of, numbered, read_video, write_video

FRAMES, SIZE = 120, (240, 180)
MPEG2 = "mpeg2enc format=3 bitrate=3000 ! mpegvideoparse"
# File name, encoder, muxer: what people have.
KINDS = {
    "h264.mp4": ("x264enc speed-preset=ultrafast key-int-max=30 ! h264parse", "mp4mux"),
    "h264.mkv": ("x264enc speed-preset=ultrafast key-int-max=30 ! h264parse", "matroskamux"),
    "mpeg4.avi": ("avenc_mpeg4 pass=quant quantizer=4", "avimux"),
    "mjpeg.avi": (JPEG, "avimux"),
    "mpeg2.mpg": (MPEG2, "mpegpsmux"),
    "mpeg2.ts": (MPEG2, "mpegtsmux"),
    "vp8.webm": ("vp8enc target-bitrate=3000000 deadline=1 keyframe-max-dist=30", "webmmux"),
}


def noisy(count: int):
    """Frames that do not compress well, so that damage anywhere in a file hits pictures."""
    rng = np.random.default_rng(7)
    for frame in numbered(count, SIZE):
        yield frame // 2 + rng.integers(0, 60, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, Path]:
    """Four seconds in each of the formats."""
    folder = tmp_path_factory.mktemp("whole")
    times = [i / FPS for i in range(FRAMES)]
    return {
        name: write_video(folder / name, noisy(FRAMES), times, encoder=encoder, muxer=muxer)
        for name, (encoder, muxer) in KINDS.items()
    }


def damage_of(path: Path) -> str:
    """What reading a file in Python says of its damage."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in read_frames(parse_source(str(path))):
            pass
    return " ".join(str(w.message) for w in told if issubclass(w.category, DamageWarning))


def seconds_in(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?:from|to|at) ([0-9.]+) s", text)]


# ---- whole files ----


@pytest.mark.parametrize("name", KINDS)
def test_whole_files_are_not_accused(whole, tmp_path, name):
    assert damage_of(whole[name]) == ""
    assert run(whole[name], "-o", tmp_path / "out.mkv", "--jsonl", tmp_path / "a", "-q") == 0


def test_a_variable_rate_with_holes_is_whole(tmp_path):
    steps = [0.02, 0.05, 0.033, 0.9, 0.04, 0.04] * 8
    times = list(np.cumsum([0.0, *steps]))
    for name in ("vfr.mkv", "vfr.mp4"):
        path = write_video(tmp_path / name, numbered(len(times)), times, fps="0/1")
        assert damage_of(path) == ""
        assert run(path, "--jsonl", "/dev/null", "-q") == 0


def test_a_sound_that_is_longer_than_the_picture_is_whole(tmp_path):
    sound = "audiotestsrc num-buffers=300 ! avenc_aac"
    times = [i / FPS for i in range(45)]
    path = write_video(tmp_path / "sound.mp4", numbered(45), times, audio=sound)
    assert damage_of(path) == "" and run(path, "--jsonl", "/dev/null", "-q") == 0


def test_a_gif_is_whole(tmp_path):
    """All its frames come at one time."""
    from PIL import Image

    frames = [Image.fromarray(frame) for frame in numbered(30)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)
    assert damage_of(path) == ""


def test_a_part_that_was_asked_for_is_whole(whole, tmp_path):
    """What is still in the decoder when the run ends early is not lost."""
    assert run(whole["h264.mp4"], "--jsonl", tmp_path / "a", "--duration", "1.5", "-q") == 0


def test_what_a_camera_appends_is_no_damage(whole, tmp_path):
    for name in ("h264.mp4", "h264.mkv", "mpeg4.avi", "mpeg2.mpg"):
        path = tmp_path / name
        path.write_bytes(whole[name].read_bytes() + b"\xff" * 5000)
        assert stated_size(path) <= path.stat().st_size if stated_size(path) else True
        assert damage_of(path) == "", name


def test_what_an_editor_cut_away_is_no_damage(tmp_path):
    """Editors leave pictures in a file, and say from when on they are not to be shown."""
    path, reordered = tmp_path / "cut.mp4", "x264enc bframes=3 b-adapt=false speed-preset=fast"
    write_video(path, numbered(60), [i / FPS for i in range(60)], encoder=reordered)
    data = bytearray(path.read_bytes())
    duration = data.index(b"elst") + 12
    units = int.from_bytes(data[duration : duration + 4], "big")
    for frames in range(30, 42):
        data[duration : duration + 4] = (units * frames // 60).to_bytes(4, "big")
        path.write_bytes(data)
        assert damage_of(path) == "", frames
    assert run(path, "--jsonl", "/dev/null", "-q") == 0


# ---- damage ----


@pytest.mark.parametrize("name", KINDS)
def test_a_quarter_that_is_zero(whole, tmp_path, capsys, name):
    """The places are right, the rest is explained, and the status is its own."""
    data = whole[name].read_bytes()
    size = len(data)
    broken, out, jsonl = tmp_path / name, tmp_path / "out.mkv", tmp_path / "a.jsonl"
    broken.write_bytes(data[: size // 2] + bytes(size // 4) + data[size // 2 + size // 4 :])
    text = complaint(capsys, 3, broken, "-o", out, "--jsonl", jsonl, "--no-overlay")
    assert f"{broken} is damaged: " in text and f"{out} and {jsonl} hold the rest" in text
    places = seconds_in(text.partition("; ")[0])
    assert 1.4 < min(places) < 2.6 and 1.9 < max(places) < 4.1
    assert 50 < len(read_video(out).frames) and lines(jsonl)
    told = damage_of(broken)
    assert "is damaged: " in told and 1.4 < min(seconds_in(told)) < 2.6


def test_a_decoder_that_logs_each_byte_costs_no_time(whole, tmp_path):
    """Zeros within a packet of MPEG-4 are a line of libav's log each."""
    data = whole["mpeg4.avi"].read_bytes()
    broken, size, seconds = tmp_path / "a.avi", len(data), []
    broken.write_bytes(data[: size // 2] + bytes(size // 4) + data[size // 2 + size // 4 :])
    for path in (whole["mpeg4.avi"], broken):
        begin = time.process_time()
        damage_of(path)
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 5 * seconds[0] + 0.5  # it was fifty times as much


def test_the_next_picture_is_heard_whoever_falls_silent_just_then(monkeypatch):
    """Decoders log in threads of their own, beside the one that gives them pictures."""
    levels, threads = [], []

    def set_level(level):
        if level == Gst.DebugLevel.NONE:
            threads.append(threading.Thread(target=decoder_log.hear_next_picture))
            threads[-1].start()
            threads[-1].join(0.3)  # as far as it gets
        levels.append(level)

    monkeypatch.setattr(decoder_log, "_set_level", set_level)
    monkeypatch.setattr(decoder_log, "_MOST_LINES", 3)
    category = SimpleNamespace(get_name=lambda: "libav")
    message = SimpleNamespace(get=lambda: "")
    decoder_log.hear_next_picture()
    for _ in range(3):
        decoder_log._log(category, Gst.DebugLevel.ERROR, "", "", 0, None, message, True)
    for thread in threads:
        thread.join()
    assert levels == [Gst.DebugLevel.NONE, Gst.DebugLevel.ERROR]


def test_a_step_over_damage_is_not_taken_for_the_last_one(whole):
    watch = DamageWatch(parse_source(str(whole["mpeg4.avi"])))
    pad, buffer = SimpleNamespace(get_stream_id=lambda: None), Gst.Buffer()
    info = SimpleNamespace(get_buffer=lambda: buffer)
    for number in (*range(30), 90, *range(92, FRAMES)):
        buffer.pts = number * Gst.SECOND // FPS
        watch._enters(pad, info)
        watch.came(buffer.pts)
        assert watch.all_came(FRAMES / FPS) == (number >= FRAMES - 1) or number == FRAMES - 2


def test_lost_pictures_are_counted(whole, tmp_path, capsys):
    data = whole["h264.mp4"].read_bytes()
    broken, out = tmp_path / "a.mp4", tmp_path / "out.mkv"
    size = len(data)
    broken.write_bytes(data[: size // 2] + bytes(size // 4) + data[size // 2 + size // 4 :])
    text = complaint(capsys, 3, broken, "-o", out, "--no-overlay")
    came = len(read_video(out).frames)
    assert f"({came} frames)" in text
    assert int(re.search(r"about (\d+) pictures missing", text)[1]) == FRAMES - came


@pytest.mark.parametrize("name", [name for name in KINDS if name != "mpeg2.ts"])
def test_a_file_that_is_cut_off(whole, tmp_path, capsys, name):
    data = whole[name].read_bytes()
    cut, jsonl = tmp_path / name, tmp_path / "a.jsonl"
    cut.write_bytes(data[: 6 * len(data) // 10])
    if name.endswith(".mp4"):  # its header is at the end
        assert "is damaged or incomplete" in complaint(capsys, 1, cut, "--jsonl", jsonl)
        return
    text = complaint(capsys, 3, cut, "--jsonl", jsonl)
    ended = float(re.search(r"cut off at ([0-9.]+) s", text)[1])
    assert 1.8 < ended < 3.0 and lines(jsonl)
    assert "cut off at" in damage_of(cut)


def test_an_mp4_with_its_header_in_front_that_is_cut_off(tmp_path, capsys):
    times = [i / FPS for i in range(FRAMES)]
    path = tmp_path / "a.mp4"
    write_video(path, noisy(FRAMES), times, muxer="mp4mux faststart=true")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    path.write_bytes(data[: 6 * len(data) // 10])
    assert "cut off at" in complaint(capsys, 3, path, "--jsonl", tmp_path / "a.jsonl")


def test_a_file_that_is_cut_within_its_first_second(whole, tmp_path, capsys):
    """Too short for a window: the damage is the reason that is told."""
    data = whole["h264.mkv"].read_bytes()
    cut = tmp_path / "a.mkv"
    cut.write_bytes(data[: len(data) // 12])
    assert "cut off at 0." in complaint(capsys, 3, cut, "--jsonl", tmp_path / "a.jsonl")


def test_half_a_mjpeg_file_keeps_its_first_half(tmp_path, capsys):
    source, out = tmp_path / "cut.mkv", tmp_path / "out.mp4"
    whole = plain_video(tmp_path / "long.mkv", 120, sound=False, encoder=JPEG)
    data = whole.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    assert str(out) in complaint(capsys, 3, source, "-o", out, "--no-overlay")
    frames = read_video(out).frames
    assert 40 < len(frames) < 80
    assert [number_of(frame) for frame in frames[:20]] == list(range(20))


def test_python_explains_the_rest_and_warns(whole, tmp_path, motion_bundle):
    data = whole["h264.mkv"].read_bytes()
    broken = tmp_path / "a.mkv"
    size = len(data)
    broken.write_bytes(data[: size // 2] + bytes(size // 4) + data[size // 2 + size // 4 :])
    with Explainer(motion_bundle) as explainer:
        with pytest.warns(DamageWarning, match="pictures missing"):
            explanations = list(explainer.explain_video(broken))
    assert 1 < len(explanations) < 9


def test_other_commands_say_so_too(whole, tmp_path, capsys):
    data = whole["h264.mkv"].read_bytes()
    cut, sheet = tmp_path / "a.mkv", tmp_path / "a.png"
    cut.write_bytes(data[: 6 * len(data) // 10])
    assert cli.main(["methods", str(cut), "-o", str(sheet), "--method", "gradcam"]) == 3
    assert "cut off at" in capsys.readouterr().err and sheet.is_file()


def test_nothing_is_printed_by_gstreamer_itself(whole, tmp_path, tubecam_command):
    data = whole["mpeg4.avi"].read_bytes()
    broken = tmp_path / "a.avi"
    size = len(data)
    broken.write_bytes(data[: size // 2] + bytes(size // 4) + data[size // 2 + size // 4 :])
    done = tubecam_command("run", broken, "--jsonl", "/dev/null", "-q")
    assert done.returncode == 3 and done.stdout == ""
    assert last_line(done.stderr).startswith("tubecam: ")


def test_gstreamers_own_log_still_works(whole):
    """What would be printed without us is printed with us."""
    code = (
        "import sys, tubecam.video.reader as r, tubecam.video.source as s\n"
        "list(r.read_frames(s.parse_source(sys.argv[1])))\n"
        "from tubecam.video.gstreamer import Gst\n"
        "Gst.debug_set_default_threshold(Gst.DebugLevel.WARNING)\n"
        "Gst.parse_launch('filesrc location=/nowhere ! fakesink').set_state(Gst.State.PLAYING)\n"
    )
    command = [sys.executable, "-c", code, str(whole["h264.mkv"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "No such file" in done.stderr and done.returncode == 0


# ---- the size that a file states ----


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv", "mpeg4.avi", "mpeg2.mpg", "vp8.webm"])
def test_stated_size(whole, tmp_path, name):
    """At most the real one, and more than any part of the file; junk is no reason to fail."""
    data = whole[name].read_bytes()
    assert (stated_size(whole[name]) or 0) <= len(data)
    cut = tmp_path / name
    if name != "h264.mp4":  # of which no part can be played
        for part in (0.3, 0.6, 0.9):
            cut.write_bytes(data[: int(part * len(data))])
            assert stated_size(cut) > cut.stat().st_size, part
    rng = np.random.default_rng(3)
    for _ in range(200):
        mutated = bytearray(data[: rng.integers(0, 400)])
        for place in rng.integers(0, max(1, len(mutated)), 3):
            mutated[place : place + 1] = rng.bytes(1)
        cut.write_bytes(mutated)
        stated_size(cut)


def test_unfinished_recordings_state_no_size(tmp_path):
    """A recorder that was killed leaves zero for the size, or the greatest number."""
    for size in (0, 2**32 - 1):
        (tmp_path / "a.avi").write_bytes(b"RIFF" + size.to_bytes(4, "little") + bytes(100))
        assert stated_size(tmp_path / "a.avi") is None
    unknown = b"\x1a\x45\xdf\xa3\x81\x00" + b"\x18\x53\x80\x67\x01" + b"\xff" * 7
    (tmp_path / "a.mkv").write_bytes(unknown + bytes(100))
    assert stated_size(tmp_path / "a.mkv") is None
