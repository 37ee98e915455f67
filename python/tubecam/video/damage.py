"""What of a video file is missing or broken.

Note [Damage]
Decoders and demuxers hide damage: they leave out what they cannot read, and go on. What shows it:
  - a picture that went into the decoder and never came out, where its neighbours then lie farther
    apart than pictures do in this video;
  - an error that the decoder logs (decoder_log.py), a warning of the demuxer, or a discontinuity
    within the file. It dates damage to the picture that went into the decoder
    last, and makes of a gap near it lost pictures;
  - a file that is shorter than its own header says (container_size.py), or a video that ends, with
    damage, long before its stated length.
A gap in time alone is no damage: frame rates vary. Nor is a picture that never came out: a frame
may be stored as two fields, and some codecs have pictures that are not to be shown.
"""

from __future__ import annotations

import contextlib
import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..text.counting import counted
from .container_size import stated_size
from .decoder_log import hear_next_picture, listening
from .gstreamer import Gst
from .source import Source

_SECOND = 1_000_000_000
_APART = 1.5  # usual intervals: what is farther apart has something missing between
# Between a gap and what dates its damage: decoders are late, and demuxers run ahead.
_LATE, _AHEAD = _SECOND, 5 * _SECOND
_JOINED = _SECOND  # places this close are one
_SHORT = _SECOND // 2  # a video that ends earlier than stated by less is whole
_MOST = 4096  # gaps and dates that are remembered


@dataclass(frozen=True)
class Damage:
    """What was found.

    Attributes
    ----------
    lost : int
        Pictures that are missing, as far as can be known.
    places : tuple of (float, float)
        Seconds from and to which pictures are missing or broken.
    cut : tuple of (float, float) or None
        The second at which the file ends, and the share of its bytes that are there.
    """

    lost: int
    places: tuple[tuple[float, float], ...]
    cut: tuple[float, float] | None

    def __str__(self) -> str:
        what = f"about {counted(self.lost, 'picture')} missing" if self.lost else "broken pictures"
        texts = [f"{what} {_spans(self.places)}"] if self.places else []
        if self.cut:
            end, share = self.cut
            there = f", with {100 * share:.0f} % of its bytes there" if share < 0.995 else ""
            texts.append(f"cut off at {end:.1f} s{there}")
        return "; ".join(texts)


def _spans(places: tuple[tuple[float, float], ...], most: int = 3) -> str:
    texts = [
        f"at {begin:.1f} s" if end - begin < 0.1 else f"from {begin:.1f} s to {end:.1f} s"
        for begin, end in places[:most]
    ]
    rest = len(places) - most
    return ", ".join(texts) + (f" and in {counted(rest, 'more place')}" if rest > 0 else "")


@dataclass
class _Decoder:
    """What went into a decoder."""

    waiting: list[int] = field(default_factory=list)  # heap: times of what has not come out
    entered: int = 0
    start: int = 0  # of the segment: what lies before, or from `stop` on, is not shown
    stop: int = Gst.CLOCK_TIME_NONE  # the greatest number, where there is no end
    newest: int | None = None
    latest: int | None = None  # time of all that entered
    steps: deque[int] = field(default_factory=lambda: deque(maxlen=2))  # between the latest times

    def shows(self, pts: int) -> bool:
        return self.start <= pts < self.stop

    def enters(self, pts: int) -> None:
        self.newest = pts
        if self.latest is not None and pts > self.latest:
            self.steps.append(pts - self.latest)
        self.latest = pts if self.latest is None else max(pts, self.latest)


