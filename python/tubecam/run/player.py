"""Plays a Pipeline to its end, and never waits without a limit.

Note [Time limits]
Decoders have been seen to stop without an error, and sources freeze. When nothing has moved for
`timeout` seconds the run fails, and the file that was written so far is finished and kept. The time
that the model takes to compile does not count. What may hang (compiling, opening, closing) is done
in threads of its own, so that a signal is heard at any time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import DamageError, OutputError, StreamError
from ..video.gstreamer import Gst, GstBase, factory_name, sentence, why_not_written
from ..video.lost import ended, is_lost, loss, standstill
from .pipeline import Pipeline
from .signals import STUCK

_POLL = 20 * Gst.MSECOND
# Seconds: without a sign of life from a damaged file; for what is under way to come out at the end.
_PATIENCE, _FINISH = 3.0, 10.0
_SILENCE = 5.0  # seconds without a frame after which a live source counts as standing still
_OWN = ("tubecam", "tubeoverlay")
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
        self._failed = False  # to start
        self._starter = threading.Thread(target=self._start, name=STUCK, daemon=True)
        self._ending = False  # was asked for
        self._aborted = False
        self._deaf = False  # what takes the messages failed
        self._moved, self._stood = time.monotonic(), 0.0
        self._warned: set[str] = set()

    def play(self) -> None:
        """Returns at the end of the stream, after `stop` or `abort`.

        Raises
        ------
        StreamError
            The input cannot be opened or decoded, stands still, breaks off, or has no frame.
        DamageError
            It was played to its end, and parts of it are missing or broken.
        SourceLostError
            A camera or network source cannot be reached, ended, or stands still.
        OutputError
            An output could not be written to its end.
        """
        pipeline = self.pipeline
        with pipeline.damage.on(pipeline):
            try:
                if not self._ending:
                    self._starter.start()
                    self._loop()
            finally:
                self._stood = self._idle()
                self._close()
        self._judge()

    def stop(self) -> None:
        """Ends the stream here: what was written becomes a whole file."""
        self._ending = True

    def abort(self) -> None:
        """Leaves everything as it is."""
        self._aborted = True

    def _start(self) -> None:
        self._failed = not self.pipeline.start()

    def _loop(self) -> None:
        pipeline, before, closed = self.pipeline, None, False
        while not self._aborted:
            message = self._bus.timed_pop(_POLL)
            if message is not None and self._handle(message):
                return
            self._take_thumbnails()
            self._listen.progress(self)
            state = pipeline.frames, pipeline.gate.taken
            if state != before or pipeline.starts:
                self._moved, before = time.monotonic(), state
                self._ask_length()
            if message is None and self._failed:
                pipeline.fail(StreamError(f"{self._name} cannot be opened"))
            if pipeline.problem or pipeline.gate.cut:
                self._ending = True
            if self._ending and not closed:
                closed = True
                pipeline.gate.close()
                pipeline.gate.end_streams()
            if self._is_over():
                return

    def _is_over(self) -> bool:
        """Whether waiting is of no use."""
        pipeline, idle = self.pipeline, self._idle()
        if self._ending:
            sound = self._deaf or not pipeline.problem
            nothing = not (pipeline.gate.taken if sound else pipeline.frames)
            return nothing or idle > max(_FINISH, self.timeout)
        if idle > self.timeout:
            pipeline.fail(self._standstill(idle))
        elif pipeline.source.live and pipeline.frames and idle > _SILENCE:
            self._warn(str(standstill(pipeline.source, _SILENCE, pipeline.frames)))
        elif idle > _PATIENCE and self._has_given_all():
            pipeline.gate.close()  # some demuxers forget to say that this was the end
            pipeline.gate.end_streams()
        elif self._reads_nothing() and idle > _PATIENCE:
            pipeline.fail(StreamError(NOTHING.format(self._name)))
        return False

    def _idle(self) -> float:
        """Seconds since anything moved."""
        return time.monotonic() - self._moved

    def _reads_nothing(self) -> bool:
        pipeline = self.pipeline
        return (
            pipeline.source.kind == "file" and not pipeline.gate.taken and not pipeline.is_reading()
        )

    def _has_given_all(self) -> bool:
        """Whether the source has nothing left; a slow model may only keep its last frames back."""
        return self.pipeline.damage.all_came(self.length) and not self.pipeline.holds_frames()

    def _handle(self, message: Gst.Message) -> bool:
        """True when there is nothing left to wait for."""
        kind, types = message.type, Gst.MessageType
        if kind == types.EOS:
            return True
        if kind == types.ERROR:
            return self._take_error(message)
        if kind == types.WARNING and factory_name(message.src) in _OWN:
            self._warn(sentence(message, self._name))
        elif kind == types.ELEMENT and message.get_structure().get_name() == "tubecam":
            self._hand_out(message.get_structure())
        elif kind == types.LATENCY:
            self.pipeline.recalculate_latency()
        elif kind == types.DURATION_CHANGED:
            self.length = None
        return False

    def _take_error(self, message: Gst.Message) -> bool:
        """What is under way can still be finished, unless it is the file that failed."""
        pipeline = self.pipeline
        writing = isinstance(message.src, GstBase.BaseSink)
        if writing:
            output = pipeline.options.output
            pipeline.fail(
                OutputError(f"cannot write {output}: {why_not_written(message)}")
                if factory_name(message.src) == "filesink"
                else StreamError(sentence(message, "the screen"))
            )
        elif is_lost(message, pipeline.source):
            begun = pipeline.seconds if pipeline.frames else None
            pipeline.fail(loss(message, pipeline.source, begun))
        else:
            broken = pipeline.source.kind == "file" and pipeline.frames
            text = sentence(message, self._name)
            pipeline.fail(DamageError(text) if broken else StreamError(text))
        return not pipeline.frames or writing

    def _hand_out(self, structure: Gst.Structure) -> None:
        if self._deaf:
            return
        try:
            self._listen.message(structure)
        except (OSError, OutputError) as error:  # the video can still be finished
            self._deaf = True
            self.pipeline.fail(error)

    def _warn(self, text: str) -> None:
        if text not in self._warned and len(self._warned) < 20:
            self._warned.add(text)
            self._listen.warning(text)

    def _ask_length(self) -> None:
        if self.length is None and self.pipeline.frames and self.pipeline.source.uri:
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

    def _standstill(self, idle: float) -> StreamError:
        source = self.pipeline.source
        error = standstill(source, idle, self.pipeline.frames)
        return StreamError(str(error)) if source.kind in ("file", "test") else error

    def _close(self) -> None:
        self._take_thumbnails()
        # A decoder that hangs may hang here too; the process can end nevertheless.
        closing = threading.Thread(
            target=self.pipeline.set_state, args=(Gst.State.NULL,), name=STUCK, daemon=True
        )
        closing.start()
        closing.join(_FINISH if self.pipeline.gate.taken and not self._aborted else _PATIENCE)

    def _judge(self) -> None:
        """Raises what went wrong."""
        pipeline = self.pipeline
        if pipeline.problem:
            raise pipeline.problem
        if self._aborted or self._ending:
            return
        if not pipeline.frames:
            raise StreamError(f"{self._name} has no frames")
        if pipeline.source.live and not self._length_reached():
            if self._stood > _SILENCE:
                raise self._standstill(self._stood)
            raise ended(pipeline.source, pipeline.seconds)
        damage = pipeline.damage.found(self.length)
        if damage:
            raise DamageError(f"{self._name} is damaged: {damage}")

    def _length_reached(self) -> bool:
        return self.length is not None and self.pipeline.gate.end > self.length - 1.0
