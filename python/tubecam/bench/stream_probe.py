"""When each frame passes each stage of a running pipeline, and when each explanation comes.

Note [Pace]
Encoded frames are held at the decoder until they are due, as a camera would send them, so that
latency is not that of full queues. A frame's source time is when it was due, not when the decoder
took it: what a slow pipeline keeps waiting counts as latency.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from ..run.pipeline import Pipeline
from ..video.gstreamer import Gst, factory_name, members
from ..video.metadata import read_structure

_STAGES = {"videoconvert": "convert", "tubecam": "tubecam", "tubeoverlay": "overlay"}


class StreamProbe:
    """Attached to a pipeline before it plays; afterwards `stages` gives milliseconds.

    Parameters
    ----------
    paced
        Holds encoded frames until they are due.
    """

    def __init__(self, pipeline: Pipeline, paced: bool) -> None:
        self.paced = paced
        self.seen: dict[str, dict[int, float]] = defaultdict(dict)  # place → time stamp → seconds
        self.results: list[dict[str, Any]] = []
        self.dropped_windows = 0
        self._start: float | None = None
        pipeline.connect("deep-element-added", self._added)
        for element in members(pipeline.iterate_recurse()):
            self._watch(element)
        bus = pipeline.get_bus()
        bus.enable_sync_message_emission()
        bus.connect("sync-message::element", self._message)

    def _added(self, _bin: Gst.Bin, _parent: Gst.Bin, element: Gst.Element) -> None:
        factory = element.get_factory()
        kind = factory.get_metadata("klass") if factory else ""
        if "Decoder" in kind and "Video" in kind:
            if self.paced and element.find_property("thread-type"):
                # As it chooses itself behind a live source: threads within a frame, not across.
                Gst.util_set_object_arg(element, "thread-type", "slice")
            self._probe(element.get_static_pad("sink"), "source", self._pace)
            self._probe(element.get_static_pad("src"), "decoded")

    def _watch(self, element: Gst.Element) -> None:
        name = factory_name(element)
        if name in _STAGES:
            self._probe(element.get_static_pad("sink"), f"{_STAGES[name]} in")
            self._probe(element.get_static_pad("src"), f"{_STAGES[name]} out")
        elif name == "fakesink":
            self._probe(element.get_static_pad("sink"), "sink")

    def _probe(self, pad: Gst.Pad, place: str, function=None) -> None:
        times = self.seen[place]

        def passed(_pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
            buffer = info.get_buffer()
            times.setdefault(buffer.pts, function(buffer) if function else time.perf_counter())
            return Gst.PadProbeReturn.OK

        pad.add_probe(Gst.PadProbeType.BUFFER, passed)

    def _pace(self, buffer: Gst.Buffer) -> float:
        """Waits until the buffer is due; when that was or is."""
        now = time.perf_counter()
        stamp = buffer.pts if buffer.dts == Gst.CLOCK_TIME_NONE else buffer.dts
        if not self.paced or stamp == Gst.CLOCK_TIME_NONE:
            return now
        if self._start is None:
            self._start = now - stamp / Gst.SECOND
        due = self._start + stamp / Gst.SECOND
        if due > now:
            time.sleep(due - now)
        return due

    def _message(self, _bus: Gst.Bus, message: Gst.Message) -> None:
        now, structure = time.perf_counter(), message.get_structure()
        if structure.get_name() != "tubecam" or not structure.has_field("window-pts"):
            return
        fields = read_structure(structure)
        self.dropped_windows = int(fields["dropped-windows"])
        self.results.append(
            {"time": now, "window": int(fields["window"]), "last": int(fields["window-pts"][-1])}
            | {name: float(fields[f"{name}-ms"]) for name in ("preprocess", "engine", "explain")}
        )

    # ---- afterwards ----

    def stages(self) -> dict[str, list[float]]:
        """Milliseconds by stage, without what came before the first result."""
        since = self.results[0]["time"] if self.results else 0.0
        results = self.results[1:]
        waits = [
            (r, r["time"] - t) for r in results if (t := self.seen["tubecam in"].get(r["last"]))
        ]
        own = ("engine", "explain")
        return {
            "decode": self._between("source", "decoded", since),
            "convert": self._between("convert in", "convert out", since),
            "overlay": self._between("overlay in", "overlay out", since),
            "source to sink": self._between("source", "sink", since),
            "preprocess": [r["preprocess"] for r in results],
            "window wait": [max(0.0, t * 1e3 - sum(r[n] for n in own)) for r, t in waits],
            "engine": [r["engine"] for r in results],
            "explanation": [r["explain"] for r in results],
            "last frame to result": [t * 1e3 for _, t in waits],
        }

    def late_frames(self) -> int:
        """Frames that reach the sink two frames' time later than the most punctual one.

        By presentation times: in files with B-frames, decoding order is another.
        """
        arrivals = self.seen["sink"]
        if len(arrivals) < 3:
            return 0
        period = (max(arrivals) - min(arrivals)) / (len(arrivals) - 1) / Gst.SECOND
        delays = [at - pts / Gst.SECOND for pts, at in arrivals.items()]
        return sum(delay > min(delays) + 2 * period for delay in delays)

    def missing_frames(self) -> int:
        """Frames that were decoded and never reached the sink, though later ones did."""
        arrived = self.seen["sink"]
        last = max(arrived, default=0)
        return sum(pts < last and pts not in arrived for pts in self.seen["decoded"])

    def seconds(self) -> float:
        """From the first frame at the sink to the last one."""
        times = self.seen["sink"].values()
        return max(times) - min(times) if len(times) > 1 else 0.0

    def _between(self, first: str, second: str, since: float) -> list[float]:
        start = self.seen[first]
        return [
            (end - start[pts]) * 1e3
            for pts, end in self.seen[second].items()
            if pts in start and start[pts] >= since
        ]
