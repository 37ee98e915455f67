"""JSON lines: one object (RFC 8259) a window, in order of time.

    window        counts the windows of the video from 0
    start, end    seconds, times of its first and last slice
    times         seconds of all T slices
    label, score  the predicted class and its probability
    top5          [{"label", "score"}], most probable first
    target        the class that is explained
    method        how
    curve         relevance at each slice, summed over the picture, logit units
    peak          {"time", "x", "y", "value"}: where relevance is greatest
    boxes         [{"x", "y", "width", "height", "value"}]: where it is high, at the peak's time
    timings_ms    {"preprocess", "engine", "explain"}
    motion        {"share", "by"}: how much of the decision is motion, 0…1, and how that was found
    receipt       {"bundle", "layer", "engine", "precision", "relevance_sum", "logit",
                  "export_error", "conservation", "baseline_logit", "passes", "class_specific",
                  "map_correlation", "drifts", "downgraded_from", "fell_back_from"}
    marks         [{"key", "text"}]: what speaks against believing it, gravest first
    signal        [{"time", "value"}]: what became final by this window of the relevance over time
                  that overlapping windows tell together; the lines' parts make one whole, up to
                  where the last window begins
    pathways      only of models with several explained layers: [{"name", "layer", "of_flow",
                  "relevance_sum", "share", "segments"}]: a share in per cent, and the relevance
                  of each of the layer's cells in time, summed over the picture
    problem       only where an explanation is not valid: why; its numbers are then null or 0

Places are relative to the frame: x and width 0…1 from left to right, y and height from top to
bottom.
A number that is not finite is null.
"""

from __future__ import annotations

import json
import math
from typing import IO

from .pathway import Pathway
from .record import WindowRecord

_DIGITS = 7  # significant, as many as float32 has
_TIMES = {"start", "end", "times", "time"}  # rounded to microseconds already


class JsonLines:
    """Writes windows to an open text file, each whole line at once."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, window: WindowRecord) -> None:
        self._file.write(line(window) + "\n")
        self._file.flush()


def line(window: WindowRecord) -> str:
    """The JSON text of a window, without a line break."""
    return json.dumps(_plain(as_dict(window)), ensure_ascii=False, allow_nan=False)


def as_dict(window: WindowRecord) -> dict:
    """The object that stands for a window."""
    times = [round(float(time), 6) for time in window.times]
    record = {
        "window": window.number,
        "start": times[0],
        "end": times[-1],
        "times": times,
        "label": window.label,
        "score": window.score,
        "top5": [{"label": label, "score": score} for label, score in window.top],
        "target": window.target,
        "method": window.method,
        "curve": window.curve.tolist(),
        "peak": {
            "time": round(window.peak_pts / 1e9, 6),
            "x": window.peak[0],
            "y": window.peak[1],
            "value": window.peak_value,
        },
        "boxes": [
            dict(zip(("x", "y", "width", "height", "value"), box)) for box in window.boxes.tolist()
        ],
        "motion": {"share": window.motion_share, "by": window.motion_by},
        "timings_ms": dict(window.timings),
        "receipt": dict(window.receipt),
        "marks": [mark._asdict() for mark in window.marks],
        "signal": [
            {"time": round(int(pts) / 1e9, 6), "value": float(value)}
            for pts, value in zip(*window.signal)
        ],
    }
    if window.pathways:
        record["pathways"] = [_pathway(pathway) for pathway in window.pathways]
    return record if window.valid else {**record, "problem": window.problem}


def _pathway(pathway: Pathway) -> dict:
    names = ("name", "layer", "of_flow", "relevance_sum", "share")
    return {
        **{name: getattr(pathway, name) for name in names},
        "segments": pathway.segments.tolist(),
    }


def _plain(value):
    """The same with numbers of a sensible length, and null for what JSON cannot say."""
    if isinstance(value, dict):
        return {k: item if k in _TIMES else _plain(item) for k, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
