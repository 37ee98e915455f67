"""Videos read in Python: which pictures, at which times, and how far."""

from __future__ import annotations

import numpy as np
import pytest

from running import FPS, plain_video
from tubecam.errors import StreamError, UsageError
from tubecam.video.reader import Extent, first_frame, measure, read_frames, read_pictures
from tubecam.video.source import parse_source
from videos import number_of

COUNT = 45


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    video = plain_video(tmp_path_factory.mktemp("reader") / "in.mp4", COUNT, sound=False)
    return parse_source(str(video))


def test_pictures_come_in_order_at_their_times(source):
    times, pictures = zip(*read_pictures(source))
    assert [number_of(picture) for picture in pictures] == list(range(COUNT))
    np.testing.assert_allclose(np.array(times) / 1e9, np.arange(COUNT) / FPS, atol=1e-6)


def test_frames_are_the_same_in_a_format_of_kernels(source):
    frames = list(read_frames(source))
    assert [pts for pts, _ in frames] == [pts for pts, _ in read_pictures(source)]
    assert {(f.width, f.height, f.format) for _, f in frames} == {(160, 120, "I420")}
    assert (first_frame(source).width, first_frame(source).height) == (160, 120)


def test_the_extent_of_all_of_a_part_and_of_none(source):
    last = round((COUNT - 1) / FPS * 1e9)
    whole, half = measure(source), measure(source, duration=0.5)
    assert (whole.first, whole.frames, whole.width, whole.height) == (0, COUNT, 160, 120)
    assert abs(whole.last - last) < 1000 and whole.bytes == COUNT * 160 * 120 * 3 // 2
    assert half.frames == FPS // 2 and half.last < 0.5e9
    assert measure(source, stopped=lambda: True) == Extent(0, 0, 0, 0, 0)


def test_only_a_file_is_measured():
    with pytest.raises(UsageError, match="only a file"):
        measure(parse_source("test"))


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(StreamError, match=r"notes\.mp4"):
        next(read_pictures(parse_source(str(tmp_path / "notes.mp4"))))


def test_an_empty_text_is_no_video():
    with pytest.raises(UsageError, match="empty text"):
        parse_source("")
