"""The player without a command: to the end, ended early, with listeners that fail, and stuck."""

from __future__ import annotations

import pytest

import tiny_bundle
from running import FPS, plain_video
from tubecam.errors import OutputError, StreamError
from tubecam.run.pipeline import Options, Pipeline
from tubecam.run.player import Listeners, Player
from tubecam.video.gstreamer import Gst
from tubecam.video.metadata import read_structure
from tubecam.video.output import is_playable, partial_name
from tubecam.video.source import parse_source

COUNT = 60


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return plain_video(tmp_path_factory.mktemp("player") / "in.mp4", COUNT, sound=False)


@pytest.fixture(scope="module")
def explain(tmp_path_factory):
    """Properties of the element `tubecam`."""
    folder = tiny_bundle.write(tmp_path_factory.mktemp("tiny") / "bundle")
    return {"bundle": str(folder), "late_windows": "wait"}


def make_player(source, listeners=None, timeout=30.0, explain=None, **options) -> Player:
    pipeline = Pipeline(parse_source(str(source)), Options(explain, overlay=None, **options))
    return Player(pipeline, listeners or Listeners(), timeout)


def test_listeners_hear_of_every_window_and_picture(video, explain):
    windows, pictures, seen = [], [], []
    listeners = Listeners(
        message=lambda structure: windows.append(read_structure(structure)["window"]),
        thumbnail=lambda pts, picture: pictures.append((pts, picture.shape)),
        progress=lambda player: seen.append(player.pipeline.frames),
    )
    player = make_player(video, listeners, explain=explain, thumbnails=(80, 10))
    player.play()
    assert player.pipeline.frames == COUNT and player.length == pytest.approx(COUNT / FPS, abs=0.1)
    assert len(windows) > 2 and windows == sorted(set(windows))
    times = [pts for pts, _ in pictures]
    assert times == sorted(times) and 10 < len(times) < 30
    assert {shape for _, shape in pictures} == {(60, 80, 3)}
    assert seen == sorted(seen)


def test_stopped_early_the_file_is_whole(tmp_path):
    def stop_in_time(player: Player) -> None:
        if player.pipeline.frames >= 20:
            player.stop()

    output = tmp_path / "out.mp4"
    player = make_player("test", Listeners(progress=stop_in_time), output=output)
    player.play()
    assert 20 <= player.pipeline.frames < 300
    assert is_playable(partial_name(output))


def test_aborted_it_returns_at_once(tmp_path):
    player = make_player("test", Listeners(progress=lambda player: player.abort()))
    player.play()
    assert player.pipeline.frames < 300


def test_stopped_before_it_starts_it_opens_nothing(video):
    player = make_player(video)
    player.stop()
    player.play()
    assert player.pipeline.taken == 0


def test_a_listener_that_cannot_write_ends_the_run_and_not_the_video(video, explain, tmp_path):
    calls = []

    def write(structure) -> None:
        calls.append(structure)
        raise OutputError("the disk is full")

    output = tmp_path / "out.mp4"
    with pytest.raises(OutputError, match="the disk is full"):
        make_player(video, Listeners(message=write), explain=explain, output=output).play()
    assert len(calls) == 1 and is_playable(partial_name(output))


def test_what_stands_still_is_given_up(video):
    player = make_player(video, timeout=0.5)
    head = player.pipeline._head.get_static_pad("sink")
    head.add_probe(Gst.PadProbeType.BLOCK | Gst.PadProbeType.BUFFER, lambda *_: 1)
    with pytest.raises(StreamError, match=r"in\.mp4"):
        player.play()


def test_a_file_that_breaks_off_is_named(video, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(video.read_bytes()[:100])
    with pytest.raises(StreamError, match=r"broken\.mp4"):
        make_player(broken).play()
