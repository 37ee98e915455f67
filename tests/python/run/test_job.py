"""A job without a command: its checks before the work, its files, and what it counts."""

from __future__ import annotations

import pytest

import tiny_bundle
from running import lines, plain_video
from tubecam import load_bundle
from tubecam.errors import OutputError, StreamError, UsageError
from tubecam.run.execute import check, execute
from tubecam.run.job import Job, Result, sheet_info
from tubecam.video.source import parse_source
from videos import read_video

COUNT = 60


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return plain_video(tmp_path_factory.mktemp("job") / "in.mp4", COUNT, sound=False)


@pytest.fixture
def make_job(video, tmp_path):
    folder = tiny_bundle.write(tmp_path / "bundle")

    def make(source=video, **options) -> Job:
        explain = {"bundle": str(folder), "late_windows": "wait", "align": "delayed"}
        return Job(parse_source(str(source)), load_bundle(folder), explain, quiet=True, **options)

    return make


def test_the_result_counts_what_the_files_hold(make_job, tmp_path):
    output, records, sheet = (tmp_path / name for name in ("out.mp4", "out.jsonl", "out.png"))
    result = execute(make_job(output=output, jsonl=str(records), sheet=sheet))
    assert result.frames == COUNT == len(read_video(output).frames)
    written = lines(records)
    assert result.windows == len(written) == sum(result.labels.values()) > 2
    assert result.labels.keys() == {line["label"] for line in written}
    assert set(result.written) == {output, records, sheet} and sheet.stat().st_size > 1000
    assert (result.dropped, result.signal, result.damage) == (0, 0, None)
    assert {path.name for path in tmp_path.iterdir()} == {
        "bundle",
        *(p.name for p in result.written),
    }


@pytest.mark.parametrize("name", ["output", "jsonl", "sheet"])
def test_nothing_is_overwritten_unasked(make_job, tmp_path, name):
    path = tmp_path / {"output": "a.mp4", "jsonl": "a.jsonl", "sheet": "a.png"}[name]
    path.write_text("mine")
    given = {name: str(path) if name == "jsonl" else path}
    with pytest.raises(UsageError, match=f"{path.name} exists"):
        execute(make_job(**given))
    assert path.read_text() == "mine"
    check(make_job(**given, overwrite=True))


def test_what_cannot_be_written_is_found_before_the_work(make_job, video, tmp_path):
    with pytest.raises(UsageError, match="the input itself"):
        check(make_job(output=video))
    with pytest.raises(OutputError, match="no folder"):
        check(make_job(sheet=tmp_path / "missing" / "a.png"))


def test_a_screen_that_is_missing_is_named(make_job, monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(StreamError, match="no screen"):
        check(make_job(display=True))


def test_a_duration_ends_it(make_job):
    result = execute(make_job(duration=1.0))
    assert 28 <= result.frames <= 32 and result.written == []


def test_a_failed_run_leaves_no_half_file(make_job, video, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(video.read_bytes()[:100])
    with pytest.raises(StreamError, match=r"broken\.mp4"):
        execute(make_job(broken, output=tmp_path / "out.mp4"))
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "broken.mp4"}


def test_the_sheet_is_told_what_was_run(make_job):
    info = sheet_info(make_job(), Result(frames=60, seconds=2.0, windows=7))
    assert "7 windows" in info.facts[-1] and "60 frames" in info.facts[-1]
    assert info.facts[1].startswith("gradcam at ")
