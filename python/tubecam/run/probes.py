"""Pad probes that put right what encoders, muxers and screens do."""

from __future__ import annotations

from ..video.gstreamer import Gst

_SHORTEST = 1000  # ns; with variable rates parsers write 1 for a duration that they don't know


class Durations:
    """Gives frames without a duration one: players skip a last frame that lasts no time."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._step = Gst.SECOND // 30

    def __call__(self, _pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        buffer = info.get_buffer()
        if self._before is not None and buffer.pts > self._before:
            self._step = buffer.pts - self._before
        self._before = buffer.pts
        if not _SHORTEST <= buffer.duration < Gst.CLOCK_TIME_NONE:
            buffer.duration = self._step
        return Gst.PadProbeReturn.OK


def drop_qos(_pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
    """Keeps reports of late pictures from reaching what is in front."""
    late = info.get_event().type == Gst.EventType.QOS
    return Gst.PadProbeReturn.DROP if late else Gst.PadProbeReturn.OK
