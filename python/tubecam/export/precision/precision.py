"""Precisions narrower than float32: which graphs are written in them, and how.

Notes
-----
*Relevance stays in float32.* Its rules divide by what a layer sums, and by maxima and stabilisers
of 1e-6 that neither int8 nor float16 can hold: quantised sums that cancel would turn into relevance
of any size. A bundle of another precision therefore holds the graphs of relevance to the input in
float32 (with `float16`, their weights are stored in half).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ...errors import ExportError, UsageError
from ..cam.graph import Progress
from ..onnx.file import is_large, save
from ..options import BundleOptions
from ..spec import ClipSpec
from .calibration_clips import LEAST, MOST_WINDOWS, CalibrationClips, read_windows
from .float16 import halve
from .int8_search import quantised

PRECISIONS = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Precision:
    """What a bundle's graphs are written in; `clips` where it has to be calibrated."""

    name: str
    clips: CalibrationClips | None = None
    force: bool = False

    def graph(
        self, model: onnx.ModelProto, log: Progress
    ) -> tuple[onnx.ModelProto, dict[str, Any]]:
        """The graph in this precision, and what the sidecar's entry says of it."""
        entry = {"precision": self.name}
        if self.clips is None:
            return halve(model), entry
        if is_large(model):
            raise ExportError("the model is too large for int8 here; export with float16.")
        made = quantised(model, self.clips, self.force, log)
        return made.model, {**entry, "quantisation": made.sidecar()}

    def provenance(self) -> dict[str, str]:
        """What the sidecar says of the calibration in one line."""
        if self.clips is None:
            return {}
        names = ", ".join(self.clips.names[:8])
        more = len(self.clips.names) - 8
        text = f"{names} and {more} more" if more > 0 else names
        return {"calibration": f"{len(self.clips.seen)} windows of {text}"[:256]}


def graph_files(
    precision: Precision, model: onnx.ModelProto, folder: Path, file: str, log: Progress
) -> tuple[list[str], onnx.ModelProto, dict[str, Any]]:
    """Writes the graph in its precision as `file`, and `model` beside it as the reference.

    Returns
    -------
    The names of the files, the graph, and what the sidecar's entry says of it.
    """
    log(f"writing the graph in {precision.name}")
    made, entry = precision.graph(model, log)
    (folder / f"{file}.data").unlink(missing_ok=True)  # where the float32 graph stood there
    reference = f"{Path(file).stem}.float32.onnx"
    files = [*save(made, folder, file), *save(model, folder, reference)]
    return files, made, {**entry, "reference": reference}


def check_precision(options: BundleOptions) -> None:
    """Finds what is wrong before any work.

    Raises
    ------
    UsageError
        There is no such precision, or clips are named for one that takes none, or none for int8.
    """
    name, calibrate = options.precision, options.calibrate
    if name not in PRECISIONS:
        raise UsageError(f"unknown precision {name!r}; there are {', '.join(PRECISIONS)}.")
    if calibrate is not None and name != "int8":
        raise UsageError(f"clips to calibrate with belong to precision int8, not {name}.")
    if calibrate is None and name == "int8":
        raise UsageError(
            "int8 needs clips to calibrate with, videos like those that the model will see: "
            "--calibrate VIDEO_OR_FOLDER (calibrate=[…])."
        )


def prepare(options: BundleOptions, spec: ClipSpec, log: Progress) -> Precision:
    """Reads the clips, if any are needed; errors as `check_precision` and `read_windows`."""
    check_precision(options)
    name, calibrate, most = options.precision, options.calibrate, options.windows
    if calibrate is None:
        return Precision(name)
    if isinstance(calibrate, np.ndarray):
        return Precision(name, _given(calibrate, spec), options.force)
    if isinstance(calibrate, (str, Path)):
        calibrate = [calibrate]
    if most is not None and most < LEAST:
        raise UsageError(f"{most} windows are too few to calibrate with; take {LEAST} or more.")
    log("reading the clips to calibrate with")
    return Precision(name, read_windows(calibrate, spec, most or MOST_WINDOWS, log), options.force)


def _given(clips: npt.NDArray, spec: ClipSpec) -> CalibrationClips:
    """Clips [N, T, C, H, W] in memory, every fourth held out."""
    shape = spec.input_shape[1:]
    if clips.dtype != np.float32 or clips.shape[1:] != shape or len(clips) < LEAST:
        raise UsageError(
            f"clips to calibrate with are float32 [N, {', '.join(map(str, shape))}] with N of "
            f"{LEAST} or more, not {clips.dtype} {list(clips.shape)}."
        )
    each = [np.ascontiguousarray(clip[None]) for clip in clips]
    seen = [clip for i, clip in enumerate(each) if i % 4 != 3]
    return CalibrationClips(seen, each[3::4], (f"{len(each)} clips in memory",))
