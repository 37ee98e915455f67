"""Sampling of a tube, its temporal curve and its boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def sample_axis(values: npt.NDArray, axis: int, position: float) -> npt.NDArray:
    """Linear between the cells of one axis, clamped beyond the outermost; the axis vanishes."""
    cells = np.arange(values.shape[axis])
    weights = np.maximum(0, 1 - np.abs(np.clip(position, 0, cells[-1]) - cells))
    return np.tensordot(weights, values, axes=(0, axis))


def sample_tube(tube: npt.NDArray, stride, offset, point) -> float:
    """Trilinear at point (slice, y, x) in clip coordinates; cell i is at offset + stride * i."""
    values = np.asarray(tube, np.float64)
    for position in (np.asarray(point) - offset) / stride:
        values = sample_axis(values, 0, position)
    return float(values)


def tube_plane(tube: npt.NDArray, stride, offset, slice_: float) -> npt.NDArray[np.float64]:
    """[h, w], the tube at one time in slices."""
    return sample_axis(np.asarray(tube, np.float64), 0, (slice_ - offset[0]) / stride[0])


def temporal_curve(tube: npt.NDArray, stride, offset, length: int) -> npt.NDArray[np.float64]:
    """[length], the sum over space at slices 0 … length−1."""
    return np.array([tube_plane(tube, stride, offset, s).sum() for s in range(length)])


def plane_boxes(
    plane: npt.NDArray, stride, offset, clip_height: int, clip_width: int, source, threshold: float
) -> list[tuple[float, float, float, float, float]]:
    """x, y, width, height, greatest value of each 4-connected region ≥ threshold, greatest first.

    `source` is the model's crop (x, y, width, height) relative to the frame, and so are the boxes.
    """
    pending = {tuple(cell) for cell in np.argwhere(plane >= threshold)}
    boxes = []
    while pending:
        region, border = set(), {min(pending)}
        while border:
            region |= border
            pending -= border
            around = {(y + d, x) for y, x in border for d in (-1, 1)}
            around |= {(y, x + d) for y, x in border for d in (-1, 1)}
            border = around & pending
        y0, x0 = np.min(list(region), axis=0)
        y1, x1 = np.max(list(region), axis=0)
        left, right = (_edge(c, stride[2], offset[2], clip_width, source[0], source[2])
                       for c in (x0 - 0.5, x1 + 0.5))  # fmt: skip
        top, bottom = (_edge(c, stride[1], offset[1], clip_height, source[1], source[3])
                       for c in (y0 - 0.5, y1 + 0.5))  # fmt: skip
        value = max(float(plane[cell]) for cell in region)
        if right > left and bottom > top:
            boxes.append((left, top, right - left, bottom - top, value))
    return sorted(boxes, key=lambda box: -box[4])


def _edge(cell: float, stride, offset, size: int, source: float, source_size: float) -> float:
    """A cell's edge relative to the frame; pixel p of the clip ends at p + 1/2."""
    edge = offset + stride * cell + 0.5
    return float(np.clip(source + edge / size * source_size, 0, 1))
