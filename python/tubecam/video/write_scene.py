"""Writes the demo's story as an H.264 video, with the truth beside it."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import OutputError, StreamError, UsageError
from ..scene.story import frame_times, story, truth

_ENCODERS = {
    "x264enc": "x264enc pass=qual quantizer=20 speed-preset=veryfast key-int-max=60",
    "openh264enc": "openh264enc bitrate=6000000 gop-size=60",
    "avenc_h264": "avenc_h264 bitrate=6000000",
}
_QUEUE = 8  # frames that may wait for the encoder


def write_demo_video(
    path: str | os.PathLike,
    seconds: float = 18.0,
    size: tuple[int, int] = (1280, 720),
    fps: float = 30.0,
    seed: int = 3,
) -> dict:
    """Renders and encodes the demo video; the truth goes to `demo-truth.json` beside it.

    Parameters
    ----------
    path
        The MP4 to write. It appears whole or not at all.
    seconds, size, fps
        Length, (width, height) in even pixels, and frames a second.
    seed
        Of everything random in the looks.

    Returns
    -------
    dict
        The truth, as `tubecam.scene.story.truth` gives it.

    Raises
    ------
    UsageError
        A length, size or rate that no video has.
    StreamError
        An H.264 encoder is missing.
    OutputError
        The file cannot be written.
    UnavailableError
        GStreamer's Python bindings are missing.
    """
    _check(seconds, size, fps)
    path = Path(path)
    part = path.with_name(path.name + ".part")
    acts = story(seconds, seed)
    frames = (frame for act in acts for frame in act.scene.frames(frame_times(act, fps), size))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        try:
            _encode(frames, part, size, fps)
            facts = truth(acts, size, fps)
            _write_text(path.with_name("demo-truth.json"), json.dumps(facts) + "\n")
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return facts


def _check(seconds: float, size: tuple[int, int], fps: float) -> None:
    if not 0 < fps <= 240:
        raise UsageError(f"fps is {fps}; give a rate in (0, 240]")
    if not 1 <= seconds * fps <= 1e6:
        raise UsageError(f"seconds is {seconds}; give at least one frame and at most a million")
    if any(n != int(n) or n % 2 or not 32 <= n <= 8192 for n in size):
        raise UsageError(f"size is {size}; give an even width and height in 32…8192")


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _encode(frames: Iterable[np.ndarray], path: Path, size: tuple[int, int], fps: float) -> None:
    """Feeds RGB frames, uint8 [H, W, 3], through GStreamer's encoder into an MP4."""
    gst = _gstreamer()
    rate = Fraction(fps).limit_denominator(1001)
    caps = f"video/x-raw,format=RGB,width={size[0]},height={size[1]},framerate={rate.numerator}/"
    pipeline = gst.parse_launch(
        f"appsrc name=source format=time max-bytes=0 caps={caps}{rate.denominator}"
        f" ! videoconvert ! video/x-raw,format=I420 ! {_encoder(gst)} ! h264parse ! mp4mux"
        " ! filesink name=sink"
    )
    pipeline.get_by_name("sink").set_property("location", str(path))
    source, bus = pipeline.get_by_name("source"), pipeline.get_bus()
    pipeline.set_state(gst.State.PLAYING)
    try:
        for number, frame in enumerate(frames):
            while source.get_property("current-level-bytes") > _QUEUE * frame.nbytes:
                _raise_error(gst, bus)
                time.sleep(0.002)
            source.emit("push-buffer", _buffer(gst, frame, number, rate))
        source.emit("end-of-stream")
        while not _raise_error(gst, bus, 100 * gst.MSECOND):
            pass
    finally:
        pipeline.set_state(gst.State.NULL)


def _buffer(gst, frame: np.ndarray, number: int, rate: Fraction):
    # GStreamer pads RGB rows to four bytes.
    rows = frame.reshape(frame.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    buffer = gst.Buffer.new_wrapped(rows.tobytes())
    buffer.pts = int(number * gst.SECOND / rate)
    buffer.duration = int((number + 1) * gst.SECOND / rate) - buffer.pts
    return buffer


def _raise_error(gst, bus, timeout: int = 0) -> bool:
    """Raises what the pipeline reports; true at the end of the stream."""
    kinds = gst.MessageType.EOS | gst.MessageType.ERROR
    message = bus.timed_pop_filtered(timeout, kinds)
    if message is None:
        return False
    if message.type == gst.MessageType.ERROR:
        from .gstreamer import factory_name, sentence, why_not_written

        if factory_name(message.src) == "filesink":
            raise OSError(errno.EIO, why_not_written(message))
        raise StreamError(sentence(message, "the demo video"))
    return True


def _gstreamer():
    # Not gi itself: see Note [Unwinding] in unwinding.py.
    from .gstreamer import Gst

    return Gst


def _encoder(gst) -> str:
    """The first H.264 encoder that is installed, with its settings."""
    for name in ("appsrc", "videoconvert", "h264parse", "mp4mux"):
        if gst.ElementFactory.find(name) is None:
            raise StreamError(
                f"GStreamer's element {name} is missing; install it with `sudo apt-get install"
                " gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad`"
            )
    for name, launch in _ENCODERS.items():
        if gst.ElementFactory.find(name) is not None:
            return launch
    raise StreamError(
        f"no H.264 encoder is installed (looked for {', '.join(_ENCODERS)}); install one with"
        " `sudo apt-get install gstreamer1.0-plugins-ugly`"
    )
