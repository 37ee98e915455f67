"""A video's explanations without the elements: GStreamer decodes, an Explainer explains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from . import _core
from .errors import StreamError
from .gst import Gst, chain, make, sentence
from .source import Source, decoder, is_reading, parse_source, test_pictures

if TYPE_CHECKING:
    from .explain import Explainer
    from .explanation import Explanation

_FORMATS = "NV12, I420, RGB, BGR, RGBx, BGRx, RGBA, BGRA"


def explain_video(
    explainer: Explainer, source: str, timeout: float = 30.0
) -> Iterator[Explanation]:
    """Decodes a video and yields an explanation a window; closing the generator ends decoding.

    Parameters
    ----------
    explainer
        Is reset first; its hop, method and target hold, and may be changed in between.
    source
        A file's path, a URI or `camera:N`.
    timeout
        Seconds without a frame after which it fails.

    Raises
    ------
    StreamError
        It cannot be opened or decoded, stands still, or is shorter than one window.
    UsageError
        It is no input that TubeCAM knows.
    """
    parsed = parse_source(source)
    windows = 0
    explainer.reset()
    for pts, frame in read_frames(parsed, timeout):
        explanation = explainer.push(frame, pts / 1e9)
        if explanation is not None:
            windows += 1
            yield explanation
    if not windows:
        spec = explainer.clip_spec
        raise StreamError(
            f"{source} is too short: one window takes {spec.length / spec.sample_fps:.2f} s"
        )


def read_frames(source: Source, timeout: float = 30.0) -> Iterator[tuple[int, _core.Frame]]:
    """Times in the video in nanoseconds and frames, upright, in a format that kernels take."""
    for pts, sample in _read_samples(source, _FORMATS, timeout):
        yield pts, frame_of(sample)


def read_pictures(source: Source, timeout: float = 30.0) -> Iterator[tuple[int, np.ndarray]]:
    """Times in the video in nanoseconds and pictures, upright: uint8 [height, width, 3] RGB."""
    if source.kind == "test":
        yield from test_pictures()
        return
    for pts, sample in _read_samples(source, "RGB", timeout):
        size = sample.get_caps().get_structure(0)
        height, width = size.get_value("height"), size.get_value("width")
        buffer = sample.get_buffer()
        data = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
        rows = data.reshape(height, -1)  # padded to whole words
        yield pts, rows[:, : 3 * width].reshape(height, width, 3)


def _read_samples(source: Source, formats: str, timeout: float) -> Iterator[tuple[int, Gst.Sample]]:
    pipeline = Gst.Pipeline.new("tubecam-read")
    reader, sink = _build(pipeline, source, formats)
    try:
        if pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            _raise_error(pipeline, source)
            raise StreamError(f"{source.name} cannot be opened")
        frames, moved = 0, time.monotonic()
        while True:
            sample = sink.try_pull_sample(100 * Gst.MSECOND)
            if sample is not None:
                frames += 1
                pts, segment = sample.get_buffer().pts, sample.get_segment()
                yield segment.to_stream_time(Gst.Format.TIME, pts), sample
                moved = time.monotonic()
                continue
            _raise_error(pipeline, source)
            if sink.is_eos():
                break
            idle = time.monotonic() - moved
            if idle > 3 and not frames and not is_reading(reader):
                raise StreamError(f"{source.name} is damaged or incomplete")
            if idle > timeout:
                raise StreamError(f"{source.name}: nothing came for {timeout:g} s")
        if not frames:
            raise StreamError(f"{source.name} has no frames")
    finally:
        pipeline.set_state(Gst.State.NULL)


def _build(pipeline: Gst.Pipeline, source: Source, formats: str) -> tuple[Gst.Element, Gst.Element]:
    caps = Gst.Caps.from_string(f"video/x-raw,format={{{formats}}}")
    sink = make("appsink", caps=caps, sync=False, max_buffers=4, enable_last_sample=False)
    turn = make("videoflip", video_direction="auto")
    head, *_ = chain(pipeline, make("videoconvert"), turn, sink)
    element, pads = decoder(source)
    pipeline.add(element)
    inlet = head.get_static_pad("sink")

    def link(_element: Gst.Element, pad: Gst.Pad) -> None:
        if not inlet.is_linked():
            pad.link(inlet)

    def end_unlinked(_element: Gst.Element) -> None:
        if not inlet.is_linked():
            inlet.send_event(Gst.Event.new_eos())

    pads.connect("pad-added", link)
    pads.connect("no-more-pads", end_unlinked)
    return element, sink


def _raise_error(pipeline: Gst.Pipeline, source: Source) -> None:
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    if message is not None:
        raise StreamError(sentence(message, source.name))


def frame_of(sample: Gst.Sample) -> _core.Frame:
    """A decoded picture as a Frame that owns its pixels."""
    from .gst import GstVideo

    info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
    buffer = sample.get_buffer()
    layout = GstVideo.buffer_get_video_meta(buffer) or info
    data = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
    planes = []
    for index in range(info.finfo.n_planes):
        rows = info.height if index == 0 else (info.height + 1) // 2
        stride, start = layout.stride[index], layout.offset[index]
        width = _row_bytes(info, index)
        # The last row may end before its stride does.
        view = data[start : start + stride * (rows - 1) + width]
        planes.append(np.lib.stride_tricks.as_strided(view, (rows, width), (stride, 1)))
    matrix = "bt709" if info.colorimetry.matrix in _like_bt709(GstVideo) else "bt601"
    full = info.colorimetry.range == getattr(GstVideo.VideoColorRange, "0_255")
    return _core.Frame(info.finfo.name, info.width, info.height, planes, matrix, full)


def _like_bt709(video) -> tuple:
    """Matrices to which BT.709 comes nearest (as in csrc/plugin/video_frame.cc)."""
    matrix = video.VideoColorMatrix
    return matrix.BT709, matrix.BT2020, matrix.SMPTE240M


def _row_bytes(info, index: int) -> int:
    """Bytes of a row of a plane that are pixels."""
    name, width = info.finfo.name, info.width
    if name in ("NV12", "I420"):
        half = (width + 1) // 2
        return width if index == 0 else half * (2 if name == "NV12" else 1)
    return width * (3 if name in ("RGB", "BGR") else 4)
