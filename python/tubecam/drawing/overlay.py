"""Draw where and when a model looked: heat, label, score and temporal strip, in place.

The same as ``csrc/overlay``. Every function writes into the frame that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tubecam import _core
from tubecam._core import HeatSmoother
from tubecam.errors import UsageError

__all__ = [
    "CaptionPainter",
    "HeatSmoother",
    "blend_heat",
    "color_map_names",
    "color_table",
    "draw_caption",
    "motion_tables",
]

Picture = np.ndarray | _core.Frame
"""uint8 [H, W, 3] RGB, uint8 [H, W, 4] RGBA, or a `Frame` of any format."""


def color_map_names() -> list[str]:
    """Names of the colour maps."""
    return list(_core.color_maps())


def color_table(name: str) -> np.ndarray:
    """Colours of heat 0…1.

    Parameters
    ----------
    name : str
        One of `color_map_names`.

    Returns
    -------
    ndarray [256, 3], uint8
        R, G, B.

    Raises
    ------
    UsageError
        There is no such colour map.
    """
    return _core.color_table(name)


def motion_tables() -> tuple[np.ndarray, np.ndarray]:
    """Colours of heat 0…1 where nothing of it is motion, and where all of it is.

    Returns
    -------
    pair of ndarray [256, 3], uint8
        R, G, B: blues and oranges, between which the share of motion mixes.
    """
    return _core.motion_tables()


def _frame(picture: Picture) -> _core.Frame:
    if isinstance(picture, _core.Frame):
        return picture
    if not isinstance(picture, np.ndarray):
        raise UsageError(f"expected an array or a Frame to draw on, not {type(picture).__name__}")
    return _core.Frame.from_array(picture)


def blend_heat(
    picture: Picture,
    plane: np.ndarray,
    motion: np.ndarray | None = None,
    *,
    scale: float | None = None,
    source: tuple[float, float, float, float] | None = None,
    clip_size: tuple[int, int] | None = None,
    stride: tuple[float, float] | None = None,
    offset: tuple[float, float] | None = None,
    color_map: str = _core.DEFAULT_COLOR_MAP,
    alpha: float = _core.DEFAULT_ALPHA,
    threshold: float = _core.DEFAULT_THRESHOLD,
) -> None:
    """Blend one plane of a tube into a picture, in place.

    Parameters
    ----------
    picture : ndarray or Frame
        See `Picture`.
    plane : ndarray [h, w]
        Relevance at one time, logit units.
    motion : ndarray [h, w], optional
        How much of each cell's relevance is motion, 0…1. Then hue shows it, between the colours
        of `motion_tables`, and `color_map` is not used.
    scale : float, optional
        Relevance of full heat; by default the plane's maximum. Over a video use one scale, or
        `HeatSmoother`: a scale of each frame's own flickers and hides amplitude.
    source : tuple of float, optional
        x, y, width, height in the picture: what the model saw; by default all of it.
    clip_size : tuple of int, optional
        Height and width of the clip; by default one pixel a cell.
    stride, offset : tuple of float, optional
        y, x: cell (j, k) is centred on clip pixel offset + stride·index (`Explanation.stride` and
        `.offset` without their first element); by default the cells share the clip evenly.
    color_map : str
        One of `color_map_names`.
    alpha : float
        Opacity of full heat, 0…1.
    threshold : float
        Heat up to it is not drawn, 0…1.

    Raises
    ------
    UsageError
        An argument has the wrong shape or dtype, or is out of range.
    """
    cells = np.ascontiguousarray(plane, dtype=np.float32)
    if cells.ndim != 2 or cells.size == 0:
        raise UsageError(f"a plane must be [h, w] with at least one cell, not {list(cells.shape)}")
    frame = _frame(picture)
    clip_height, clip_width = clip_size or cells.shape
    if stride is None:
        stride = (clip_height / cells.shape[0], clip_width / cells.shape[1])
    if offset is None:
        offset = ((stride[0] - 1) / 2, (stride[1] - 1) / 2)
    if scale is None:
        scale = float(np.nan_to_num(cells, nan=0.0).max())
    _core.blend_heat(
        frame,
        cells,
        None if motion is None else np.ascontiguousarray(motion, dtype=np.float32),
        stride=stride,
        offset=offset,
        clip_height=clip_height,
        clip_width=clip_width,
        source=source or (0, 0, frame.width, frame.height),
        scale=scale,
        color_map=color_map,
        alpha=alpha,
        threshold=threshold,
    )


class CaptionPainter:
    """Draws captions, and keeps what it laid out: one painter a video."""

    def __init__(self) -> None:
        self._painter = _core.CaptionPainter()

    def draw(
        self,
        picture: Picture,
        *,
        label: str = "",
        score: float | str = 0.0,
        note: str = "",
        strip: Sequence[float] | np.ndarray = (),
        strip_now: float = 1.0,
        key_frames: Sequence[int] = (),
        strip_motion: Sequence[float] | np.ndarray = (),
        legend: str = "",
        full: str = "",
        color_map: str = _core.DEFAULT_COLOR_MAP,
    ) -> None:
        """Draw label, score, note and temporal strip, in place.

        Parameters
        ----------
        picture : ndarray or Frame
            See `Picture`. One smaller than 48×32 pixels is left as it is.
        label : str
            Drawn with the score; too long, it is ellipsised. Empty: neither is drawn.
        score : float or str
            A probability 0…1, shown in per cent; or the words themselves.
        note : str
            A second line, smaller.
        strip : sequence of float
            Relevance over time, 0…1, oldest first; NaN counts as 0.
        strip_now : float
            Where the frame lies on the strip, 0…1.
        key_frames : sequence of int
            Places in the strip that stand out; a triangle above it marks each.
        strip_motion : sequence of float
            How much of each value of the strip is motion, 0…1; then hue shows it.
        legend : str
            What colour shows, explained below the words: "heat", "motion", "flow" (against the
            picture) or nothing. One that does not fit into the picture is left out.
        full : str
            What full colour stands for, as part of the legend; `full_heat` finds it.
        color_map : str
            One of `color_map_names`.

        Raises
        ------
        UsageError
            The picture has the wrong shape or dtype, or there is no such colour map.
        """
        self._painter.draw(
            _frame(picture),
            label=label,
            score=score if isinstance(score, str) else _core.score_text(score, "softmax"),
            note=note,
            strip=np.asarray(strip, np.float32).ravel().tolist(),
            strip_now=strip_now,
            key_frames=list(key_frames),
            strip_motion=np.asarray(strip_motion, np.float32).ravel().tolist(),
            legend=legend,
            full=full,
            color_map=color_map,
        )


def draw_caption(picture: Picture, **caption) -> None:
    """Draw one caption; for a video keep a `CaptionPainter`, whose `draw` takes the same."""
    CaptionPainter().draw(picture, **caption)
