"""Plays GStreamer pipelines for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import parts

Gst = parts.require("plugin").Gst

from tubecam.video import metadata  # noqa: E402


@dataclass
class Played:
    """What one pipeline did.

    Attributes
    ----------
    frames
        By element name: (pts, annotation or None) of every frame that left a probed element.
    windows
        By element name: the fields of its element messages.
    pixels
        By element name: the bytes of every frame, where asked for.
    """

    frames: dict[str, list] = field(default_factory=dict)
    windows: dict[str, list] = field(default_factory=dict)
    pixels: dict[str, list] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    latencies: int = 0


def play(
    launch: str,
    probed: tuple[str, ...] = ("t",),
    pixels: tuple[str, ...] = (),
    prepare: Callable[[Gst.Pipeline], object] = lambda pipeline: None,
    finish: Callable[[Gst.Pipeline], object] = lambda pipeline: None,
    seconds: float = 60,
) -> Played:
    """Plays a launch line to its end; fails on an error message or after `seconds`."""
    played, pipeline = Played(), Gst.parse_launch(launch)
    for name in {*probed, *pixels}:
        pad = pipeline.get_by_name(name).get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BUFFER, _note, played, name, name in pixels)
    prepare(pipeline)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        _listen(pipeline, played, time.monotonic() + seconds)
        finish(pipeline)
    finally:
        pipeline.set_state(Gst.State.NULL)
    return played


def _note(_pad, info, played: Played, name: str, pixels: bool) -> Gst.PadProbeReturn:
    buffer = info.get_buffer()
    played.frames.setdefault(name, []).append((buffer.pts, metadata.read(buffer)))
    if pixels:
        data = buffer.extract_dup(0, buffer.get_size())
        played.pixels.setdefault(name, []).append(np.frombuffer(data, np.uint8))
    return Gst.PadProbeReturn.OK


def _listen(pipeline: Gst.Pipeline, played: Played, deadline: float) -> None:
    bus = pipeline.get_bus()
    while True:
        left = deadline - time.monotonic()
        message = bus.timed_pop(int(left * Gst.SECOND)) if left > 0 else None
        assert message is not None, "the pipeline did not end in time"
        if message.type == Gst.MessageType.EOS:
            return
        if message.type == Gst.MessageType.ERROR:
            raise AssertionError(message.parse_error()[0].message)
        if message.type == Gst.MessageType.WARNING:
            played.warnings.append(message.parse_warning()[0].message)
        elif message.type == Gst.MessageType.LATENCY:
            played.latencies += 1
            pipeline.recalculate_latency()
        elif message.type == Gst.MessageType.ELEMENT:
            if (structure := message.get_structure()).get_name() == metadata.NAME:
                fields = metadata.read_structure(structure)
                played.windows.setdefault(message.src.get_name(), []).append(fields)
