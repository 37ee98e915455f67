"""Accuracy, and the pointing game: does the tube peak inside the object that moves?

The pointing game is that of Zhang et al., "Top-down Neural Attention by Excitation Backprop",
section 4.1, without their tolerance: the peak of the tube, interpolated to the clip's own slices
and pixels, hits or misses the object's mask at the peak's time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tubecam.scene.scene import LABELS

from .data import Clips, normalise

# Clip index → (logits [K], activation [C, t, h, w], weight of the predicted class [C]).
Predict = Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]
STILL = LABELS.index("still")


@dataclass(frozen=True)
class Figures:
    """Accuracy, hit rates of tube and frame centre over moving clips, confusion [truth, answer]."""

    accuracy: float
    pointing: float
    centre: float
    confusion: np.ndarray
    hits: np.ndarray

    def summary(self) -> dict[str, float]:
        return {
            "held_out_accuracy": round(self.accuracy, 4),
            "pointing_game": round(self.pointing, 4),
            "pointing_game_frame_centre": round(self.centre, 4),
            "held_out_clips": int(self.confusion.sum()),
        }

    def __str__(self) -> str:
        rows = [" " * 17 + " ".join(f"{name[:6]:>6}" for name in LABELS) + "    recall pointing"]
        for name, row, hit in zip(LABELS, self.confusion, self.hits):
            cells = " ".join(f"{n:6d}" for n in row)
            recall = row[LABELS.index(name)] / max(1, row.sum())
            rows.append(f"{name:>16} {cells}  {recall:8.1%} {hit:8.1%}".replace("nan%", "  –"))
        return "\n".join(rows) + (
            f"\naccuracy {self.accuracy:.2%}, pointing game {self.pointing:.2%}"
            f" (centre of the frame: {self.centre:.2%})"
        )


def evaluate(predict: Predict, clips: Clips, layer: dict) -> Figures:
    """Runs `predict` over held-out clips; `layer` states the cells' `stride` and `offset`."""
    answers, hits, centres = np.empty(len(clips.labels), int), [], []
    for i in range(len(clips.labels)):
        logits, activation, weight = predict(i)
        answers[i] = int(np.argmax(logits))
        t, y, x = peak(np.einsum("c,cthw->thw", weight, activation), layer, clips.masks[i].shape)
        hits.append(clips.masks[i, t, y, x])
        centres.append(clips.masks[i, t, clips.masks.shape[2] // 2, clips.masks.shape[3] // 2])
    confusion = np.zeros((len(LABELS),) * 2, int)
    np.add.at(confusion, (clips.labels, answers), 1)
    moving, hits = clips.labels != STILL, np.array(hits)
    per_label = [hits[clips.labels == k].mean() for k in range(len(LABELS))]
    per_label[STILL] = np.nan
    accuracy = float((answers == clips.labels).mean())
    centre = float(np.array(centres)[moving].mean())
    return Figures(accuracy, float(hits[moving].mean()), centre, confusion, np.array(per_label))


def upsample(tube: np.ndarray, layer: dict, shape: tuple[int, ...]) -> np.ndarray:
    """Trilinear samples of a tube [t, h, w] at a clip's slices and pixels, clamped at its ends."""
    for axis, (stride, offset, size) in enumerate(zip(layer["stride"], layer["offset"], shape)):
        at = np.clip((np.arange(size) - offset) / stride, 0, tube.shape[axis] - 1)
        low = np.minimum(at.astype(int), max(0, tube.shape[axis] - 2))
        high = np.minimum(low + 1, tube.shape[axis] - 1)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(3)])
        tube = tube.take(low, axis) * (1 - part) + tube.take(high, axis) * part
    return tube


def peak(tube: np.ndarray, layer: dict, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(slice, row, column) of the upsampled tube's maximum, the middle one of equal maxima."""
    full = upsample(tube, layer, shape)
    ties = np.argwhere(full >= full.max() - 1e-6 * np.abs(full).max())
    return tuple(int(i) for i in ties[len(ties) // 2])


class BundlePredict:
    """The bundle's graph in OpenVINO, as any user of the format would run it."""

    def __init__(self, bundle: Path, clips: Clips) -> None:
        import openvino

        sidecar = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
        graph = sidecar["graphs"][0]
        self.layer, self._clips = graph["layer"], clips
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self._model = openvino.Core().compile_model(bundle / graph["file"], "CPU", hints)

    def __call__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        clip = normalise(self._clips.frames[index : index + 1])
        found = self._model({"clip": clip, "target": np.array([-1], np.int64)})
        return tuple(found[name][0] for name in ("logits", "activation", "weight"))
