"""A graph's quantised form: calibrated, measured on unseen windows against float32, judged.

Notes
-----
*What is measured.* Both graphs run in the engine on windows that were not calibrated with, and
explain the class that float32 predicts. The map is Grad-CAM's before the ReLU, as in
``map_errors.py``; of several pathways, the one that moved most counts.

*What is tried.* Everything in eight bits; where that moves the map too far, the first layer stays
in float32, which sees the picture itself; then also the quarter of the layers whose inputs lose
most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx

from ...errors import ExportError
from ...evaluation.correlation import likeness
from ..cam.graph import Progress
from ..trace.model_input import feeds
from ..verify.engine import compile_in_engine, engine_version
from ..verify.map_errors import maps
from .calibration import RULE, Range, ranges
from .calibration_clips import CalibrationClips
from .int8 import Layer, observed, quantisable, quantise

WEIGHTS = "int8 weights, symmetric, a scale a channel"
ACTIVATIONS = f"int8 activations, symmetric, a scale a tensor: {RULE}"


@dataclass(frozen=True)
class MapDrift:
    """How far a graph's answers lie from float32's, over windows.

    Attributes
    ----------
    map_correlation, map_correlation_min : float
        Of the maps (:func:`likeness`): mean and least; -1 where one is not finite.
    peak_shift, peak_shift_max : float
        Distance of the peaks along time, height or width, whichever is greatest, in cells.
    top1_agreement : float
        Share of windows with the same predicted class.
    logit_error : float
        Largest |difference| over largest |reference| of a window's logits, the greatest of all.
    """

    map_correlation: float
    map_correlation_min: float
    peak_shift: float
    peak_shift_max: float
    top1_agreement: float
    logit_error: float

    def __str__(self) -> str:
        return (
            f"map correlation {self.map_correlation:.4f} (least {self.map_correlation_min:.4f}), "
            f"peaks moved {self.peak_shift:.2f} cells (most {self.peak_shift_max:.0f}), "
            f"{self.top1_agreement:.0%} of predictions the same, "
            f"logits off by {self.logit_error:.1%} at most"
        )


LEAST = {"map_correlation": 0.98, "map_correlation_min": 0.9, "top1_agreement": 0.8}
MOST = {"logit_error": 0.2}


def beyond(drift: MapDrift) -> list[str]:
    """The figures that are not accepted, as text."""
    figures = asdict(drift)
    low = [f"{n} {figures[n]:.4f} < {v}" for n, v in LEAST.items() if not figures[n] >= v]
    return low + [f"{n} {figures[n]:.4f} > {v}" for n, v in MOST.items() if not figures[n] <= v]


@dataclass(frozen=True)
class Quantised:
    """A quantised graph and what is known of it."""

    model: onnx.ModelProto
    layers: int
    kept: tuple[str, ...]  # layers that stay in float32, by what they give
    windows: CalibrationClips
    drift: MapDrift

    @property
    def accepted(self) -> bool:
        return not beyond(self.drift)

    def sidecar(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted, "layers": self.layers, "kept": list(self.kept),
            "rule": f"{WEIGHTS}; {ACTIVATIONS}", **self.windows.sidecar(),
            "drift": asdict(self.drift), "limits": {**LEAST, **MOST}, "engine": engine_version(),
        }  # fmt: skip


def quantised(
    model: onnx.ModelProto, windows: CalibrationClips, force: bool, log: Progress
) -> Quantised:
    """The graph in eight bits.

    Raises
    ------
    ExportError
        It has nothing to quantise, gives values that are not finite, or moves explanations beyond
        the limits, unless that is forced; all figures are given.
    """
    layers = quantisable(model)
    if not layers:
        raise ExportError(
            "the graph has no convolution or linear layer before its last one, so int8 would "
            "change nothing. Nothing was written; export with float32."
        )
    log(f"calibrating {len(layers)} layers on {len(windows.seen)} windows")
    try:
        found = ranges(model, observed(layers), windows.seen)
    except ValueError as error:
        raise ExportError(f"the model cannot be calibrated: {error} on these clips.") from error
    limits = {name: range_.limit for name, range_ in found.items()}
    reference = Answers(model, windows.unseen)
    made: list[Quantised] = []
    for kept in attempts(layers, found):
        chosen = [layer for layer in layers if layer.name not in kept]
        narrow = quantise(model, chosen, limits)
        drift = reference.drift_of(narrow)
        made.append(Quantised(narrow, len(chosen), kept, windows, drift))
        log(f"{len(chosen)} of {len(layers)} layers in int8: {drift}")
        if made[-1].accepted:
            return made[-1]
    best = max(made, key=lambda q: q.drift.map_correlation)
    if not force:
        raise ExportError(
            f"int8 changes what the explanations say on {len(windows.unseen)} unseen windows: "
            f"{best.drift}; not accepted: {', '.join(beyond(best.drift))}. Nothing was written. "
            "Calibrate on clips like those that the model will see, and on more of them, or export "
            "with float16; --force (force=True) exports it all the same and marks it."
        )
    log("marked as drifting: the map is not float32's within the limits")
    return best


def attempts(layers: Sequence[Layer], found: dict[str, Range]) -> list[tuple[str, ...]]:
    """Names of the layers that stay in float32, the fewest first."""
    first = {layers[0].name}
    noisiest = sorted(layers, key=lambda layer: -found[layer.source].noise)
    worst = {layer.name for layer in noisiest[: len(layers) // 4]}
    sets = [set(), first, first | worst]
    tried = [s for i, s in enumerate(sets) if len(s) < len(layers) and s not in sets[:i]]
    return [tuple(layer.name for layer in layers if layer.name in s) for s in tried]


class Answers:
    """A float32 graph's logits and maps on some windows, to compare other graphs with."""

    def __init__(self, model: onnx.ModelProto, clips: Sequence[np.ndarray]) -> None:
        self.clips = clips
        self.each = [
            _answer(compiled, clip, -1) for compiled in [_compile(model)] for clip in clips
        ]

    def drift_of(self, model: onnx.ModelProto) -> MapDrift:
        """How far another graph with the same outputs lies from it."""
        compiled = _compile(model)
        correlations, shifts, same, errors = [], [], [], []
        for clip, (logits, expected) in zip(self.clips, self.each, strict=True):
            target = int(np.argmax(logits))
            others, got = _answer(compiled, clip, target)
            correlations.append(min(map(_alike, expected, got)))
            shifts.append(max(map(_shift, expected, got)))
            same.append(int(np.argmax(others)) == target)
            largest = max(float(np.abs(logits).max()), np.finfo(np.float32).tiny)
            errors.append(float(np.abs(others - logits).max()) / largest)
        return MapDrift(
            float(np.mean(correlations)), min(correlations), float(np.mean(shifts)),
            float(max(shifts)), float(np.mean(same)), max(errors),
        )  # fmt: skip


def _compile(model: onnx.ModelProto) -> Any:
    return compile_in_engine(model.SerializeToString())


def _answer(compiled: Any, clip: np.ndarray, target: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Logits [K] and the map [t, h, w] of each explained layer, float64."""
    result = compiled(feeds(clip, target))
    got = {n: result[n].astype(np.float64) for port in compiled.outputs for n in port.names}
    return got["logits"][0], list(maps(got).values())


def _alike(expected: np.ndarray, got: np.ndarray) -> float:
    if not np.isfinite(got).all():
        return -1.0
    return likeness(expected, got)


def _shift(expected: np.ndarray, got: np.ndarray) -> int:
    peaks = [np.unravel_index(int(m.argmax()), m.shape) for m in (expected, got)]
    return max(abs(int(a) - int(b)) for a, b in zip(*peaks, strict=True))