class DamageWatch:
    """Watches one decoding pipeline; takes the times of its pictures by `came`, in ns."""

    def __init__(self, source: Source) -> None:
        self._path: Path | None = source.path
        self._decoders: dict[str | None, _Decoder] = defaultdict(_Decoder)  # by stream
        self._stream: str | None = None
        self._left = 0
        self._last: int | None = None  # out of the decoder
        self._steps: Counter[int] = Counter()
        self._usual = 0  # the most frequent interval, ns
        self._gaps: list[tuple[int, int, int]] = []  # from, to, pictures that were to lie between
        self._dates: list[tuple[int, int]] = []  # when, and how far behind that it may lie, ns

    @contextlib.contextmanager
    def on(self, pipeline: Gst.Bin) -> Iterator[None]:
        """Watches the pipeline's decoder from its creation; files alone can be damaged."""
        if self._path is None:
            yield
            return
        pipeline.connect("deep-element-added", self._added)
        bus = pipeline.get_bus()
        bus.enable_sync_message_emission()
        bus.connect("sync-message::warning", self._warned)
        with listening(self._hear):
            yield

    def follow(self, pad: Gst.Pad) -> None:
        """The decoded stream that is taken; a file may hold others."""
        self._stream = pad.get_stream_id()

    def came(self, pts: int) -> None:
        """A picture left the decoder."""
        self._left += 1
        if pts == Gst.CLOCK_TIME_NONE:
            return
        gone, waiting = 0, self._decoders[self._stream].waiting
        while waiting and waiting[0] <= pts:
            gone += heapq.heappop(waiting) < pts
        if self._last is not None and pts > self._last:
            self._interval(self._last, pts, gone)
        self._last = pts if self._last is None else max(pts, self._last)

    def all_came(self, length: float | None) -> bool:
        """Whether the decoder was given the last picture of a file of this length, in seconds."""
        decoder = self._decoders[self._stream]
        if self._path is None or length is None or decoder.latest is None:
            return False
        # The lesser one: the other may be a step over damage.
        return length * _SECOND <= decoder.latest + 2 * min(decoder.steps, default=0)

    def found(self, length: float | None = None) -> Damage | None:
        """What is known when the pipeline has ended by itself; `length`: stated, in seconds."""
        if self._path is None:
            return None
        self._add_tail(length)
        lost, places = self._judge()
        cut = self._cut()
        return Damage(lost, places, cut) if places or cut else None

    # ---- in streaming threads ----

    def _added(self, _bin: Gst.Bin, _parent: Gst.Bin, element: Gst.Element) -> None:
        if _is_decoder(element) and (pad := element.get_static_pad("sink")):
            pad.add_probe(Gst.PadProbeType.BUFFER, self._enters)
            pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self._segment)

    def _segment(self, pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        event = info.get_event()
        if event.type == Gst.EventType.SEGMENT:
            segment, decoder = event.parse_segment(), self._decoders[pad.get_stream_id()]
            decoder.start, decoder.stop = segment.start, segment.stop
        return Gst.PadProbeReturn.OK

    def _enters(self, pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        buffer, decoder = info.get_buffer(), self._decoders[pad.get_stream_id()]
        pts = buffer.pts
        hear_next_picture()
        if decoder.entered and buffer.has_flags(Gst.BufferFlags.DISCONT):
            self._date(_LATE)
        decoder.entered += 1
        if pts == Gst.CLOCK_TIME_NONE:
            pts = buffer.dts
        elif decoder.shows(pts) and not buffer.has_flags(Gst.BufferFlags.DECODE_ONLY):
            heapq.heappush(decoder.waiting, pts)
        if pts != Gst.CLOCK_TIME_NONE:
            decoder.enters(pts)
        return Gst.PadProbeReturn.OK

    def _warned(self, _bus: Gst.Bus, message: Gst.Message) -> None:
        source = message.src
        about = message.parse_warning()[0].domain == "gst-stream-error-quark"
        if about and isinstance(source, Gst.Element) and _reads_pictures(source):
            self._date(_AHEAD)

    def _hear(self, category: str) -> None:
        self._date(_LATE if category == "libav" else _AHEAD)

    def _date(self, ahead: int) -> None:
        """Something is broken about where the decoder reads, or up to `ahead` behind that."""
        newest = self._decoders[self._stream].newest
        date = max(filter(None, (newest, self._last)), default=0), ahead
        if len(self._dates) < _MOST and (not self._dates or self._dates[-1] != date):
            self._dates.append(date)

    # ---- judging ----

    def _interval(self, begin: int, end: int, gone: int) -> None:
        step = end - begin
        if step > _APART * self._usual > 0 and len(self._gaps) < _MOST:
            self._gaps.append((begin, end, gone))
        self._steps[step] += 1
        if self._steps[step] >= self._steps.get(self._usual, 0):
            self._usual = step
        if len(self._steps) > _MOST:
            self._steps = Counter(dict(self._steps.most_common(_MOST // 2)))

    def _add_tail(self, length: float | None) -> None:
        """What is missing at the end."""
        last = self._last
        if last is None:
            return
        tail = [pts for pts in self._decoders[self._stream].waiting if pts > last]
        if tail:
            self._interval(last, max(tail) + self._usual, len(tail))
        elif length is not None and length * _SECOND > last + self._usual + _SHORT:
            self._interval(last, round(length * _SECOND), 0)

    def _judge(self) -> tuple[int, tuple[tuple[float, float], ...]]:
        """Pictures lost, and where something is wrong."""
        lost, spans, alone = 0, [], set(self._dates)
        missing = self._decoders[self._stream].entered - self._left
        for begin, end, gone in self._gaps:
            if end - begin <= _APART * self._usual:
                continue  # it was judged by the first few intervals
            near = {(d, ahead) for d, ahead in self._dates if begin - ahead <= d <= end + _LATE}
            alone -= near
            counted_out = gone if missing > 0 else 0
            between = round((end - begin) / self._usual) - 1
            if near or counted_out:
                lost += max(between if near else 0, min(counted_out, missing))
                spans.append((begin, end))
        return lost, _merged(spans + [(date, date) for date, _ in alone])

    def _cut(self) -> tuple[float, float] | None:
        size = self._path.stat().st_size
        stated = stated_size(self._path)
        if stated is None or stated <= size:
            return None
        return (self._last or 0) / _SECOND, size / stated


def _kind(element: Gst.Element) -> str:
    factory = element.get_factory()
    return factory.get_metadata("klass") if factory else ""


def _is_decoder(element: Gst.Element) -> bool:
    kind = _kind(element)
    return "Decoder" in kind and ("Video" in kind or "Image" in kind)


def _reads_pictures(element: Gst.Element) -> bool:
    return "Demux" in _kind(element) or _is_decoder(element)


def _merged(spans: list[tuple[int, int]]) -> tuple[tuple[float, float], ...]:
    """In seconds, in order, those close together made one."""
    joined: list[list[int]] = []
    for begin, end in sorted(spans):
        if joined and begin - joined[-1][1] <= _JOINED:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([begin, end])
    return tuple((begin / _SECOND, end / _SECOND) for begin, end in joined)
