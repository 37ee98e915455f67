"""Python's view of what the compiled core found."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..windows.marks import Mark
from ..windows.pathway import Pathway
from ..windows.sampling import from_core as sampling_from_core
from .explanation import Explanation
from .places import Box, Peak, Signal
from .receipt import Receipt, Timings

# Fields that are called the same here and there.
_SAME = (
    "valid", "problem", "score", "head", "logits", "scores", "tube", "motion", "motion_share",
    "motion_by", "curve", "pts", "device_tube",
)  # fmt: skip


def explanation_of(
    core: _core.Explanation, bundle: _core.Bundle, labels: tuple[str, ...]
) -> Explanation:
    """Python's view of an explanation; the arrays keep `core` alive."""
    window, clip = core.window, bundle.clip
    return Explanation(
        **{name: getattr(core, name) for name in _SAME},
        **_places(core),
        label=core.label_name,
        label_index=core.label,
        target=core.target_name,
        target_index=core.target,
        against_index=core.against,
        method=core.receipt.method,
        stride=tuple(core.stride),
        offset=tuple(core.offset),
        clip=(clip.length, clip.height, clip.width),
        frame_size=(window.frame_height, window.frame_width),
        number=window.sequence,
        timings=Timings(*(getattr(core.timings, name) for name in Timings._fields)),
        receipt=_receipt(core.receipt, bundle.name),
        signal=Signal(*core.signal),
        pathways=tuple(_pathway(pathway) for pathway in core.pathways),
        marks=tuple(Mark(mark.key, mark.text) for mark in core.marks),
        sampling=sampling_from_core(window),
        labels=labels,
    )


def _places(core: _core.Explanation) -> dict[str, Any]:
    """What lies where on the frame."""
    window, point = core.window, core.peak_point
    (left, top, width, height), across, down = (
        window.source, window.frame_width, window.frame_height,
    )  # fmt: skip
    return {
        "peak": Peak(core.peak_pts / 1e9, point.x, point.y, core.peak.value),
        "boxes": tuple(Box(*(getattr(box, name) for name in Box._fields)) for box in core.boxes),
        "crop": (left / across, top / down, width / across, height / down),
    }


def _receipt(core: _core.Receipt, bundle: str) -> Receipt:
    names = (name for name in Receipt.__annotations__ if name != "bundle")
    values = {name: getattr(core, name) for name in names}
    sees = values.pop("receptive_field")
    return Receipt(bundle, **values, receptive_field=None if sees is None else tuple(sees))


def _pathway(core: _core.Pathway) -> Pathway:
    return Pathway(
        core.name, core.layer, core.of_flow, core.tube, tuple(core.stride), tuple(core.offset),
        core.relevance_sum, core.share,
    )  # fmt: skip
