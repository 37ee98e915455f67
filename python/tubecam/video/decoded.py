"""Decoded pictures as the frames that kernels take."""

from __future__ import annotations

import numpy as np

from .. import _core
from .gstreamer import Gst, GstVideo


def frame_of(sample: Gst.Sample) -> _core.Frame:
    """A decoded picture as a Frame that owns its pixels."""
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
    matrix = "bt709" if info.colorimetry.matrix in _like_bt709() else "bt601"
    full = info.colorimetry.range == getattr(GstVideo.VideoColorRange, "0_255")
    return _core.Frame(info.finfo.name, info.width, info.height, planes, matrix, full)


def _like_bt709() -> tuple:
    """Matrices to which BT.709 comes nearest (as in csrc/plugin/memory/video_frame.cc)."""
    matrix = GstVideo.VideoColorMatrix
    return matrix.BT709, matrix.BT2020, matrix.SMPTE240M


def _row_bytes(info, index: int) -> int:
    """Bytes of a row of a plane that are pixels."""
    name, width = info.finfo.name, info.width
    if name in ("NV12", "I420"):
        half = (width + 1) // 2
        return width if index == 0 else half * (2 if name == "NV12" else 1)
    return width * len(name)  # a letter is a byte: RGB, BGRx
