"""Definition of `preprocess`: one frame to one normalised slice of a clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

LUMA_SHARES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
"""Shares of red and blue in luma (ITU-R BT.601-7 and BT.709-6)."""

Rect = tuple[float, float, float, float]


class ClipSpec(Protocol):
    """What is read of a clip spec (see engines/README.md)."""

    height: int
    width: int
    mean: Sequence[float]
    std: Sequence[float]
    color: str
    resize: str
    short_side: int


def source_rect(spec: ClipSpec, frame_width: int, frame_height: int) -> Rect:
    """Part of a frame that becomes the clip's picture.

    Parameters
    ----------
    spec : ClipSpec
        Read are `height`, `width`, `resize` and `short_side`.
    frame_width, frame_height : int
        Pixels.

    Returns
    -------
    tuple of float
        x, y, width, height in frame pixels; it reaches beyond the frame where it is larger.
    """
    if spec.resize == "stretch":
        return (0.0, 0.0, float(frame_width), float(frame_height))
    if spec.resize == "crop":
        scale = min(frame_width, frame_height) / spec.short_side
    else:
        scale = max(frame_width / spec.width, frame_height / spec.height)
    width, height = spec.width * scale, spec.height * scale
    return ((frame_width - width) / 2, (frame_height - height) / 2, width, height)


def axis_weights(
    start: float, length: float, count: int, size: int, extent: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the samples of one axis in each output pixel.

    Output pixel i covers [start + i·step, start + (i+1)·step) with step = length/count; sample j
    covers [j, j+1). Where the step is at least a sample, weights are the areas of overlap; where
    it is less, they are linear between the two nearest sample centres, the outermost ones clamped.

    Parameters
    ----------
    start, length : float
        Source interval, in samples.
    count : int
        Output pixels.
    size : int
        Samples of the axis.
    extent : float
        Where the picture ends, in samples: `size`, or half a sample less for the chroma of an odd
        size.

    Returns
    -------
    weights : ndarray [count, size]
        Each row sums to 1, or is 0 where the output pixel lies outside the picture.
    coverage : ndarray [count]
        Part of each output pixel inside the picture, 0…1.
    """
    step = length / count
    weights, coverage = np.zeros((count, size)), np.zeros(count)
    left = np.arange(size)
    right = np.minimum(left + 1, extent)
    for i in range(count):
        low, high = start + i * step, start + (i + 1) * step
        inside = max(0.0, min(high, extent) - max(low, 0.0))
        if inside <= 0:
            continue
        coverage[i] = inside / step
        if step >= 1:
            overlap = np.minimum(high, right) - np.maximum(low, left)
            weights[i] = np.maximum(overlap, 0) / inside
        else:
            position = min(max((low + high) / 2 - 0.5, 0.0), size - 1)
            j = math.floor(position)
            weights[i, j] = 1 - (position - j)
            if j + 1 < size:
                weights[i, j + 1] = position - j
    return weights, coverage


def yuv_to_rgb(yuv: np.ndarray, matrix: str, full_range: bool) -> np.ndarray:
    """Convert Y, U, V to R, G, B.

    Parameters
    ----------
    yuv : ndarray [3, ...]
        In 0…255, as stored.
    matrix : {"bt601", "bt709"}
        Colour matrix.
    full_range : bool
        False: luma 16…235, chroma 16…240.

    Returns
    -------
    ndarray [3, ...]
        In 0…255, clamped.
    """
    kr, kb = LUMA_SHARES[matrix]
    y, u, v = yuv
    luma = y / 255 if full_range else (y - 16) / 219
    cb, cr = ((c - 128) / (255 if full_range else 224) for c in (u, v))
    red = luma + 2 * (1 - kr) * cr
    blue = luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(255 * np.stack([red, green, blue]), 0, 255)


def split_channels(
    pixel_format: str, width: int, height: int, planes: Sequence[np.ndarray]
) -> list[tuple[np.ndarray, int]]:
    """Take a frame's planes apart.

    Returns
    -------
    list of (ndarray [rows, columns], int)
        Y, U, V or R, G, B, and how many pixels a sample covers on each axis.
    """
    chroma_width, chroma_height = (width + 1) // 2, (height + 1) // 2
    if pixel_format == "NV12":
        chroma = planes[1][:chroma_height, : 2 * chroma_width]
        return [(planes[0][:height, :width], 1), (chroma[:, 0::2], 2), (chroma[:, 1::2], 2)]
    if pixel_format == "I420":
        chromas = [(plane[:chroma_height, :chroma_width], 2) for plane in planes[1:]]
        return [(planes[0][:height, :width], 1), *chromas]
    channels = len(pixel_format)
    pixels = planes[0][:height, : width * channels]
    return [(pixels[:, pixel_format.index(name) :: channels], 1) for name in "RGB"]


def preprocess(
    pixel_format: str,
    width: int,
    height: int,
    planes: Sequence[np.ndarray],
    spec: ClipSpec,
    source: Rect | None = None,
    matrix: str = "bt601",
    full_range: bool = False,
) -> np.ndarray:
    """Resample, convert and normalise one frame.

    Parameters
    ----------
    pixel_format : str
        NV12, I420, RGB, BGR, RGBx, BGRx, RGBA or BGRA.
    width, height : int
        Pixels.
    planes : sequence of ndarray [rows, bytes a row], uint8
        As the format orders them.
    spec : ClipSpec
        What the model sees.
    source : tuple of float, optional
        x, y, width, height in frame pixels; the spec's own by default.
    matrix, full_range
        See `yuv_to_rgb`; for NV12 and I420.

    Returns
    -------
    ndarray [3, H, W], float64
        (value/255 − mean)/std in the spec's colour order, faded to 0 outside the frame.
    """
    x, y, source_width, source_height = source or source_rect(spec, width, height)
    picture = []
    for samples, unit in split_channels(pixel_format, width, height, planes):
        rows, _ = axis_weights(
            y / unit, source_height / unit, spec.height, samples.shape[0], height / unit
        )
        columns, _ = axis_weights(
            x / unit, source_width / unit, spec.width, samples.shape[1], width / unit
        )
        picture.append(rows @ samples.astype(np.float64) @ columns.T)
    rgb = np.stack(picture)
    if pixel_format in ("NV12", "I420"):
        rgb = yuv_to_rgb(rgb, matrix, full_range)
    color = rgb if spec.color == "RGB" else rgb[::-1]
    mean, std = (np.asarray(v, np.float64)[:, None, None] for v in (spec.mean, spec.std))
    _, row_coverage = axis_weights(y, source_height, spec.height, height, height)
    _, column_coverage = axis_weights(x, source_width, spec.width, width, width)
    return (color / 255 - mean) / std * row_coverage[:, None] * column_coverage
