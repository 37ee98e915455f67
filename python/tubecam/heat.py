"""Heat on pictures, drawn by the same kernel as in a pipeline."""

from __future__ import annotations

import numpy as np

from . import _core
from .record import WindowRecord


def paint_heat(
    picture: np.ndarray,
    window: WindowRecord,
    pts: int,
    scale: float,
    color_map: str = _core.DEFAULT_COLOR_MAP,
    alpha: float = _core.DEFAULT_ALPHA,
    threshold: float = _core.DEFAULT_THRESHOLD,
) -> np.ndarray:
    """A copy of a picture with a window's relevance at one time, motion told by hue where known.

    Parameters
    ----------
    picture
        uint8 [H, W, 3] RGB, the whole frame at any size.
    pts
        The picture's presentation time, nanoseconds.
    scale
        Relevance that is shown as full heat, logit units.
    color_map, alpha, threshold
        As of the element `tubeoverlay`.
    """
    painted = np.array(picture, np.uint8, order="C")
    height, width = painted.shape[:2]
    x, y, crop_width, crop_height = window.crop
    planes = [
        _core.tube_plane(
            np.ascontiguousarray(values, np.float32), window.stride, window.offset,
            window.slice_at(pts),
        )
        for values in (window.tube, window.motion)
        if values is not None
    ]  # fmt: skip
    _core.blend_heat(
        _core.Frame.from_array(painted),
        *planes,
        stride=window.stride[1:],
        offset=window.offset[1:],
        clip_height=window.clip[1],
        clip_width=window.clip[2],
        source=(x * width, y * height, crop_width * width, crop_height * height),
        scale=scale,
        color_map=color_map,
        alpha=alpha,
        threshold=threshold,
    )
    return painted


def heat_opacity(
    shape: tuple[int, int], window: WindowRecord, pts: int, scale: float
) -> np.ndarray:
    """How much of a picture of `shape` (height, width) heat covers: float32 [H, W], 0…1."""
    white = np.full((*shape, 3), 255, np.uint8)
    light = paint_heat(white, window, pts, scale, alpha=1.0, threshold=0.05)[..., 0]
    dark = paint_heat(white - white, window, pts, scale, alpha=1.0, threshold=0.05)[..., 0]
    return 1 - (light.astype(np.float32) - dark) / 255


def color_bar(color_map: str) -> np.ndarray:
    """A colour map from no heat to full heat, uint8 [1, 256, 3] RGB."""
    return _core.color_table(color_map)[None]
