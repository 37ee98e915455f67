"""One explained window, as the element `tubecam` reports it on the bus."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .. import _core
from . import marks, pathway, sampling
from .fields import filled, group
from .marks import Mark
from .pathway import Pathway
from .sampling import Sampling

_NO_TIME = 2**64 - 1


@dataclass(frozen=True)
class WindowRecord:
    """Fields of an element message under Python names (`tubecam.windows.fields`).

    Attributes
    ----------
    number
        Counts the windows of a stream from 0; dropped ones are left out.
    valid, problem
        False where NaN or infinity was met, and where that was.
    label, target
        The predicted class and the one that is explained.
    method
        How.
    stride, offset
        Of the tube's cells.
    peak_value, peak_pts
        Relevance at the peak, in the receipt's unit, and when that is, nanoseconds.
    score, head
        What the model says of the label: a probability with the heads "softmax" and "sigmoid"; a
        value that is none with "scores".
    top, present
        The five labels of greatest score; and, with a sigmoid head, all that are above one half.
    pts
        int64 [T], the slices' times in the video, nanoseconds.
    tube
        float32 [t, h, w] in the receipt's unit, whose cell i is centred on `offset + stride * i` in
        slices and clip pixels (order t, y, x).
    clip
        (T, H, W), and `crop`, the part of the frame that it shows: x, y, width, height relative
        to the frame.
    curve
        float32 [T].
    peak
        x and y relative to the frame.
    boxes
        float32 [n, 5]: x, y, width, height relative to the frame, greatest relevance inside.
    timings
        Milliseconds by stage.
    motion
        float32 [t, h, w], 0…1: how much of each cell's relevance is motion; None where the method
        does not tell.
    motion_share, motion_by
        The same of the decision, NaN where unknown, and how it was found.
    signal
        Times int64 [n] in nanoseconds and float32 [n]: what became final by this window of the
        stream's relevance over time.
    fused_curve
        float32 [T]: the same so far at the window's slices; None for a clip that is alone.
    pathways
        Of a model with several explained layers; `tube` joins theirs.
    receipt
        Layer, engine, precision and the like: how far the explanation can be trusted.
    sampling
        How the slices were taken; those of a short video that plays again have times that go on
        beyond its end.
    marks
        What a viewer has to know before believing it, gravest first.
    """

    number: int
    valid: bool
    problem: str
    pts: np.ndarray
    label: str
    score: float
    target: str
    top: tuple[tuple[str, float], ...]
    method: str
    tube: np.ndarray
    stride: tuple[float, float, float]
    offset: tuple[float, float, float]
    clip: tuple[int, int, int]
    crop: tuple[float, float, float, float]
    curve: np.ndarray
    peak: tuple[float, float]
    peak_value: float
    peak_pts: int
    boxes: np.ndarray
    timings: Mapping[str, float]
    receipt: Mapping[str, object]
    motion: np.ndarray | None = None
    motion_share: float = math.nan
    motion_by: str = ""
    signal: tuple[np.ndarray, np.ndarray] = field(
        default_factory=lambda: (np.empty(0, np.int64), np.empty(0, np.float32))
    )
    fused_curve: np.ndarray | None = None
    pathways: tuple[Pathway, ...] = ()
    marks: tuple[Mark, ...] = ()
    head: str = "softmax"
    present: tuple[tuple[str, float], ...] = ()
    sampling: Sampling = sampling.UNKNOWN

    @property
    def score_text(self) -> str:
        """The score for people: "53 %", or "2.31" where it is no probability."""
        return _core.score_text(self.score, self.head)

    @property
    def times(self) -> np.ndarray:
        """The slices' times in seconds, float64 [T]."""
        return self.pts / 1e9

    @property
    def shown(self) -> int:
        """How many slices show the video for the first time."""
        return len(self.pts) - self.sampling.padded

    def slice_at(self, pts: int) -> float:
        """Where a time lies within the window, in slices, 0 … T−1."""
        return float(np.interp(pts, self.pts, np.arange(len(self.pts))))

    @staticmethod
    def from_fields(fields: Mapping[str, object], labels: Sequence[str]) -> WindowRecord:
        """Reads a message's fields; arrays are NumPy's. Times become those of the video.

        Parameters
        ----------
        fields
            As `read_metadata` gives them.
        labels
            Names of all classes.

        Buffers count from wherever their stream begins; stream time counts from the beginning of
        the video, which is what a player shows.
        """
        begin, stream_time = int(fields["timestamp"]), int(fields["stream-time"])
        shift = stream_time - begin if max(begin, stream_time) < _NO_TIME else 0
        values = group(fields, "")
        receipt = group(fields, "receipt")
        return filled(
            WindowRecord,
            values,
            number=values["window"],
            pts=values["window_pts"] + shift,
            top=top_labels(values["scores"], labels),
            present=present_labels(values["scores"], labels, values["head"]),
            method=receipt.pop("method"),
            clip=(values["clip_length"], values["clip_height"], values["clip_width"]),
            peak=(values["peak_frame_x"], values["peak_frame_y"]),
            peak_pts=values["peak_pts"] + shift if values["valid"] else 0,
            timings=group(fields, "timings"),
            receipt=receipt,
            signal=(values["signal_pts"] + shift, values["signal"]),
            pathways=pathway.from_fields(fields),
            marks=marks.from_fields(fields),
            sampling=sampling.from_fields(fields),
        )


Scored = tuple[tuple[str, float], ...]


def top_labels(scores: np.ndarray, labels: Sequence[str], count: int = 5) -> Scored:
    """The labels of greatest score, greatest first; none where there are no scores."""
    best = np.argsort(-scores, kind="stable")[:count]
    return tuple((labels[i], float(scores[i])) for i in best)


def present_labels(scores: np.ndarray, labels: Sequence[str], head: str) -> Scored:
    """Of a head that judges each class by itself, those above one half, most likely first."""
    return tuple((labels[i], float(scores[i])) for i in _core.present_classes(scores, head))
