"""Python's view of what the compiled core found."""

from __future__ import annotations

from .. import _core
from ..windows import marks, pathway, sampling
from ..windows.fields import filled, group, with_arrays
from .explanation import Explanation
from .places import Box, Peak, Signal
from .receipt import Receipt, Timings


def explanation_of(core: _core.Explanation, labels: tuple[str, ...]) -> Explanation:
    """Python's view of an explanation; the arrays keep `core` alive."""
    fields = with_arrays(core.fields())
    values, receipt = group(fields, ""), Receipt(**group(fields, "receipt"))
    place = values["peak_frame_x"], values["peak_frame_y"]
    return filled(
        Explanation,
        values,
        method=receipt.method,
        peak=Peak(values["peak_pts"] / 1e9, *place, values["peak_value"]),
        boxes=tuple(Box(*box) for box in values["boxes"].tolist()),
        pts=values["window_pts"],
        clip=(values["clip_length"], values["clip_height"], values["clip_width"]),
        frame_size=(values["frame_height"], values["frame_width"]),
        number=values["window"],
        timings=Timings(**group(fields, "timings")),
        receipt=receipt,
        signal=Signal(values["signal_pts"], values["signal"]),
        pathways=pathway.from_fields(fields),
        marks=marks.from_fields(fields),
        sampling=sampling.from_fields(fields),
        labels=labels,
        device_tube=core.device_tube,
    )
