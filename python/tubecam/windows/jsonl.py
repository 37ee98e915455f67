"""JSON lines: one object (RFC 8259) a window, in order of time.

    window        counts the windows of the video from 0
    start, end    seconds, times of its first and last slice
    times         seconds of all T slices
    label, score  the predicted class and what the model says of it
    head          "softmax" or "sigmoid": scores are probabilities, of one of the classes or of each
                  by itself; "scores": they are none
    top5          [{"label", "score"}], greatest first
    present       only with a sigmoid head: [{"label", "score"}] of all above one half
    target        the class that is explained
    method        how
    curve         relevance at each slice, summed over the picture, in the receipt's unit
    peak          {"time", "x", "y", "value"}: where relevance is greatest
    boxes         [{"x", "y", "width", "height", "value"}]: where it is high, at the peak's time
    timings_ms    {"preprocess", "engine", "explain"}
    motion        {"share", "by"}: how much of the decision is motion, 0…1, and how that was found
    receipt       all of `tubecam.Receipt` but its method
    sampling      {"fps", "stated_fps", "padding", "padded"}: slices a second, and what the bundle
                  states; "padded" slices at the end are the "last" frame, or play a short video
                  again ("loop": their times go on beyond its end), else padding is "none"
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
import os
import stat
from pathlib import Path
from typing import IO

from ..errors import OutputError, UsageError
from .pathway import Pathway
from .window_record import Scored, WindowRecord

_DIGITS = 7  # significant, as many as float32 has
_TIMES = {"start", "end", "times", "time"}  # rounded to microseconds already


class JsonLines:
    """Writes windows to an open text file, each whole line at once.

    Where a line does not fit any more, what was written of it is taken back.
    """

    def __init__(self, file: IO[str], name: str = "standard output") -> None:
        self._file, self._name = file, name
        try:
            self._descriptor: int | None = file.fileno()
        except OSError:  # a file in memory
            self._descriptor = None

    def write(self, window: WindowRecord) -> None:
        """Raises OutputError where the line cannot be written, BrokenPipeError without a reader."""
        text = line(window) + "\n"
        if self._descriptor is None:
            self._file.write(text)
            return
        try:
            self._file.flush()
            _write_whole(self._descriptor, text.encode())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write {self._name}: {error.strerror}") from error


def _write_whole(descriptor: int, data: bytes) -> None:
    status = os.fstat(descriptor)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        if stat.S_ISREG(status.st_mode):
            os.ftruncate(descriptor, status.st_size)
        raise


def open_lines(path: Path, append: bool) -> IO[str]:
    """A file for JSON lines; with `append` one that goes on, without the half line of a crash.

    Raises
    ------
    UsageError
        What is there holds no JSON lines.
    OutputError
        It cannot be opened.
    """
    try:
        if append and path.exists():
            _drop_half_line(path)
        return path.open("a" if append else "w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _drop_half_line(path: Path) -> None:
    with path.open("rb+") as file:
        if file.read(1) not in (b"", b"{"):
            raise UsageError(f"{path} holds no JSON lines, so nothing is appended to it")
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - 4096)
            file.seek(begin)
            newline = file.read(end - begin).rfind(b"\n")
            end = begin if newline < 0 else begin + newline + 1
            if newline >= 0:
                break
        file.truncate(end)


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
        "head": window.head,
        "top5": _scored(window.top),
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
        "sampling": window.sampling._asdict(),
        "marks": [mark._asdict() for mark in window.marks],
        "signal": [
            {"time": round(int(pts) / 1e9, 6), "value": float(value)}
            for pts, value in zip(*window.signal)
        ],
    }
    if window.head == "sigmoid":
        record["present"] = _scored(window.present)
    if window.pathways:
        record["pathways"] = [_pathway(pathway) for pathway in window.pathways]
    return record if window.valid else {**record, "problem": window.problem}


def _scored(labels: Scored) -> list[dict]:
    return [{"label": label, "score": score} for label, score in labels]


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
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
