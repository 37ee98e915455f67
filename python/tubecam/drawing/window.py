"""One window on pictures: on a frame as a pipeline draws it, and at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import UsageError
from ..windows.window_record import WindowRecord
from .heat import HeatStyle, evidence_of, paint_heat
from .overlay import draw_caption

_MOMENTS, _LEAST, _MOST = 4, 240, 480  # pictures of a window, and how wide they are
_GAP, _GREY = 6, 64


def draw_window(
    frame: npt.ArrayLike, window: WindowRecord, pts: int, style: HeatStyle, caption: bool = True
) -> npt.NDArray[np.uint8]:
    """A copy of a frame with a window's heat at one time, and what is to be said of it.

    Parameters
    ----------
    frame
        uint8 [H, W, 3] RGB, the whole frame at any size.
    pts
        Its presentation time, nanoseconds.
    """
    painted = _heated(_pixels(frame), window, pts, style)
    if caption:
        draw_caption(painted, **_words(window, pts, style))
    return painted


def draw_moments(
    window: WindowRecord,
    size: tuple[int, int],
    frames: Sequence[npt.ArrayLike] | None,
    style: HeatStyle,
) -> npt.NDArray[np.uint8]:
    """The strongest slices of each quarter of a window, side by side; without frames on grey."""
    if frames is not None and len(frames) != len(window.pts):
        raise UsageError(f"the window has {len(window.pts)} frames, not {len(frames)}")
    blank = np.full((*size, 3), _GREY, np.uint8)
    pictures = []
    for span in np.array_split(np.arange(len(window.pts)), min(_MOMENTS, len(window.pts))):
        best = int(span[window.curve[span].argmax()])
        picture = _fitted(blank if frames is None else _pixels(frames[best]))
        pictures += [_heated(picture, window, int(window.pts[best]), style)]
        pictures += [np.full((len(picture), _GAP, 3), 255, np.uint8)]
    row = np.ascontiguousarray(np.concatenate(pictures[:-1], 1))
    draw_caption(row, **_words(window, window.peak_pts, style))
    return row


def _pixels(frame: Any) -> npt.NDArray[np.uint8]:
    pixels = np.asarray(frame)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise UsageError(
            f"a frame to draw on is uint8 [H, W, 3] in RGB, not {pixels.dtype} {list(pixels.shape)}"
        )
    return pixels


def _heated(
    picture: npt.NDArray[np.uint8], window: WindowRecord, pts: int, style: HeatStyle
) -> npt.NDArray[np.uint8]:
    if not window.valid:
        return picture.copy()
    scale = style.scale or _core.full_heat(evidence_of(window))
    return paint_heat(picture, window, pts, scale, style)


def _words(window: WindowRecord, pts: int, style: HeatStyle) -> dict[str, Any]:
    """What `draw_caption` takes."""
    words: dict[str, Any] = {
        "label": window.label, "score": window.score_text, "note": _note(window),
        "color_map": style.color_map,
    }  # fmt: skip
    if not window.valid:
        return words
    evidence, moving = evidence_of(window), style.motion_of(window) is not None
    full = style.scale or _core.full_heat(evidence)
    high = max(_core.full_curve(evidence, float(window.curve.max())), 1e-9)
    words |= {
        "strip": np.clip(window.curve / high, 0, 1),
        "strip_now": window.slice_at(pts) / max(len(window.pts) - 1, 1),
        "key_frames": _core.key_frames(window.curve.tolist(), max(1, len(window.pts) // 6)),
        "full": _core.describe_full(full, evidence),
        "legend": ("flow" if window.motion_by == "flow" else "motion") if moving else "heat",
    }
    return words | ({"strip_motion": _moving(window)} if moving else {})


def _note(window: WindowRecord) -> str:
    if not window.valid:
        return window.problem
    note = window.method if window.target == window.label else f"{window.method} of {window.target}"
    note += "".join(f" ({mark.text})" for mark in window.marks)
    if math.isfinite(window.motion_share):
        word = "flow" if window.motion_by == "flow" else "motion"
        note += f", {word} {round(100 * window.motion_share)} %"
    return note


def _moving(window: WindowRecord) -> npt.NDArray[np.float32]:
    """Of each slice the share of relevance that is motion."""
    weight = np.maximum(window.tube, 0).astype(np.float32)
    moving = weight * np.nan_to_num(np.asarray(window.motion, np.float32), nan=0.0)
    place = window.stride, window.offset, len(window.pts)
    part, whole = (_core.temporal_curve(each, *place) for each in (moving, weight))
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _fitted(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture `_LEAST` to `_MOST` pixels wide or so, by whole factors."""
    height, width = picture.shape[:2]
    shrink = max(1, min(-(-width // _MOST), height))
    rows, columns = height // shrink, width // shrink
    whole = picture[: rows * shrink, : columns * shrink]
    small = whole.reshape(rows, shrink, columns, shrink, 3).mean((1, 3)).astype(np.uint8)
    grow = max(1, -(-_LEAST // columns))
    return np.ascontiguousarray(small.repeat(grow, 0).repeat(grow, 1))
