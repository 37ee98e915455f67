"""Where buffers enter a run's pipeline."""

from __future__ import annotations

import threading

from .._core import TimestampRepair
from ..video.damage import DamageWatch
from ..video.gstreamer import Gst
from ..video.reader import frame_interval


class Gate:
    """Lets buffers in until it closes or the duration is over, counts them, and gives them times.

    Attributes
    ----------
    taken : int
        Buffers that came in.
    end : float
        Time of the last one, seconds.
    cut : bool
        The duration is reached.
    closed : bool
    repair : TimestampRepair or None
        Of the frames' times; None before the first.
    """

    def __init__(self, damage: DamageWatch, duration: float | None) -> None:
        self._damage, self._duration = damage, duration
        self.taken, self.end = 0, 0.0
        self.cut = self.closed = False
        self.repair: TimestampRepair | None = None
        self._first: int | None = None
        self._inlets: list[Gst.Pad] = []

    def add(self, element: Gst.Element, video: bool) -> Gst.Pad:
        """Guards an element's sink pad, and gives it."""
        inlet = element.get_static_pad("sink")
        inlet.add_probe(Gst.PadProbeType.BUFFER, self._pass, video)
        self._inlets.append(inlet)
        return inlet

    def close(self) -> None:
        """Lets no more frames in, so that what follows EOS is only what was already under way."""
        self.closed = True

    def end_streams(self) -> None:
        """Ends the streams here, for a source that does not do so itself."""
        inlets, self._inlets = self._inlets, []
        for pad in inlets:
            event = Gst.Event.new_eos()
            threading.Thread(target=pad.send_event, args=(event,), daemon=True).start()

    # ---- called in streaming threads ----

    def _pass(self, pad: Gst.Pad, info: Gst.PadProbeInfo, video: bool) -> Gst.PadProbeReturn:
        buffer, duration = info.get_buffer(), self._duration
        if self.closed:
            return Gst.PadProbeReturn.DROP
        if video:
            self._damage.came(buffer.pts)
            self._repair_time(pad, buffer)
        pts = buffer.pts
        self.taken += 1
        if pts != Gst.CLOCK_TIME_NONE:
            self.end = max(self.end, pts / Gst.SECOND)
        if duration is not None and pts != Gst.CLOCK_TIME_NONE:
            if video and self._first is None:
                self._first = pts
            if pts >= (self._first or 0) + duration * Gst.SECOND:
                self.cut = self.cut or video
                return Gst.PadProbeReturn.DROP
        return Gst.PadProbeReturn.OK

    def _repair_time(self, pad: Gst.Pad, buffer: Gst.Buffer) -> None:
        """For the muxer as for the windows; a frame whose time cannot be known has none still."""
        if self.repair is None:
            self.repair = TimestampRepair(frame_interval(pad.get_current_caps()))
        time = self.repair.next(None if buffer.pts == Gst.CLOCK_TIME_NONE else buffer.pts)
        if time is not None and time != buffer.pts:
            buffer.pts = time
