"""Python's view of what the compiled core found."""

from __future__ import annotations

from .. import _core
from ..windows.marks import Mark
from ..windows.pathway import Pathway
from ..windows.sampling import from_core as sampling_from_core
from .explanation import Explanation
from .places import Box, Peak, Signal
from .receipt import Receipt, Timings


def explanation_of(
    core: _core.Explanation, bundle: _core.Bundle, labels: tuple[str, ...]
) -> Explanation:
    """Python's view of an explanation; the arrays keep `core` alive."""
    window, clip, point = core.window, bundle.clip, core.peak_point
    left, top, width, height = window.source
    frame_width, frame_height = window.frame_width, window.frame_height
    receipt = {
        name: getattr(core.receipt, name) for name in Receipt.__annotations__ if name != "bundle"
    }
    field = receipt["receptive_field"]
    receipt["receptive_field"] = None if field is None else tuple(field)
    return Explanation(
        valid=core.valid,
        problem=core.problem,
        label=core.label_name,
        label_index=core.label,
        score=core.score,
        head=core.head,
        target=core.target_name,
        target_index=core.target,
        against_index=core.against,
        method=core.receipt.method,
        logits=core.logits,
        scores=core.scores,
        tube=core.tube,
        motion=core.motion,
        motion_share=core.motion_share,
        motion_by=core.motion_by,
        stride=tuple(core.stride),
        offset=tuple(core.offset),
        curve=core.curve,
        peak=Peak(core.peak_pts / 1e9, point.x, point.y, core.peak.value),
        boxes=tuple(Box(*(getattr(box, name) for name in Box._fields)) for box in core.boxes),
        pts=core.pts,
        clip=(clip.length, clip.height, clip.width),
        crop=(left / frame_width, top / frame_height, width / frame_width, height / frame_height),
        frame_size=(frame_height, frame_width),
        number=window.sequence,
        timings=Timings(*(getattr(core.timings, name) for name in Timings._fields)),
        receipt=Receipt(bundle=bundle.name, **receipt),
        signal=Signal(*core.signal),
        pathways=tuple(_pathway(pathway) for pathway in core.pathways),
        marks=tuple(Mark(mark.key, mark.text) for mark in core.marks),
        sampling=sampling_from_core(window),
        labels=labels,
        device_tube=core.device_tube,
    )


def _pathway(core: _core.Pathway) -> Pathway:
    return Pathway(
        core.name, core.layer, core.of_flow, core.tube, tuple(core.stride), tuple(core.offset),
        core.relevance_sum, core.share,
    )  # fmt: skip
