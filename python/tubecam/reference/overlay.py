"""Definition of `blend_heat`: one plane of the tube drawn into a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tubecam.reference.preprocess import LUMA_SHARES, Rect, split_channels


def rgb_to_yuv(rgb: np.ndarray, matrix: str, full_range: bool) -> np.ndarray:
    """Convert R, G, B to Y, U, V.

    Parameters
    ----------
    rgb : ndarray [3, ...]
        In 0…255.
    matrix : {"bt601", "bt709"}
        Colour matrix (ITU-R BT.601-7, BT.709-6).
    full_range : bool
        False: luma 16…235, chroma 16…240.

    Returns
    -------
    ndarray [3, ...]
        In 0…255, as stored.
    """
    kr, kb = LUMA_SHARES[matrix]
    red, green, blue = rgb / 255
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    if full_range:
        return np.stack([255 * luma, 128 + 255 * cb, 128 + 255 * cr])
    return np.stack([16 + 219 * luma, 128 + 224 * cb, 128 + 224 * cr])


def bilinear(values: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sample between cell centres; beyond the outermost centres the outermost cells go on.

    Parameters
    ----------
    values : ndarray [h, w]
        Cells, centred on whole numbers.
    y : ndarray [H]
        Rows, in cells.
    x : ndarray [W]
        Columns, in cells.

    Returns
    -------
    ndarray [H, W]
    """
    rows = np.stack([np.interp(x, np.arange(values.shape[1]), row) for row in values])
    columns = [np.interp(y, np.arange(values.shape[0]), column) for column in rows.T]
    return np.stack(columns, axis=1).reshape(len(y), len(x))


REFINE = 4
"""Points a cell at which heat is cubic; it is linear between them."""


def refine(cells: np.ndarray) -> np.ndarray:
    """Put `REFINE` points in the place of each cell: Catmull–Rom, cut to 0…1.

    Parameters
    ----------
    cells : ndarray [h, ...]
        Heat, 0…1.

    Returns
    -------
    ndarray [(h − 1)·REFINE + 1, ...]
        Point REFINE·i is cell i.
    """
    p = np.concatenate([cells[:1], cells, cells[-1:], cells[-1:]])
    result = []
    for i in range(REFINE * (len(cells) - 1) + 1):
        j, t = i // REFINE, (i % REFINE) / REFINE
        weights = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (-(t**2) + t**3) / 2,
        )
        result.append(sum(w * p[j + k] for k, w in enumerate(weights)))
    return np.clip(result, 0, 1)


FEW_CELLS = 5
"""A plane of fewer rows or columns is drawn in blocks."""


def blocks(places: np.ndarray, cells: int, gap: float) -> np.ndarray:
    """The block at each place among the cells, −1 in the gap between two of them.

    Parameters
    ----------
    places : ndarray [n]
        In cells.
    cells : int
        Along this axis.
    gap : float
        Half its width, in cells.

    Returns
    -------
    ndarray [n], int
    """
    block = np.clip(np.floor(places + 0.5), 0, cells - 1).astype(int)
    before = (block > 0) & (places - block < gap - 0.5)
    after = (block < cells - 1) & (places - block > 0.5 - gap)
    return np.where(before | after, -1, block)


def opacity(heat: np.ndarray, alpha: float, threshold: float) -> np.ndarray:
    """Alpha times a smoothstep from the threshold to halfway between it and 1."""
    if threshold >= 1:
        return np.zeros_like(heat)
    t = np.clip((heat - threshold) / ((1 - threshold) / 2), 0, 1)
    return alpha * t * t * (3 - 2 * t)


