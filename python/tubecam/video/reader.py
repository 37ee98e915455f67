"""Reads videos in Python: decoded pictures, with times that windows can follow."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .. import _core
from ..errors import DamageError, DamageWarning, StreamError, StreamWarning, UsageError
from .damage import DamageWatch
from .decoded import frame_of
from .gstreamer import Gst, chain, make, sentence
from .lost import is_lost, loss, standstill
from .source import Source, decoder, is_reading, test_pictures

_PATIENCE = 3.0  # seconds without a sign of life from a file
_FORMATS = "{NV12, I420, RGB, BGR, RGBx, BGRx, RGBA, BGRA}"


@dataclass(frozen=True)
class Extent:
    """Of a video: its first and last frame's times in ns, and how many there are of which size."""

    first: int
    last: int
    frames: int
    width: int
    height: int

    @property
    def bytes(self) -> int:
        """Of all frames as decoders give them, 4:2:0."""
        return self.frames * self.width * self.height * 3 // 2


def measure(
    source: Source,
    timeout: float = 30.0,
    duration: float | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Extent:
    """Reads a video once, or its first `duration` seconds, or until it is `stopped`.

    UsageError for one that cannot be read twice.
    """
    if source.kind != "file":
        raise UsageError(
            f"{source.name}: only a file can be sampled uniformly, since that reads it twice"
        )
    first, last, frames, size = None, 0, 0, (0, 0)
    with warnings.catch_warnings():  # the second reading gives the same
        warnings.simplefilter("ignore", StreamWarning)
        for pts, sample in _read_samples(source, _FORMATS, timeout):
            first = pts if first is None else first
            if stopped() or (duration is not None and pts >= first + duration * 1e9):
                break
            last, frames = pts, frames + 1
            info = sample.get_caps().get_structure(0)
            size = info.get_value("width"), info.get_value("height")
    return Extent(first or 0, last, frames, *size)


def first_frame(source: Source, timeout: float = 30.0) -> _core.Frame:
    """The first frame that comes, which proves that the source can be read."""
    frames = read_frames(source, timeout)
    try:
        return next(frames)[1]
    finally:
        frames.close()


def read_frames(source: Source, timeout: float = 30.0) -> Iterator[tuple[int, _core.Frame]]:
    """Times in the video in nanoseconds and frames, upright, in a format that kernels take."""
    if source.kind == "test":
        for pts, picture in test_pictures():
            yield pts, _core.Frame.from_array(picture)
        return
    for pts, sample in _read_samples(source, _FORMATS, timeout):
        yield pts, frame_of(sample)


def read_pictures(source: Source, timeout: float = 30.0) -> Iterator[tuple[int, np.ndarray]]:
    """Times in the video in nanoseconds and pictures, upright: uint8 [height, width, 3] RGB."""
    if source.kind == "test":
        yield from test_pictures()
        return
    for pts, sample in _read_samples(source, "RGB", timeout):
        size = sample.get_caps().get_structure(0)
        height, width = size.get_value("height"), size.get_value("width")
        buffer = sample.get_buffer()
        data = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
        rows = data.reshape(height, -1)  # padded to whole words
        yield pts, rows[:, : 3 * width].reshape(height, width, 3)


def _read_samples(source: Source, formats: str, timeout: float) -> Iterator[tuple[int, Gst.Sample]]:
    """Decoded pictures at repaired times; warns of what had to be repaired, and of damage."""
    reader = _Reader(source, formats)
    with reader.damage.on(reader.pipeline):
        try:
            yield from reader.samples(timeout)
        finally:
            reader.pipeline.set_state(Gst.State.NULL)
    reader.warn()


class _Reader:
    """One reading of a source."""

    def __init__(self, source: Source, formats: str) -> None:
        self.source, self.damage = source, DamageWatch(source)
        self.pipeline = Gst.Pipeline.new("tubecam-read")
        self._repair: _core.TimestampRepair | None = None
        self._frames, self._seconds = 0, 0.0
        self._length: float | None = None  # as the file states it, seconds
        caps = Gst.Caps.from_string(f"video/x-raw,format={formats}")
        self._sink = make("appsink", caps=caps, sync=False, max_buffers=4, enable_last_sample=False)
        turn = make("videoflip", video_direction="auto")
        head, *_ = chain(self.pipeline, make("videoconvert"), turn, self._sink)
        self._decoder, pads = decoder(source)
        self.pipeline.add(self._decoder)
        self._inlet = head.get_static_pad("sink")
        pads.connect("pad-added", self._link)
        pads.connect("no-more-pads", self._end_unlinked)

    def samples(self, timeout: float) -> Iterator[tuple[int, Gst.Sample]]:
        name = self.source.name
        if self.pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            self._raise_error()
            raise StreamError(f"{name} cannot be opened")
        moved = time.monotonic()
        while True:
            sample = self._sink.try_pull_sample(100 * Gst.MSECOND)
            if sample is not None:
                pts = self._time(sample)
                if pts is not None:
                    yield pts, sample
                moved = time.monotonic()
                continue
            self._raise_error()
            if self._sink.is_eos():
                break
            idle = time.monotonic() - moved
            if idle > _PATIENCE and self.damage.all_came(self._stated()):
                break  # some demuxers forget to say that this was the end
            self._give_up(idle, timeout)
        if not self._frames:
            raise StreamError(f"{name} has no frames")
        self._length = self._stated()

    def _stated(self) -> float | None:
        known, length = self.pipeline.query_duration(Gst.Format.TIME)
        return length / Gst.SECOND if known and length > 0 else None

    def warn(self) -> None:
        """Of what was wrong with a video that was read to its end."""
        name = self.source.name
        if self._repair is not None and (text := self._repair.describe()):
            warnings.warn(f"{name}: {text}", StreamWarning, stacklevel=2)
        if damage := self.damage.found(self._length):
            warnings.warn(f"{name} is damaged: {damage}", DamageWarning, stacklevel=2)

    def _time(self, sample: Gst.Sample) -> int | None:
        pts = sample.get_buffer().pts
        self.damage.came(pts)
        self._frames += 1
        known = pts != Gst.CLOCK_TIME_NONE
        shown = sample.get_segment().to_stream_time(Gst.Format.TIME, pts) if known else None
        if self._repair is None:
            self._repair = _core.TimestampRepair(frame_interval(sample.get_caps()))
        time = self._repair.next(shown if shown != Gst.CLOCK_TIME_NONE else None)
        self._seconds = time / 1e9 if time is not None else self._seconds
        return time

    def _raise_error(self) -> None:
        message = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        if message is None:
            return
        if is_lost(message, self.source):
            raise loss(message, self.source, self._seconds if self._frames else None)
        broken = self.source.kind == "file" and self._frames
        raise (DamageError if broken else StreamError)(sentence(message, self.source.name))

    def _give_up(self, idle: float, timeout: float) -> None:
        source = self.source
        file = source.kind == "file"
        if file and idle > _PATIENCE and not self._frames and not is_reading(self._decoder):
            raise StreamError(f"{source.name} is damaged or incomplete")
        if idle > timeout:
            error = standstill(source, idle, self._frames)
            raise StreamError(str(error)) if file else error

    def _link(self, _element: Gst.Element, pad: Gst.Pad) -> None:
        if not self._inlet.is_linked() and pad.link(self._inlet) == Gst.PadLinkReturn.OK:
            self.damage.follow(pad)

    def _end_unlinked(self, _element: Gst.Element) -> None:
        if not self._inlet.is_linked():
            self._inlet.send_event(Gst.Event.new_eos())


def frame_interval(caps: Gst.Caps | None) -> int:
    """Nanoseconds from frame to frame as caps state it, a thirtieth of a second where not."""
    known, number, of = caps.get_structure(0).get_fraction("framerate") if caps else (False, 0, 1)
    return Gst.SECOND * of // number if known and number > 0 else Gst.SECOND // 30
