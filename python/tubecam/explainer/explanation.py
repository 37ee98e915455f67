"""An explanation: what a model saw in one window, where and when it looked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..windows import marks, pathway, sampling
from ..windows.fields import filled, group, with_arrays
from ..windows.marks import Mark
from ..windows.pathway import Pathway
from ..windows.sampling import Sampling
from .receipt import Receipt

if TYPE_CHECKING:
    from ..windows.window_record import WindowRecord


class Peak(NamedTuple):
    """Where relevance is greatest."""

    time: float  # seconds
    x: float  # relative to the frame, 0…1 from left to right
    y: float  # relative to the frame, 0…1 from top to bottom
    value: float  # in the receipt's unit


class Signal(NamedTuple):
    """A part of a stream's relevance over time."""

    pts: npt.NDArray[np.int64]  # nanoseconds, [n]
    values: npt.NDArray[np.float32]  # in the receipt's unit, summed over the picture, [n]


class Box(NamedTuple):
    """A region of high relevance, relative to the frame (0…1)."""

    x: float
    y: float
    width: float
    height: float
    value: float  # greatest relevance inside, in the receipt's unit


class Timings(NamedTuple):
    """Milliseconds that the stages of one window took."""

    preprocess: float  # all slices that are new to the window
    engine: float  # logits and the explanation's tensors
    explain: float  # tube, curve, peak, boxes


