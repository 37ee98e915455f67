"""One explained window, as the element `tubecam` reports it on the bus."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from . import marks, pathway
from .marks import Mark
from .pathway import Pathway

_NO_TIME = 2**64 - 1


@dataclass(frozen=True)
class WindowRecord:
    """Fields of an element message under Python names (csrc/plugin/meta.h describes them).

    Attributes
    ----------
    number
        Counts the windows of a stream from 0; dropped ones are left out.
    pts
        int64 [T], the slices' times in the video, nanoseconds.
    tube
        float32 [t, h, w] in logit units, whose cell i is centred on `offset + stride * i` in
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
    pathways
        Of a model with several explained layers; `tube` joins theirs.
    receipt
        Layer, engine, precision and the like: how far the explanation can be trusted.
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
    pathways: tuple[Pathway, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def times(self) -> np.ndarray:
        """The slices' times in seconds, float64 [T]."""
        return self.pts / 1e9

    def slice_at(self, pts: int) -> float:
        """Where a time lies within the window, in slices, 0 … T−1."""
        return float(np.interp(pts, self.pts, np.arange(len(self.pts))))

    @staticmethod
    def from_fields(fields: Mapping[str, object], labels: Sequence[str]) -> WindowRecord:
        """Reads a message's fields; arrays are NumPy's. Times become those of the video.

        Buffers count from wherever their stream begins; stream time counts from the beginning of
        the video, which is what a player shows.
        """
        begin, stream_time = int(fields["timestamp"]), int(fields["stream-time"])
        shift = stream_time - begin if max(begin, stream_time) < _NO_TIME else 0

        def many(*names: str) -> tuple:
            return tuple(fields[name] for name in names)

        receipt = (
            "bundle", "layer", "engine", "precision", "relevance-sum", "logit", "export-error",
            "conservation", "baseline-logit", "passes", "map-correlation", "drifts",
        )  # fmt: skip
        return WindowRecord(
            number=int(fields["window"]),
            valid=bool(fields["valid"]),
            problem=str(fields.get("problem") or ""),
            pts=np.asarray(fields["window-pts"], np.int64) + shift,
            label=str(fields["label"]),
            score=float(fields["score"]),
            target=str(fields["target"]),
            top=top_labels(np.asarray(fields["logits"], np.float64), labels),
            method=str(fields["method"]),
            tube=np.reshape(fields["tube"], many("tube-t", "tube-h", "tube-w")),
            motion=fields.get("motion"),
            motion_share=float(fields["motion-share"]) if "motion-share" in fields else math.nan,
            motion_by=str(fields.get("motion-by") or ""),
            stride=many("stride-t", "stride-y", "stride-x"),
            offset=many("offset-t", "offset-y", "offset-x"),
            clip=many("clip-length", "clip-height", "clip-width"),
            crop=many("crop-x", "crop-y", "crop-width", "crop-height"),
            curve=np.asarray(fields["curve"], np.float32),
            peak=many("peak-frame-x", "peak-frame-y"),
            peak_value=float(fields["peak-value"]),
            peak_pts=int(fields["peak-pts"]) + shift,
            boxes=np.reshape(fields["boxes"], (-1, 5)),
            timings={s: fields[f"{s}-ms"] for s in ("preprocess", "engine", "explain")},
            receipt={name.replace("-", "_"): fields[name] for name in receipt}
            | {
                name.replace("-", "_"): str(fields.get(name) or "")
                for name in ("downgraded-from", "fell-back-from")
            }
            | {"class_specific": fields.get("class-specific")},
            signal=(
                np.asarray(fields["signal-pts"], np.int64) + shift,
                np.asarray(fields["signal"], np.float32),
            ),
            pathways=pathway.from_fields(fields),
            marks=marks.from_fields(fields),
        )


def top_labels(
    logits: np.ndarray, labels: Sequence[str], count: int = 5
) -> tuple[tuple[str, float], ...]:
    """The labels of greatest probability, greatest first; nothing where a logit is not finite."""
    if not np.isfinite(logits).all():
        return ()
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    best = np.argsort(-shares, kind="stable")[:count]
    return tuple((labels[i], float(shares[i])) for i in best)
