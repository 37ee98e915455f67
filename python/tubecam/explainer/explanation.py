"""An explanation: what a model saw in one window, where and when it looked."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._core import DeviceTube
from ..drawing.heat import HeatStyle
from ..drawing.window import draw_moments, draw_window
from ..errors import UsageError
from ..windows.fields import filled
from ..windows.marks import Mark
from ..windows.pathway import Pathway
from ..windows.sampling import Sampling
from ..windows.window_record import WindowRecord, present_labels, top_labels
from . import archive, notebook
from .arguments import check_types, nanoseconds
from .heatmap import heatmap, points, sample
from .places import Box, Peak, Signal
from .receipt import Receipt, Timings
from .table import table


@dataclass(frozen=True, eq=False)
class Explanation:
    """One window's prediction and its explanation. Arrays are read-only views, without copies.

    Attributes
    ----------
    valid : bool
        False where NaN or infinity was met: `problem` says where, and the tube is zero.
    problem : str
    label, label_index : str, int
        The predicted class; "" and −1 where the logits are not finite.
    score : float
        What the model says of it, one of `scores`.
    head : str
        How scores follow from the logits: "softmax" (one of the classes), "sigmoid" (each by
        itself; one logit has the classes no and yes) or "scores" (they are the logits, and no
        probabilities).
    target, target_index : str, int
        The class that is explained; "A:B" where it is A rather than B.
    against_index : int
        Of B; −1 where the target is one class.
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
    frame_size : tuple of int
        Height and width of the frames, pixels.
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
    device_tube : DeviceTube or None
        The tube where a GPU found it, for methods of one pass. What other libraries make of it is
        a copy on that GPU, to be taken before the explainer's next window; ``borrow()`` saves the
        copy, and that window then overwrites what was borrowed.
    """

    valid: bool
    problem: str
    label: str
    label_index: int
    score: float
    head: str
    target: str
    target_index: int
    against_index: int
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
    frame_size: tuple[int, int]
    number: int
    timings: Timings
    receipt: Receipt
    signal: Signal
    pathways: tuple[Pathway, ...]
    marks: tuple[Mark, ...]
    sampling: Sampling
    labels: tuple[str, ...] = field(repr=False)
    device_tube: DeviceTube | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "device_tube": None}  # a GPU's memory belongs to its process

    def __repr__(self) -> str:
        if not self.valid:
            return f"Explanation(window {self.number}, not valid: {self.problem})"
        share, (t, h, w) = _core.score_text(self.score, self.head), self.tube.shape
        target = "" if self.target == self.label else f", explained {self.target!r}"
        return (
            f"Explanation({self.label!r} {share}{target}, {self.method}, {self.times[0]:.2f} to"
            f" {self.times[-1]:.2f} s, tube {t}×{h}×{w}, peak {self.peak.value:.3g}"
            f" {self.receipt.unit} at {self.peak.time:.2f} s)"
        )

    @property
    def label_name(self) -> str:
        """Deprecated: `label`."""
        return _renamed("label", self.label)

    @property
    def target_name(self) -> str:
        """Deprecated: `target`."""
        return _renamed("target", self.target)

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Presentation times of the slices in seconds, float64 [T]."""
        return self.pts / 1e9

    def slice_at(self, time: float) -> float:
        """Where a time in seconds lies within the window, in slices, clamped to 0 … T−1."""
        return _core.slice_at(self.pts, nanoseconds(time))

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
            A coordinate is no number, or the three cannot be broadcast.
        """
        seconds, x, y = points(time, x, y)
        return sample(self, _core.slices_at(self.pts, seconds), x, y)

    def heatmap(
        self,
        time: float | None = None,
        *,
        slice: float | None = None,
        size: tuple[int, int] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Relevance over a whole frame at one time.

        Parameters
        ----------
        time
            Seconds; left out, the peak's.
        slice
            The same as a place within the window, 0 … T−1, in place of `time`.
        size
            Height and width of the map; left out, the frame's own.

        Returns
        -------
        float32 [height, width], in the receipt's unit; 0 where the model did not look.
        """
        if time is not None and slice is not None:
            raise UsageError("a heat map is of a time in seconds or of a slice, not of both")
        if slice is None:
            slice = self.slice_at(self.peak.time if time is None else time)
        check_types(slice=slice)
        return heatmap(self, slice, self.frame_size if size is None else size)

    def overlay(
        self,
        frame: npt.ArrayLike,
        time: float | None = None,
        *,
        caption: bool = True,
        style: HeatStyle = HeatStyle(),  # noqa: B008 (frozen)
    ) -> npt.NDArray[np.uint8]:
        """A copy of a frame with heat, label and relevance over time, drawn as in a pipeline.

        Parameters
        ----------
        frame
            uint8 [H, W, 3] RGB, the whole frame at any size; also a Pillow image.
        time
            Of the frame, seconds; left out, the peak's.
        caption
            Draw label, score and the strip of relevance over time, too.
        style
            Colours, opacity and scale of the heat.

        Returns
        -------
        uint8 [H, W, 3], RGB.
        """
        check_types(style=style)
        pts = nanoseconds(self.peak.time if time is None else time)
        return draw_window(frame, self.record(), pts, style, caption)

    def picture(
        self,
        frames: Sequence[npt.ArrayLike] | None = None,
        *,
        style: HeatStyle = HeatStyle(),  # noqa: B008
    ) -> npt.NDArray[np.uint8]:
        """The window at a glance: four moments with their heat, the strongest among them.

        Parameters
        ----------
        frames
            The T frames of the window, uint8 [H, W, 3] each; left out, heat stands on grey.
        style
            As for `overlay`.

        Returns
        -------
        uint8 [height, width, 3], RGB.
        """
        check_types(style=style)
        return draw_moments(self.record(), self.frame_size, frames, style)

    def show(self, frames: Sequence[npt.ArrayLike] | None = None) -> None:
        """Shows `picture` in a notebook, or else in the desktop's viewer.

        Raises
        ------
        UnavailableError
            Pillow is not installed.
        """
        notebook.show(self.picture(frames))

    def _repr_png_(self) -> bytes | None:
        return notebook.png(self.picture())

    def _repr_html_(self) -> str:
        return notebook.page(self.record(), self.picture())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all of it to one file, for `load_explanation`; arrays and numbers stay exact.

        The file is NumPy's ``.npz`` with the rest as JSON in it, and holds no pickle. What was
        there before is replaced once the new one is whole.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        archive.write(path, vars(self))

    def to_pandas(self, of: str = "curve") -> Any:
        """The window as a table; those of a stream can be joined by ``pandas.concat``.

        Parameters
        ----------
        of
            "curve": a row a slice, with its time in seconds and the relevance at it; "boxes": a row
            a region, relative to the frame (0…1), greatest first.

        Returns
        -------
        pandas.DataFrame
            With the window's number, label, score, target and method in every row.

        Raises
        ------
        UnavailableError
            pandas is not installed.
        UsageError
            `of` is neither.
        """
        return table(self.record(), of)

    def to_dict(self) -> dict[str, Any]:
        """The window as `tubecam run --jsonl` writes it (`tubecam.windows.jsonl`)."""
        return json.loads(self.to_json())

    def to_json(self) -> str:
        """One JSON line (RFC 8259), without a line break."""
        from ..windows import jsonl

        return jsonl.line(self.record())

    def record(self) -> WindowRecord:
        """The same as what a pipeline's message tells."""
        receipt = dict(vars(self.receipt))
        del receipt["method"]
        return filled(
            WindowRecord,
            vars(self),
            top=top_labels(self.scores, self.labels),
            present=present_labels(self.scores, self.labels, self.head),
            peak=(self.peak.x, self.peak.y),
            peak_value=self.peak.value,
            peak_pts=round(self.peak.time * 1e9),
            boxes=np.asarray(self.boxes, np.float32).reshape(-1, 5),
            timings=self.timings._asdict(),
            receipt=receipt,
        )


def _renamed(name: str, value: str) -> str:
    warnings.warn(
        f"{name}_name is now {name}, and what was {name} is {name}_index",
        DeprecationWarning,
        stacklevel=3,
    )
    return value
