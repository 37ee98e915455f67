"""What `tubecam run` does to files that are there, full disks, and services that restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from running import complaint, lines, plain_video, run
from tubecam.video.output import is_playable, partial_name
from videos import read_video


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return plain_video(tmp_path_factory.mktemp("videos") / "plain.mp4")


# ---- names ----


def test_output_is_the_input(video, capsys):
    before = video.read_bytes()
    link = video.with_name("link.mp4")
    link.unlink(missing_ok=True)
    link.symlink_to(video)
    for out in (video, link):
        assert "input" in complaint(capsys, 2, video, "-o", out, "--overwrite")
    assert video.read_bytes() == before


def test_existing_files_are_kept(video, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    out.write_text("precious")
    assert "--overwrite" in complaint(capsys, 2, video, "-o", out)
    assert out.read_text() == "precious"
    assert run(video, "-o", out, "--overwrite", "-q") == 0
    assert len(read_video(out).frames) == 60


def test_what_a_killed_run_left_is_kept(video, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    remains = partial_name(out)
    remains.write_bytes(video.read_bytes())
    assert str(remains) in complaint(capsys, 2, video, "-o", out)
    assert remains.read_bytes() == video.read_bytes() and not out.exists()
    assert run(video, "-o", out, "--overwrite", "-q") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("option", ["-o", "--jsonl", "--sheet"])
def test_no_folder_to_write_to(video, tmp_path, capsys, option):
    name = {"-o": "out.mp4", "--jsonl": "out.jsonl", "--sheet": "out.png"}[option]
    assert "there is no folder" in complaint(capsys, 5, video, option, tmp_path / "none" / name)


def test_folder_that_nobody_may_write_to(video, capsys):
    assert "cannot write" in complaint(capsys, 5, video, "-o", "/proc/out.mp4")


def test_missing_encoder_names_its_package(video, tmp_path, capsys, monkeypatch):
    from tubecam.video import gstreamer

    present = gstreamer.has
    monkeypatch.setattr(gstreamer, "has", lambda name: "264" not in name and present(name))
    assert "gstreamer1.0-plugins-ugly" in complaint(capsys, 1, video, "-o", tmp_path / "out.mp4")


def test_no_screen(video, capsys, monkeypatch):
    monkeypatch.setattr("tubecam.video.output._SCREENS", ())
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert "no screen" in complaint(capsys, 1, video, "--display")


def test_a_header_decides_what_can_be_played(video, tmp_path):
    data = video.read_bytes()
    for end, playable in ((len(data), True), (data.index(b"moov") - 4, False), (10, False)):
        (tmp_path / "cut.mp4").write_bytes(data[:end])
        assert is_playable(tmp_path / "cut.mp4") is playable


# ---- full disks ----


def limited(size: int, *arguments, command: str = "run") -> subprocess.CompletedProcess:
    """A command in whose process no file may become larger than `size` bytes."""
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "from tubecam.cli import main; main.script()"
    )
    words = [sys.executable, "-c", code, command, *map(str, arguments), "-q"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1, done.stderr
    return done


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_that_no_longer_fits(video, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    done = limited(30_000, video, "-o", out)
    assert done.returncode == 5 and f"cannot write {out}: File too large" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] in ([], [out.name])
    if out.exists():  # what the muxer could leave can be played
        assert 0 < len(read_video(out).frames) < 60 and f"{out} holds" in done.stderr


def test_json_lines_that_no_longer_fit(video, tmp_path):
    """The lines are whole; the video, which fits, is finished."""
    path, out = tmp_path / "out.jsonl", tmp_path / "out.mkv"
    done = limited(5_000, video, "--jsonl", path)
    assert done.returncode == 5 and f"cannot write {path}: File too large" in done.stderr
    assert 0 < len(lines(path)) < 5
    done = limited(200_000, video, "--jsonl", "/dev/full", "-o", out)
    assert done.returncode == 5 and "cannot write /dev/full: No space left" in done.stderr
    assert is_playable(out) and len(read_video(out).frames) > 0


def test_a_sheet_that_does_not_fit(video, tmp_path):
    sheet, path = tmp_path / "out.png", tmp_path / "out.jsonl"
    done = limited(60_000, video, "--sheet", sheet, "--jsonl", path)
    assert done.returncode == 5 and f"cannot write {sheet}" in done.stderr
    assert [found.name for found in tmp_path.iterdir()] == ["out.jsonl"] and lines(path)


def test_a_demo_that_does_not_fit(tmp_path):
    done = limited(4_000, "-o", tmp_path / "out", "--seconds", "2", command="demo")
    assert done.returncode == 5, done.stderr
    assert f"cannot write {tmp_path / 'out' / 'demo-input.mp4'}: File too large" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_standard_output(video, tmp_path):
    command = [sys.executable, "-m", "tubecam", "run", str(video), "--jsonl", "-", "-q"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 5
    assert done.stderr == "tubecam: cannot write standard output: No space left on device\n"


def test_a_reader_that_leaves_ends_the_run_in_good_order(video, tmp_path):
    out = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "tubecam", "run", str(video), "--jsonl", "-", "-q", "-o", out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait(60) == 5
    assert len(read_video(out).frames) > 0


# ---- services ----


def test_lines_are_appended_behind_whole_ones(video, tmp_path):
    path = tmp_path / "out.jsonl"
    assert run(video, "--jsonl", path, "--append", "-q") == 0  # nothing is there yet
    first = path.read_text()
    path.write_text(first + first[:70])  # as a crash leaves it
    assert run(video, "--jsonl", path, "--append", "-q") == 0
    assert path.read_text().startswith(first)
    numbers = [window["window"] for window in lines(path)]
    assert numbers == 2 * list(range(len(numbers) // 2))


def test_nothing_is_appended_to_another_kind_of_file(video, tmp_path, capsys):
    path = tmp_path / "out.jsonl"
    path.write_text("precious")
    assert "holds no JSON lines" in complaint(capsys, 2, video, "--jsonl", path, "--append")
    assert path.read_text() == "precious"


def test_the_time_of_the_start_in_names(video, tmp_path):
    out, jsonl = (tmp_path / f"street-{{time}}.{end}" for end in ("mkv", "jsonl"))
    environment = {**os.environ, "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-m", "tubecam", "run", video, "-o", out, "--jsonl", jsonl, "-q"]
    subprocess.run(command, check=True, env=environment, timeout=60)
    names = sorted(path.name for path in tmp_path.iterdir())
    stamp = names[0].removeprefix("street-").removesuffix(".jsonl")
    assert names == [f"street-{stamp}.jsonl", f"street-{stamp}.mkv"]
    import datetime

    started = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
    since = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - started
    assert 0 <= since.total_seconds() < 120
    assert json.loads((tmp_path / names[0]).read_text().splitlines()[0])["window"] == 0
