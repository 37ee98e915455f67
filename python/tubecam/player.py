"""Plays a Pipeline to its end, and never waits without a limit.

Note [Time limits]
Decoders have been seen to stop without an error. When nothing has moved for `timeout` seconds the
run fails, and the file that was written so far is finished and kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import StreamError
from .gst import Gst, GstBase, sentence
from .pipeline import Pipeline

_POLL = 20 * Gst.MSECOND
# Seconds without movement after which a pipeline that was asked to end is pushed, and given up.
_PATIENCE, _FINISH = 3.0, 10.0
NOTHING = "{} is damaged or incomplete: nothing in it can be played"


@dataclass
class Listeners:
    """Called in the thread that plays.

    Attributes
    ----------
    message
        Takes each element message of `tubecam`, a Gst.Structure.
    thumbnail
        Takes a time in the video, in nanoseconds, and a picture, uint8 [H, W, 3] RGB.
    progress
        Takes the player, some fifty times a second.
    warning
        Takes a sentence.
    """

    message: Callable = lambda structure: None
    thumbnail: Callable = lambda pts, picture: None
    progress: Callable = lambda player: None
    warning: Callable = lambda text: None


class Player:
    """One run of a pipeline."""

    def __init__(self, pipeline: Pipeline, listeners: Listeners, timeout: float = 30.0) -> None:
        self.pipeline, self.timeout = pipeline, timeout
        self.length: float | None = None  # seconds, when known
        self._listen = listeners
        self._bus = pipeline.get_bus()
        self._name = pipeline.source.name
        self._ending: float | None = None  # when the end was asked for
        self._aborted = False
        self._warned: set[str] = set()

    def play(self) -> None:
        """Returns at the end of the stream, after `stop` or `abort`.

        Raises
        ------
        StreamError
            The input cannot be opened or decoded, stands still, breaks off, or has no frame.
        """
        pipeline = self.pipeline
        try:
            failed = pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE
            self._loop(failed)
        finally:
            self._close()
        if pipeline.problem:
            raise StreamError(pipeline.problem)
        if self._aborted:
            return
        if not pipeline.frames and self._ending is None:
            raise StreamError(f"{self._name} has no frames")
        self._check_length()

    def stop(self) -> None:
        """Ends the stream here: what was written becomes a whole file."""
        if self._ending is None:
            self._ending = time.monotonic()
            self.pipeline.close_inlets()
            self.pipeline.send_event(Gst.Event.new_eos())

    def abort(self) -> None:
        """Makes `play` return soon, the file as it is."""
        self._aborted = True

    def _loop(self, failed: bool) -> None:
        pipeline, moved, before = self.pipeline, time.monotonic(), None
        while not self._aborted:
            message = self._bus.timed_pop(0 if failed else _POLL)
            if message is not None and self._handle(message):
                return
            self._take_thumbnails()
            self._listen.progress(self)
            if message is None and failed:
                pipeline.problem = pipeline.problem or f"{self._name} cannot be opened"
                return
            now, state = time.monotonic(), (pipeline.frames, pipeline.taken, self._ending)
            if state != before:
                moved, before = now, state
                self._ask_length()
            if pipeline.problem and not pipeline.frames:
                return
            if pipeline.problem or pipeline.cut:
                self.stop()
            if self._ending is not None and now - moved > _PATIENCE:
                if now - moved > _FINISH:
                    return
                pipeline.end_inlets()
            elif now - moved > self.timeout:
                pipeline.problem = self._standstill()
                self.stop()
            elif now - moved > _PATIENCE and not pipeline.taken and not pipeline.is_reading():
                pipeline.problem = NOTHING.format(self._name)

    def _handle(self, message: Gst.Message) -> bool:
        """True when there is nothing left to wait for."""
        kind, types = message.type, Gst.MessageType
        if kind == types.EOS:
            return True
        if kind == types.ERROR:
            writing = isinstance(message.src, GstBase.BaseSink)
            name = str(self.pipeline.options.output) if writing else self._name
            self.pipeline.problem = self.pipeline.problem or sentence(message, name)
            self.stop()
            # What is under way can still be finished, unless it is the file that failed.
            return not self.pipeline.frames or writing
        if kind == types.WARNING:
            text = sentence(message, self._name)
            if text not in self._warned and len(self._warned) < 20:
                self._warned.add(text)
                self._listen.warning(text)
        elif kind == types.ELEMENT and message.get_structure().get_name() == "tubecam":
            self._listen.message(message.get_structure())
        elif kind == types.LATENCY:
            self.pipeline.recalculate_latency()
        elif kind == types.DURATION_CHANGED:
            self.length = None
        return False

    def _ask_length(self) -> None:
        if self.length is None and self.pipeline.frames and self.pipeline.source.kind == "file":
            known, length = self.pipeline.query_duration(Gst.Format.TIME)
            self.length = length / Gst.SECOND if known and length > 0 else None

    def _take_thumbnails(self) -> None:
        sink = self.pipeline.thumbnails
        while sink is not None and (sample := sink.try_pull_sample(0)) is not None:
            caps, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
            pts = sample.get_segment().to_stream_time(Gst.Format.TIME, buffer.pts)
            width, height = caps.get_int("width")[1], caps.get_int("height")[1]
            data = buffer.extract_dup(0, buffer.get_size())
            picture = np.frombuffer(data, np.uint8).reshape(height, width, 4)
            self._listen.thumbnail(pts, picture[..., :3])

    def _standstill(self) -> str:
        where = (
            f"after frame {self.pipeline.frames}" if self.pipeline.frames else "before any frame"
        )
        return f"{self._name}: nothing came for {self.timeout:g} s, {where}"

    def _close(self) -> None:
        self._take_thumbnails()
        # A decoder that hangs may hang here too; the process can end nevertheless.
        closing = threading.Thread(
            target=self.pipeline.set_state, args=(Gst.State.NULL,), daemon=True
        )
        closing.start()
        closing.join(10)

    def _check_length(self) -> None:
        pipeline = self.pipeline
        if self.length is None or self._ending is not None or pipeline.source.kind != "file":
            return
        if pipeline.end < 0.9 * self.length and self.length - pipeline.end > 0.5:
            raise StreamError(
                f"{self._name} is truncated: it ends at {pipeline.end:.1f} s of {self.length:.1f} s"
            )
