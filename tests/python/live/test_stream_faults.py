"""What is wrong with a stream is told on the bus with its count, and the rest goes on."""

from __future__ import annotations

import time

import numpy as np
import pytest

import parts
import tiny_bundle

gst = parts.require("plugin")

from pipelines import play  # noqa: E402

Gst = gst.Gst
FRAME = Gst.SECOND // 30


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """8 slices at 10 a second."""
    return tiny_bundle.write(tmp_path_factory.mktemp("tiny"))


def play_with_times(bundle, times, fps="30/1", size="width=32,height=24"):
    """A stream whose buffers get these timestamps; what it did, and the element's stats."""
    stats = {}
    stated = iter(times)

    def restamp(_pad, info):
        pts = next(stated)
        info.get_buffer().pts = Gst.CLOCK_TIME_NONE if pts is None else pts
        return Gst.PadProbeReturn.OK

    def prepare(pipeline):
        pad = pipeline.get_by_name("t").get_static_pad("sink")
        pad.add_probe(Gst.PadProbeType.BUFFER, restamp)

    def finish(pipeline):
        stats.update(stats_of(pipeline.get_by_name("t")))

    caps = f"video/x-raw,format=RGB,{size},framerate=30/1"
    line = f"videotestsrc num-buffers={len(times)} ! {caps}"
    line += f" ! capssetter caps=video/x-raw,framerate={fps}"
    line += f" ! tubecam name=t hop=2 bundle={bundle} align=delayed ! fakesink"
    played = play(line, prepare=prepare, finish=finish)
    return played, stats


def stats_of(element) -> dict[str, int]:
    structure = element.get_property("stats")
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    return {name: structure.get_value(name) for name in names}


EVEN = [i * FRAME for i in range(150)]
WINDOWS = 22  # of an even stream: (50 − 8) / 2 + 1


def test_an_even_stream_has_nothing_to_tell(bundle):
    played, stats = play_with_times(bundle, EVEN)
    assert played.warnings == [] and len(played.windows["t"]) == WINDOWS
    assert stats.pop("windows") == WINDOWS
    assert not any(stats.values())


@pytest.mark.parametrize(
    ("times", "count", "words"),
    [
        ([None] * 150, {"missing-timestamps": 150}, "150 missing"),
        ([Gst.SECOND] * 150, {"repeated-timestamps": 149}, "149 repeated"),
        ([t if i % 3 else None for i, t in enumerate(EVEN)], {"missing-timestamps": 50}, "50"),
    ],
    ids=["missing", "equal", "some missing"],
)
def test_times_that_say_nothing_follow_the_frame_rate(bundle, times, count, words):
    played, stats = play_with_times(bundle, times)
    assert stats["windows"] >= WINDOWS - 1 and stats["resets"] == 0
    assert {name: stats[name] for name in count} == count
    assert len(played.warnings) == 1 and words in played.warnings[0]


def test_jitter_of_three_frames_is_smoothed_and_told(bundle):
    rng = np.random.default_rng(2)
    times = [t + Gst.SECOND + int(rng.uniform(-3, 3) * FRAME) for t in EVEN]
    played, stats = play_with_times(bundle, times)
    assert stats["windows"] >= WINDOWS - 2 and stats["resets"] == 0
    assert stats["late-timestamps"] > 30
    assert f"{stats['late-timestamps']} stepping back" in played.warnings[0]
    assert all(fields is not None for _, fields in played.frames["t"])


def test_a_jump_of_an_hour_is_told_and_holds_nothing_up(bundle):
    times = EVEN[:60] + [t + 3600 * Gst.SECOND for t in EVEN[60:]]
    played, stats = play_with_times(bundle, times)
    assert stats["timestamp-jumps"] == stats["resets"] == 1 and stats["early-frames"] == 0
    assert all(fields is not None for _, fields in played.frames["t"])
    assert len(played.warnings) == 1 and "1 far from the frame before" in played.warnings[0]


def test_a_source_slower_than_the_model_is_told(bundle):
    played, stats = play_with_times(bundle, [i * Gst.SECOND // 5 for i in range(40)], fps="5/1")
    assert stats["sparse-windows"] == stats["windows"] > 20
    assert len(played.warnings) == 1
    assert f"{stats['windows']} of {stats['windows']} windows" in played.warnings[0]


def test_playing_backwards_is_told_and_passes(bundle, tmp_path):
    path = tmp_path / "video.avi"
    caps = "video/x-raw,width=32,height=24,framerate=30/1"
    play(f"videotestsrc num-buffers=90 ! {caps} ! jpegenc ! avimux ! filesink location={path}",
         probed=())  # fmt: skip
    stats = {}

    def prepare(pipeline):
        pipeline.set_state(Gst.State.PAUSED)
        assert pipeline.get_state(20 * Gst.SECOND)[0] == Gst.StateChangeReturn.SUCCESS
        flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE
        kind = Gst.SeekType.SET
        assert pipeline.seek(-1.0, Gst.Format.TIME, flags, kind, 0, kind, 2 * Gst.SECOND)

    def finish(pipeline):
        stats.update(stats_of(pipeline.get_by_name("t")))

    line = f"filesrc location={path} ! avidemux ! jpegdec ! videoconvert ! video/x-raw,format=RGB"
    played = play(f"{line} ! tubecam name=t bundle={bundle} align=delayed ! fakesink",
                  prepare=prepare, finish=finish)  # fmt: skip
    assert stats["backwards-frames"] >= 55
    told = [text for text in played.warnings if "backwards" in text]
    assert told and f"{stats['backwards-frames']} frames" in told[-1]


def test_what_is_too_large_to_hold_goes_early_and_says_what_to_change(bundle):
    stats = {}

    def finish(pipeline):
        stats.update(stats_of(pipeline.get_by_name("t")))

    caps = "video/x-raw,format=RGBA,width=640,height=480,framerate=30/1"
    line = f"videotestsrc num-buffers=40 ! {caps} ! tubecam name=t bundle={bundle} align=delayed"
    played = play(f"{line} max-held-bytes={8 << 20} ! fakesink", finish=finish)
    assert len(played.frames["t"]) == 40 and stats["early-frames"] > 0
    assert len(played.warnings) == 1
    for words in ("640x480 RGBA", "max-held-bytes (8 MiB)", f"{stats['early-frames']} frames"):
        assert words in played.warnings[0]
    assert play(f"{line} max-held-bytes=0 ! fakesink").warnings == []


@pytest.mark.parametrize("room", [False, True])
def test_a_full_queue_beside_is_named(bundle, room):
    caps = "video/x-raw,format=RGB,width=32,height=24,framerate=30/1"
    size = 0 if room else 10
    line = (
        f"videotestsrc num-buffers=60 ! {caps} ! tee name=split ! queue ! tubecam name=t"
        f" bundle={bundle} align=delayed ! fakesink  split. ! queue name=narrow"
        f" max-size-time=0 max-size-bytes=0 max-size-buffers={size} ! fakesink"
    )
    if room:
        assert play(line).warnings == []
        return
    pipeline = Gst.parse_launch(line)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        kinds = Gst.MessageType.WARNING | Gst.MessageType.EOS
        message = pipeline.get_bus().timed_pop_filtered(20 * Gst.SECOND, kinds)
        assert message is not None and message.type == Gst.MessageType.WARNING
        text = message.parse_warning()[0].message
        assert "narrow" in text and "split" in text and "max-size-buffers=0" in text
        time.sleep(1.5)
        assert pipeline.get_bus().pop_filtered(kinds) is None  # told once
    finally:
        pipeline.set_state(Gst.State.NULL)