@dataclass(frozen=True, eq=False)
class Explanation:
    """One window's prediction and its explanation. Arrays are read-only views, without copies.

    Attributes
    ----------
    valid : bool
        False where NaN or infinity was met: `problem` says where, and the tube is zero.
    problem : str
    label, label_name : int, str
        The predicted class; −1 and "" where the logits are not finite.
    score : float
        What the model says of it, one of `scores`.
    head : str
        How scores follow from the logits: "softmax" (one of the classes), "sigmoid" (each by
        itself; one logit has the classes no and yes) or "scores" (they are the logits, and no
        probabilities).
    target, target_name : int, str
        The class that is explained.
    method : str
    logits : float32 [K]
    scores : float32 [K]
        Of all classes; empty where a logit is not finite.
    tube : float32 [t, h, w]
        Relevance in `receipt.unit`. Cell i is centred on ``offset + stride * i``.
    motion : float32 [t, h, w] or None
        How much of each cell's relevance is motion, 0…1, where the method tells.
    motion_share : float
        The same of the decision; NaN where nothing is relevant or the clip has one slice.
    motion_by : str
        How it was found: "split" (against one frozen clip), "split-exact" (against every slice
        frozen), "flow" (what the pathways of the optical flow found) or, with the other methods,
        "selective" (relevance that changes over time).
    stride, offset : tuple of float
        Of the tube's cells: slices, then y and x in pixels of the model's input.
    pathways : tuple of Pathway
        Of a model with several explained layers, whose tubes `tube` joins: each cell's relevance
        shared out over the cells that it covers, so that sums stay. Empty where there is one.
    curve : float32 [T]
        The tube summed over space at each slice.
    peak : Peak
    boxes : tuple of Box
        Regions above the threshold at the peak's time, greatest first.
    pts : int64 [T]
        Presentation times of the slices, nanoseconds.
    clip : tuple of int
        T, H, W of the model's input.
    crop : tuple of float
        The part of the frame that the model saw: x, y, width, height, relative to the frame.
    number : int
        Counts the windows of a stream from 0.
    labels : tuple of str
        Names of all classes.
    signal : Signal
        Of a stream: what became final by this window of the relevance over time that all
        overlapping windows tell together (csrc/explain/tube/relevance_signal.h). Empty for a clip.
    timings : Timings
    receipt : Receipt
    sampling : Sampling
        How the slices were taken: their rate, and how many of them fill up a short video. Those of
        one that plays again (padding "loop") have times that go on beyond its end.
    marks : tuple of Mark
        What a viewer has to know before believing it, gravest first; every picture says the same.
    device_tube : _core.DeviceTube or None
        The tube where a GPU found it, for methods of one pass: hand it to ``torch.from_dlpack``,
        ``cupy.from_dlpack`` or whatever reads ``__cuda_array_interface__``. It is there until the
        explainer's next window, which overwrites it under those arrays too; to hand it out after
        that is an error.
    """

    valid: bool
    problem: str
    label: int
    label_name: str
    score: float
    head: str
    target: int
    target_name: str
    method: str
    logits: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    tube: npt.NDArray[np.float32]
    motion: npt.NDArray[np.float32] | None
    motion_share: float
    motion_by: str
    stride: tuple[float, float, float]
    offset: tuple[float, float, float]
    curve: npt.NDArray[np.float32]
    peak: Peak
    boxes: tuple[Box, ...]
    pts: npt.NDArray[np.int64]
    clip: tuple[int, int, int]
    crop: tuple[float, float, float, float]
    number: int
    timings: Timings
    receipt: Receipt
    signal: Signal
    pathways: tuple[Pathway, ...]
    marks: tuple[Mark, ...]
    sampling: Sampling
    labels: tuple[str, ...] = field(repr=False)
    device_tube: _core.DeviceTube | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "device_tube": None}  # a GPU's memory belongs to its process

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Presentation times of the slices in seconds, float64 [T]."""
        return self.pts / 1e9

    def slice_at(self, time: float) -> float:
        """Where a time in seconds lies within the window, in slices, clamped to 0 … T−1."""
        return _core.slice_at(self.pts, round(time * 1e9))

    def at(self, time: float) -> npt.NDArray[np.float32]:
        """The tube at a time in seconds: float32 [h, w], linear between cells."""
        return _core.tube_plane(self.tube, self.stride, self.offset, self.slice_at(time))

    def sample(
        self, time: npt.ArrayLike, x: npt.ArrayLike, y: npt.ArrayLike
    ) -> npt.NDArray[np.float32]:
        """Relevance at points, trilinear between the tube's cells, clamped beyond the outermost.

        A map of a frame's size at one time::

            x, y = (np.arange(1280) + 0.5) / 1280, (np.arange(720) + 0.5) / 720
            explanation.sample(time, x, y[:, None])

        Parameters
        ----------
        time
            Seconds.
        x, y
            Relative to the frame, 0…1. The three are broadcast against each other.

        Returns
        -------
        float32, of the broadcast shape, in the receipt's unit.

        Raises
        ------
        UsageError
            A coordinate is NaN, or the three cannot be broadcast.
        """
        left, top, width, height = self.crop
        down, across = height / self.clip[1], width / self.clip[2]  # of a clip pixel
        (slices, rows, columns), (first, row, column) = self.stride, self.offset
        return _core.sample_tube(
            self.tube,
            (slices, rows * down, columns * across),
            (first, top + (row + 0.5) * down, left + (column + 0.5) * across),
            _core.slices_at(self.pts, time), y, x,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The window as `tubecam run --jsonl` writes it (`tubecam.windows.jsonl`)."""
        return json.loads(self.to_json())

    def to_json(self) -> str:
        """One JSON line (RFC 8259), without a line break."""
        from ..windows import jsonl

        return jsonl.line(self.record())

    def record(self) -> WindowRecord:
        """The same as what a pipeline's message tells."""
        from ..windows.window_record import WindowRecord, present_labels, top_labels

        receipt = dict(vars(self.receipt))
        del receipt["method"]
        return filled(
            WindowRecord,
            vars(self),
            label=self.label_name,
            target=self.target_name,
            top=top_labels(self.scores, self.labels),
            present=present_labels(self.scores, self.labels, self.head),
            peak=(self.peak.x, self.peak.y),
            peak_value=self.peak.value,
            peak_pts=round(self.peak.time * 1e9),
            boxes=np.asarray(self.boxes, np.float32).reshape(-1, 5),
            timings=self.timings._asdict(),
            receipt=receipt,
        )


def from_core(core: _core.Explanation, labels: tuple[str, ...]) -> Explanation:
    """Python's view of an explanation; the arrays keep `core` alive."""
    fields = with_arrays(core.fields())
    values, receipt = group(fields, ""), Receipt(**group(fields, "receipt"))
    place = values["peak_frame_x"], values["peak_frame_y"]
    return filled(
        Explanation,
        values,
        label=values["label_index"],
        label_name=values["label"],
        target=values["target_index"],
        target_name=values["target"],
        method=receipt.method,
        peak=Peak(values["peak_pts"] / 1e9, *place, values["peak_value"]),
        boxes=tuple(Box(*box) for box in values["boxes"].tolist()),
        pts=values["window_pts"],
        clip=(values["clip_length"], values["clip_height"], values["clip_width"]),
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
