"""Latency: what is reported is what is needed, or live pictures come too late to be shown."""

from __future__ import annotations

import pytest

import parts
import tiny_bundle

gst = parts.require("plugin")

from pipelines import play  # noqa: E402

Gst = gst.Gst
SOURCE_LATENCY = Gst.SECOND // 30  # of videotestsrc: one frame


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """8 slices at 10 a second."""
    return tiny_bundle.write(tmp_path_factory.mktemp("tiny"))


def live(bundle, align: str) -> str:
    source = "videotestsrc is-live=true num-buffers=90 pattern=ball"
    caps = "video/x-raw,format=I420,width=320,height=240,framerate=30/1"
    # The deadline is what a busy machine may need to wake a thread; a window is 7 × as long.
    late = f"max-lateness={5 * Gst.MSECOND} processing-deadline={100 * Gst.MSECOND}"
    sink = f"fakesink name=s sync=true {late}"
    return f"{source} ! {caps} ! tubecam name=t bundle={bundle} align={align} ! {sink}"


def rendered(pipeline) -> int:
    return pipeline.get_by_name("s").get_property("stats").get_value("rendered")


def latency_of(element) -> tuple[bool, int, int]:
    query = Gst.Query.new_latency()
    assert element.query(query)
    return query.parse_latency()


@pytest.mark.parametrize("reported", [False, True])
def test_delayed_frames_are_shown_in_time_when_the_latency_is_reported(bundle, reported):
    counts = []

    def prepare(pipeline):
        if not reported:
            pipeline.set_latency(SOURCE_LATENCY)  # as if the element had kept its share to itself

    played = play(
        live(bundle, "delayed"),
        prepare=prepare,
        finish=lambda pipeline: counts.append(rendered(pipeline)),
    )
    assert len(played.frames["t"]) == 90
    assert all(fields is not None for _, fields in played.frames["t"])
    # Unreported, a sink still renders one frame a second, as proof of life, and those that the end
    # sets free.
    assert counts[0] == 90 if reported else counts[0] <= 10


def test_latest_frames_are_shown_in_time(bundle):
    counts = []
    play(
        live(bundle, "latest"),
        finish=lambda pipeline: counts.append(rendered(pipeline)),
    )
    assert counts == [90]


@pytest.mark.parametrize(("align", "least", "most"), [("latest", 0, 0.3), ("delayed", 0.7, 2)])
def test_the_query_is_answered_with_the_elements_own_share(bundle, align, least, most):
    answers = []
    play(live(bundle, align), finish=lambda pipeline: answers.append(latency_of(pipeline)))
    is_live, low, high = answers[0]
    assert is_live
    assert least <= (low - SOURCE_LATENCY) / Gst.SECOND <= most
    assert high >= low


def test_live_is_asked_for_and_files_wait(bundle):
    counts = []

    def count(pipeline):
        element = pipeline.get_by_name("t")
        counts.append((element.get_property("windows"), element.get_property("dropped-windows")))

    caps = "video/x-raw,format=I420,width=320,height=240,framerate=30/1"
    line = (
        f"videotestsrc num-buffers=300 ! {caps} ! tubecam name=t hop=1 bundle={bundle} ! fakesink"
    )
    played = play(line, finish=count)
    windows, dropped = counts[0]
    assert dropped == 0
    assert len(played.windows["t"]) == windows > 80
