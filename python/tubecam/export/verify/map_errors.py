"""How far the tensors and maps of a graph lie from the reference: relative errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..trace.model_input import feeds
from .autograd_reference import Case

CANCELS = 1e-3  # of its terms: a map of less is the rounding of sums that cancel


def case_errors(compiled: Any, case: Case) -> dict[str, float]:
    """Relative errors of one case: logits, activation, gradient and Grad-CAM map.

    Of several layers, the one that differs most.
    """
    result = compiled(feeds(case.clip, case.target))
    got = {
        name: result[name].astype(np.float64) for port in compiled.outputs for name in port.names
    }
    errors = {"logits": relative_error(got["logits"], case.logits)}
    ends = [name.removeprefix("activation") for name in got if name.startswith("activation")]
    for end, activation, gradient in zip(ends, case.activations, case.gradients, strict=True):
        found = got[f"activation{end}"]
        slopes = _gradient(got, end, found.shape)
        least = CANCELS * _terms(activation, gradient)
        figures = {
            "activation": relative_error(found, activation),
            "gradient": relative_error(slopes, gradient),
            "map": relative_error(grad_cam(found, slopes), grad_cam(activation, gradient), least),
        }
        errors.update({name: max(v, errors.get(name, 0.0)) for name, v in figures.items()})
    return errors


def maps(got: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The Grad-CAM map [t, h, w] of each explained layer, by the ending of its outputs' names."""
    ends = [name.removeprefix("activation") for name in got if name.startswith("activation")]
    volumes = {end: got[f"activation{end}"] for end in ends}
    return {end: grad_cam(x, _gradient(got, end, x.shape)) for end, x in volumes.items()}


def grad_cam(activation: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Σ_k mean(gradient_k)·A_k before the ReLU, [t, h, w]."""
    weights = gradient[0].mean(axis=(1, 2, 3))
    return np.einsum("c,cthw->thw", weights, activation[0])


def _terms(activation: np.ndarray, gradient: np.ndarray) -> float:
    """The greatest value that a map could have if no terms of its sums cancelled."""
    weights = np.abs(gradient[0]).mean(axis=(1, 2, 3))
    return float(np.einsum("c,cthw->thw", weights, np.abs(activation[0])).max())


def _gradient(got: dict[str, np.ndarray], end: str, shape: tuple[int, ...]) -> np.ndarray:
    if f"gradient{end}" in got:
        return got[f"gradient{end}"]
    cells = shape[2] * shape[3] * shape[4]
    weight = got[f"weight{end}"] / cells
    return np.broadcast_to(weight[:, :, None, None, None], shape)


def relative_error(got: np.ndarray, want: np.ndarray, least: float = 0.0) -> float:
    """Largest |difference| over largest |reference|, or `least` where that is smaller.

    Infinite where they cannot be compared.
    """
    if got.shape != want.shape or not np.isfinite(got).all() or not np.isfinite(want).all():
        return float("inf")
    scale = max(float(np.abs(want).max()), least)
    difference = float(np.abs(got - want).max())
    return difference / scale if scale > 0 else (0.0 if difference == 0 else float("inf"))
