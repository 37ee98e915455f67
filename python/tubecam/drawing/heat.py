"""Heat on pictures, drawn by the same kernel as in a pipeline."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from .. import _core
from ..windows.window_record import WindowRecord


@dataclass(frozen=True)
class HeatStyle:
    """How heat is drawn: by the element `tubeoverlay`, on sheets, by the command line.

    Attributes
    ----------
    show
        What colour shows: "motion" and "auto" motion where it is known, "heat" never.
    color_map
        Of heat alone; one of `tubecam.drawing.overlay.color_map_names`.
    alpha
        Opacity of full heat, 0…1.
    threshold
        Heat up to it is not drawn, 0…1.
    scale
        Relevance of a cell of full heat, logits; None: by the windows' own and an even share of
        their decisions (csrc/overlay/heat/full_heat.h, Note [Full heat]).
    """

    show: str = "auto"
    color_map: str = _core.DEFAULT_COLOR_MAP
    alpha: float = _core.DEFAULT_ALPHA
    threshold: float = _core.DEFAULT_THRESHOLD
    scale: float | None = None

    def properties(self) -> dict:
        """Properties of the element `tubeoverlay`."""
        return {**asdict(self), "scale": self.scale or 0.0}

    def motion_of(self, window: WindowRecord) -> np.ndarray | None:
        """What hue shows of a window, float32 [t, h, w]; None: nothing."""
        return None if self.show == "heat" else window.motion


def evidence_of(window: WindowRecord) -> _core.Evidence:
    """What a window's relevance amounts to."""
    receipt, tube = window.receipt, np.ascontiguousarray(window.tube, np.float32)
    logit, baseline = (float(receipt.get(name, math.nan)) for name in ("logit", "baseline_logit"))
    return _core.weigh(tube, str(receipt.get("unit", "logit")), logit, baseline)


def has_few_times(window: WindowRecord) -> bool:
    """Whether its tube has so few cells in time that a line between them would look like news."""
    return len(window.tube) < _core.FEW_CELLS


def steps_of(window: WindowRecord) -> np.ndarray:
    """Relevance over time, float32 [T]: that of each slice's nearest cell, summed over space."""
    slices = np.arange(len(window.pts))
    cells = np.rint((slices - window.offset[0]) / window.stride[0]).astype(int)
    return window.tube.sum(axis=(1, 2))[np.clip(cells, 0, len(window.tube) - 1)]


def paint_heat(
    picture: np.ndarray, window: WindowRecord, pts: int, scale: float, style: HeatStyle
) -> np.ndarray:
    """A copy of a picture with a window's relevance at one time, motion as hue where known.

    Parameters
    ----------
    picture
        uint8 [H, W, 3] RGB, the whole frame at any size.
    pts
        The picture's presentation time, nanoseconds.
    scale
        Relevance that is shown as full heat, in the receipt's unit.
    """
    painted = np.array(picture, np.uint8, order="C")
    height, width = painted.shape[:2]
    x, y, crop_width, crop_height = window.crop
    planes = [
        _core.tube_plane(
            np.ascontiguousarray(values, np.float32), window.stride, window.offset,
            window.slice_at(pts),
        )
        for values in (window.tube, style.motion_of(window))
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
        color_map=style.color_map,
        alpha=style.alpha,
        threshold=style.threshold,
    )
    return painted


def heat_opacity(
    shape: tuple[int, int], window: WindowRecord, pts: int, scale: float
) -> np.ndarray:
    """How much of a picture of `shape` (height, width) heat covers: float32 [H, W], 0…1."""
    white, style = np.full((*shape, 3), 255, np.uint8), HeatStyle(alpha=1.0, threshold=0.05)
    light = paint_heat(white, window, pts, scale, style)[..., 0]
    dark = paint_heat(white - white, window, pts, scale, style)[..., 0]
    return 1 - (light.astype(np.float32) - dark) / 255


def describe_scale(scale: float, style: HeatStyle, window: WindowRecord, of: str = "") -> str:
    """What full colour stands for, in words, beside one window's decision; `of` what it is."""
    words = _core.describe_full(scale, evidence_of(window)) or "none, without any relevance"
    return f"full colour{of}: {words}" + (", fixed" if style.scale else "")


def color_bars(style: HeatStyle, window: WindowRecord) -> list[tuple[str, np.ndarray]]:
    """Words and colours, uint8 [1, 256, 3] RGB: of heat alone, or of its two ends of hue."""
    if style.motion_of(window) is None:
        return [("", _core.color_table(style.color_map)[None])]
    words = ("picture", "flow") if window.motion_by == "flow" else ("still", "moving")
    tables = _core.motion_tables()
    return [(word, table[None]) for word, table in zip(words, tables, strict=True)]
