"""The GStreamer pipeline of a run.

    decoder ─video▶ convert ▶ turn ▶ tee ▶ tubecam ▶ tubeoverlay ▶ tee ▶ encoder ▶ muxer
            │                         └▶ thumbnails                └▶ display       ▲
            └audio▶ kept as it is where the file takes it, else re-encoded ─────────┘

`player.py` plays it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import StreamError
from ..video.damage import DamageWatch
from ..video.gstreamer import Gst, chain, make, make_launch
from ..video.output import container_of, first_installed, partial_name
from ..video.source import TEST_CAPS, TEST_SECONDS, Source, decoder, is_reading, test_buffers
from .gate import Gate
from .probes import Durations, drop_qos

_SHORT = {"max_size_buffers": 4, "max_size_time": 0, "max_size_bytes": 0}
# Encoded data may wait for the other stream as long as it needs: a full queue here is a deadlock.
_LONG = {"max_size_buffers": 0, "max_size_time": 0, "max_size_bytes": 64 << 20}
# Without `async` no sink makes the others wait for its first frame, which encoders hold back.
_UNPACED = {"sync": False, "async": False, "enable_last_sample": False}


@dataclass
class Options:
    """What a run does with the frames.

    Attributes
    ----------
    explain, overlay
        Properties of the elements `tubecam` and `tubeoverlay`; with None the element is left out.
    output, display
        A video file, and a window on the screen.
    thumbnails
        (longest side in pixels, pictures a second) of small copies of the frames.
    duration
        Seconds after which the run ends.
    """

    explain: dict | None = field(default_factory=dict)
    overlay: dict | None = field(default_factory=dict)
    output: Path | None = None
    display: bool = False
    thumbnails: tuple[int, int] | None = None
    duration: float | None = None


class Pipeline(Gst.Pipeline):
    """Built from a source and options; counts the frames that leave it."""

    def __init__(self, source: Source, options: Options) -> None:
        super().__init__(name="tubecam-run")
        self.source, self.options = source, options
        self.container = container_of(options.output) if options.output else None
        self.problem: Exception | None = None  # the first; ends the run
        self.damage = DamageWatch(source)
        self.frames, self.seconds = 0, 0.0  # frames out, and the last one's time
        self.gate = Gate(self.damage, options.duration)
        self.thumbnails: Gst.Element | None = None
        self.starts = True  # what explains is still being made ready
        self._explainer: Gst.Element | None = None
        self._muxer: Gst.Element | None = None
        self._decoder: Gst.Element | None = None
        self._head: Gst.Element | None = None  # where decoded frames wait
        self._video = self._build_explanation()
        self._build_source()

    def start(self) -> bool:
        """Compiles the model, which takes long and may fail, and only then opens the source."""
        failure = Gst.StateChangeReturn.FAILURE
        explainer = self._explainer
        ready = explainer is None or explainer.set_state(Gst.State.PAUSED) != failure
        self.starts = False
        return ready and not self.gate.closed and self.set_state(Gst.State.PLAYING) != failure

    def fail(self, error: Exception) -> None:
        """The run ends with the first error that any thread finds."""
        self.problem = self.problem or error

    def is_reading(self) -> bool:
        """Whether the source may still bring something."""
        return self._decoder is None or is_reading(self._decoder)

    def holds_frames(self) -> bool:
        """Whether decoded frames wait for what explains and writes them."""
        return self._head.get_property("current-level-buffers") > 0

    # ---- building ----

    def _build_explanation(self) -> Gst.Pad:
        options = self.options
        self._head = head = make("queue", **_SHORT)
        path = [head, make("videoconvert"), make("videoflip", video_direction="auto")]
        if options.thumbnails:
            tee = make("tee")
            path += [tee, make("queue", **_SHORT)]
        if options.explain is not None:
            self._explainer = make("tubecam", **options.explain)
            path.append(self._explainer)
        if options.overlay is not None:
            path.append(make("tubeoverlay", **options.overlay))
        chain(self, *path)
        if options.thumbnails:
            self._build_thumbnails(tee)
        self._build_sinks(path[-1])
        return self.gate.add(head, video=True)

    def _build_thumbnails(self, tee: Gst.Element) -> None:
        side, rate = self.options.thumbnails
        caps = Gst.Caps.from_string(
            f"video/x-raw,format=RGBx,width=[1,{side}],height=[1,{side}],pixel-aspect-ratio=1/1"
        )
        self.thumbnails = make("appsink", caps=caps, max_buffers=8, **_UNPACED)
        pace = make("videorate", drop_only=True, max_rate=rate)
        convert = make("videoscale"), make("videoconvert")
        chain(self, tee, make("queue", **_SHORT), pace, *convert, self.thumbnails)

    def _build_sinks(self, last: Gst.Element) -> None:
        if self.container and self.options.display:
            tee = make("tee")
            chain(self, last, tee)
            self._build_file(tee)
            self._build_display(tee)
        elif self.container:
            self._build_file(last)
        elif self.options.display:
            self._build_display(last)
        else:
            sink = make("fakesink", **_UNPACED)
            chain(self, last, sink)
            self._count(sink.get_static_pad("sink"))

    def _build_display(self, last: Gst.Element) -> None:
        queue = make("queue", **_SHORT)
        chain(self, last, queue, make("videoconvert"), make("autovideosink"))
        pad = queue.get_static_pad("sink")
        # A late picture on the screen is no reason to leave frames out of the file.
        pad.add_probe(Gst.PadProbeType.EVENT_UPSTREAM, drop_qos)
        if not self.container:
            self._count(pad)

    def _build_file(self, last: Gst.Element) -> None:
        crop, size, queue = make("videocrop"), make("capsfilter"), make("queue", **_SHORT)
        encoder = make_launch(first_installed(self.container.video))
        parser = [make("h264parse")] if "264" in encoder.get_factory().get_name() else []
        self._muxer = make_launch(self.container.muxer)
        sink = make("filesink", location=str(partial_name(self.options.output)), **_UNPACED)
        store = make("queue", **_LONG)
        store.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, Durations())
        encoded = [encoder, *parser, store, self._muxer, sink]
        shape = make("videoscale"), make("videoconvert"), size
        chain(self, last, queue, crop, *shape, *encoded)
        pad = crop.get_static_pad("sink")
        pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self._fit_size, crop, size)
        self._count(pad)

    def _build_source(self) -> None:
        if self.source.kind == "test":
            self._build_test()
            return
        copy = self.container.copy_caps if self.container else ""
        element, pads = decoder(self.source, copy)
        pads.connect("pad-added", self._pad_added)
        pads.connect("no-more-pads", self._no_more_pads)
        self.add(element)
        self._decoder = element

    def _build_test(self) -> None:
        caps = Gst.Caps.from_string(TEST_CAPS)
        source = make("appsrc", caps=caps, format="time", block=True, max_buffers=4, max_bytes=0)
        chain(self, source)
        source.get_static_pad("src").link(self._video)
        threading.Thread(target=self._feed, args=(source,), daemon=True).start()

    def _feed(self, source: Gst.Element) -> None:
        for buffer in test_buffers(self.options.duration or TEST_SECONDS):
            if self.gate.closed or source.push_buffer(buffer) != Gst.FlowReturn.OK:
                return
        source.end_of_stream()

    # ---- called in streaming threads ----

    def _pad_added(self, _element: Gst.Element, pad: Gst.Pad) -> None:
        caps = pad.get_current_caps() or pad.query_caps(None)
        kind = caps.get_structure(0).get_name() if caps.get_size() else ""
        try:
            if kind.startswith("video/") and not self._video.is_linked():
                if pad.link(self._video) != Gst.PadLinkReturn.OK:
                    raise StreamError(f"its pictures ({caps.to_string()[:80]}) cannot be used")
                self.damage.follow(pad)
            elif kind.startswith("audio/") and self._muxer is not None:
                self._add_audio(pad, caps)
        except StreamError as error:
            self.fail(StreamError(f"{self.source.name}: {error}"))

    def _no_more_pads(self, _element: Gst.Element) -> None:
        if not self._video.is_linked():
            self.fail(StreamError(f"{self.source.name} has no video"))

    def _add_audio(self, pad: Gst.Pad, caps: Gst.Caps) -> None:
        path = [make("queue", **_LONG)]
        if caps.get_structure(0).get_name() == "audio/x-raw":
            encoder = make_launch(first_installed(self.container.audio))
            path += [make("audioconvert"), make("audioresample"), encoder]
        else:
            path.append(make(self.container.parser(caps)))
        chain(self, *path, self._muxer)
        inlet = self.gate.add(path[0], video=False)
        for element in path:
            element.sync_state_with_parent()
        pad.link(inlet)

    def _count(self, pad: Gst.Pad) -> None:
        pad.add_probe(Gst.PadProbeType.BUFFER, self._counted)

    def _counted(self, _pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        pts = info.get_buffer().pts
        self.frames += 1
        if pts != Gst.CLOCK_TIME_NONE:
            self.seconds = pts / Gst.SECOND
        return Gst.PadProbeReturn.OK

    def _fit_size(
        self, _pad: Gst.Pad, info: Gst.PadProbeInfo, crop: Gst.Element, size: Gst.Element
    ) -> Gst.PadProbeReturn:
        """A shape that every player takes: 4:2:0, hence even, and the same to the end of the file.

        An odd column or row is left out; a change of size between frames is scaled to the first.
        """
        event = info.get_event()
        if event.type == Gst.EventType.CAPS:
            caps = event.parse_caps().get_structure(0)
            width, height = caps.get_int("width")[1], caps.get_int("height")[1]
            crop.set_property("right", width % 2)
            crop.set_property("bottom", height % 2)
            if not self.frames:
                width, height = width - width % 2, height - height % 2
                even = f"video/x-raw,format={{NV12,I420}},width={width},height={height}"
                size.set_property("caps", Gst.Caps.from_string(even))
        return Gst.PadProbeReturn.OK
