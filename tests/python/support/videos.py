"""Small videos for tests, written and read with GStreamer alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import parts

Gst = parts.require("gstreamer").Gst

_MUXERS = {".mp4": "mp4mux", ".mkv": "matroskamux", ".avi": "avimux", ".webm": "webmmux"}
H264 = "video/x-raw,format=I420 ! x264enc speed-preset=ultrafast key-int-max=15 ! h264parse"
# Takes odd sizes, which 4:2:0 H.264 cannot.
JPEG = "jpegenc quality=95"


def numbered(count: int, size: tuple[int, int] = (160, 120)) -> Iterator[np.ndarray]:
    """Frames with their number written as eight white or black bars over a moving gradient."""
    width, height = size
    ramp = np.linspace(60, 180, width, dtype=np.float32)
    for number in range(count):
        frame = np.repeat(np.roll(ramp, 5 * number)[None, :, None], 3, axis=2)
        frame = np.repeat(frame, height, axis=0).astype(np.uint8)
        for bit in range(8):
            left = bit * width // 8
            frame[: height // 4, left : left + width // 8] = 255 * (number >> bit & 1)
        yield frame


def number_of(frame: np.ndarray) -> int:
    """The number that `numbered` wrote."""
    height, width = frame.shape[:2]
    row = frame[height // 16 : height // 6].mean(axis=(0, 2))
    middles = [row[int((bit + 0.5) * width / 8)] for bit in range(8)]
    return sum((value > 128) << bit for bit, value in enumerate(middles))


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    times: Sequence[float],
    *,
    fps: str = "30/1",
    encoder: str = H264,
    audio: str = "",
    tags: str = "",
    muxer: str = "",
) -> Path:
    """Encodes frames, uint8 [H, W, 3] RGB, at the given times in seconds.

    audio: a launch line of encoded sound, for instance `audiotestsrc num-buffers=50 ! avenc_aac`.
    muxer: by the file's name unless given.
    """
    frames = iter(frames)
    first = next(frames)
    height, width = first.shape[:2]
    inject = f'taginject tags="{tags}" !' if tags else ""
    line = (
        f"appsrc name=in format=time max-bytes=0 caps=video/x-raw,format=RGBx,width={width},"
        f"height={height},framerate={fps} ! videoconvert ! {encoder} ! {inject} queue"
        f" ! {muxer or _MUXERS[path.suffix]} name=mux ! filesink location={path}"
    )
    pipeline = Gst.parse_launch(line + (f" {audio} ! queue ! mux." if audio else ""))
    source = pipeline.get_by_name("in")
    pipeline.set_state(Gst.State.PLAYING)
    ends = [*times[1:], times[-1] + (times[-1] - times[-2] if len(times) > 1 else 1 / 30)]
    for begin, end, frame in zip(times, ends, [first, *frames]):
        rgbx = np.dstack([frame, np.zeros((height, width), np.uint8)])
        buffer = Gst.Buffer.new_wrapped(rgbx.tobytes())
        buffer.pts, buffer.duration = round(begin * 1e9), round((end - begin) * 1e9)
        source.push_buffer(buffer)
    source.end_of_stream()
    _wait(pipeline)
    return path


@dataclass
class Decoded:
    """Frames, uint8 [H, W, 3] RGB, and their times in seconds."""

    frames: list[np.ndarray]
    times: list[float]


def read_video(path: Path) -> Decoded:
    """Decodes a file's pictures, independently of the code under test."""
    pipeline = Gst.parse_launch(
        f'filesrc location={path} ! decodebin caps="video/x-raw(ANY)" expose-all-streams=false'
        " ! videoconvert ! appsink name=out sync=false caps=video/x-raw,format=RGBx"
    )
    sink, video = pipeline.get_by_name("out"), Decoded([], [])
    pipeline.set_state(Gst.State.PLAYING)
    try:
        while (sample := sink.try_pull_sample(20 * Gst.SECOND)) is not None:
            caps, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
            shape = caps.get_int("height")[1], caps.get_int("width")[1], 4
            pixels = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
            video.frames.append(pixels.reshape(shape)[..., :3])
            video.times.append(
                sample.get_segment().to_running_time(Gst.Format.TIME, buffer.pts) / 1e9
            )
        _raise(pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR))
        assert sink.is_eos(), f"{path} did not end"
    finally:
        pipeline.set_state(Gst.State.NULL)
    return video


def read_sound(path: Path) -> dict[str, float]:
    """The kinds of encoded sound in a file, each with the time of its last packet in seconds."""
    pipeline = Gst.parse_launch(f"filesrc location={path} ! parsebin name=parse")
    sounds: dict[str, float] = {}

    def added(_element, pad) -> None:
        kind = (pad.get_current_caps() or pad.query_caps(None)).get_structure(0)
        sink = Gst.ElementFactory.make("fakesink", None)
        sink.set_property("async", False)
        pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))
        if kind.get_name().startswith("audio/"):
            name = f"{kind.get_name()} {kind.get_int('mpegversion')[1]}"
            sink.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, note, name)

    def note(_pad, info, name: str):
        sounds[name] = max(sounds.get(name, 0.0), info.get_buffer().pts / 1e9)
        return Gst.PadProbeReturn.OK

    pipeline.get_by_name("parse").connect("pad-added", added)
    pipeline.set_state(Gst.State.PLAYING)
    _wait(pipeline)
    return sounds


def _wait(pipeline) -> None:
    kinds = Gst.MessageType.EOS | Gst.MessageType.ERROR
    message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, kinds)
    pipeline.set_state(Gst.State.NULL)
    assert message is not None, "a test video was not written in time"
    _raise(message if message.type == Gst.MessageType.ERROR else None)


def _raise(message) -> None:
    if message is not None:
        raise AssertionError(str(message.parse_error()))