def refine_motion(cells: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Motion at the points of `refine`: of refined heat the part that moves, ½ where it is cold.

    Parameters
    ----------
    cells : ndarray [h, w]
        Heat, 0…1.
    motion : ndarray [h, w]
        How much of it is motion, 0…1; NaN counts as 0.

    Returns
    -------
    ndarray [(h − 1)·REFINE + 1, (w − 1)·REFINE + 1]
    """
    share = np.clip(np.nan_to_num(motion.astype(np.float64), nan=0.0), 0, 1)
    heat, moving = (refine(refine(part.T).T) for part in (cells, cells * share))
    return np.clip(np.divide(moving, heat, out=np.full_like(heat, 0.5), where=heat > 0), 0, 1)


def colors_of(heat: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A table's R, G, B at heat 0…1, linear between its entries: [3, ...]."""
    return np.stack([np.interp(heat * 255, np.arange(256), table[:, c]) for c in range(3)])


Axis = tuple[float, float, int, float, float]
"""Start and size of the source in frame pixels, the clip's size, stride and offset of the cells."""


def _axes(
    source: Rect, clip: tuple[int, int], stride: tuple[float, float], offset: tuple[float, float]
) -> list[Axis]:
    """Of y and x."""
    starts, sizes = (source[1], source[0]), (source[3], source[2])
    return list(zip(starts, sizes, clip, stride, offset))


def _places(count: int, unit: int, axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Where samples along one axis lie, in cells, and which of them lie in the source."""
    start, size, clip, stride, offset = axis
    centres = (np.arange(count) + 0.5) * unit
    clip_pixels = (centres - start) * (clip / size) - 0.5
    return (clip_pixels - offset) / stride, (centres >= start) & (centres <= start + size)


def _in_blocks(
    count: int, unit: int, axis: Axis, cells: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers in the place of `_places`, and fewer samples inside: none in the gaps."""
    places, inside = _places(count, unit, axis)
    _, size, clip, stride, _ = axis
    gap = min(max(0.8, height / 600) / (stride * size / clip), 0.13)
    block = blocks(places, cells, gap)
    return np.maximum(block, 0), inside & (block >= 0)


def blend_heat(
    pixel_format: str,
    width: int,
    height: int,
    planes: Sequence[np.ndarray],
    values: np.ndarray,
    *,
    stride: tuple[float, float],
    offset: tuple[float, float],
    clip_height: int,
    clip_width: int,
    source: Rect,
    scale: float,
    table: np.ndarray | tuple[np.ndarray, np.ndarray],
    alpha: float,
    threshold: float,
    matrix: str = "bt601",
    full_range: bool = False,
    motion: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Blend heat into a frame.

    Parameters
    ----------
    pixel_format : str
        NV12, I420, RGB, BGR, RGBx, BGRx, RGBA or BGRA.
    width, height : int
        Pixels.
    planes : sequence of ndarray [rows, bytes a row], uint8
        As the format orders them. They are left as they are.
    values : ndarray [h, w]
        Relevance, logit units; NaN counts as 0.
    stride, offset : tuple of float
        y, x: cell (j, k) is centred on clip pixel offset + stride·index.
    clip_height, clip_width : int
        The clip's size.
    source : tuple of float
        x, y, width, height in frame pixels: what the clip shows.
    scale : float
        Relevance of full heat.
    table : ndarray [256, 3]
        Colours of heat 0…1; with `motion` a pair, of what is still and of what moves.
    alpha, threshold : float
        Opacity of full heat; heat up to the threshold is not drawn.
    matrix, full_range
        See `rgb_to_yuv`; for NV12 and I420.
    motion : ndarray [h, w], optional
        How much of a cell's relevance is motion; NaN counts as 0.

    Returns
    -------
    list of ndarray, float64
        The frame's planes, not yet rounded.
    """
    result = [np.array(plane, np.float64) for plane in planes]
    if not scale > 0:
        return result
    cells = np.clip(np.nan_to_num(values.astype(np.float64) / scale, nan=0.0), 0, 1)
    few = min(cells.shape) < FEW_CELLS
    axes = _axes(source, (clip_height, clip_width), stride, offset)
    heat_points, hue_points, points = _points(cells, motion, few)
    for channel, (samples, unit) in enumerate(split_channels(pixel_format, width, height, result)):
        (y, in_y), (x, in_x) = (
            _in_blocks(count, unit, axis, number, height) if few else _places(count, unit, axis)
            for count, axis, number in zip(samples.shape, axes, cells.shape)
        )
        heat = bilinear(heat_points, points * y, points * x)
        hue = None if hue_points is None else bilinear(hue_points, points * y, points * x)
        color = _colors(heat, hue, table)
        if pixel_format in ("NV12", "I420"):
            color = rgb_to_yuv(color, matrix, full_range)
        share = opacity(heat, alpha, threshold) * (in_y[:, None] & in_x)
        samples += share * (color[channel] - samples)
    return result


def _points(
    cells: np.ndarray, motion: np.ndarray | None, few: bool
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Heat and share of motion at the points between which they are linear, and points a cell."""
    if few:
        moving = None if motion is None else np.clip(np.nan_to_num(motion, nan=0.0), 0, 1)
        return cells, moving, 1
    moving = None if motion is None else refine_motion(cells, motion)
    return refine(refine(cells.T).T), moving, REFINE


def _colors(
    heat: np.ndarray, hue: np.ndarray | None, table: np.ndarray | tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """R, G, B; with a hue between the colours of what is still and of what moves."""
    if hue is None:
        return colors_of(heat, table)
    still, moving = (colors_of(heat, part) for part in table)
    return still + hue * (moving - still)
