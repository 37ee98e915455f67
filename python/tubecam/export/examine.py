"""The sanity of the class-activation methods that one graph serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from .. import _core
from .capture import Capture
from .check import Case, compile_in_engine
from .explained import Explained
from .layers import Layer
from .sanity import Sanity, examine


def examine_maps(
    file: Path, captured: Capture, layer: Layer, methods: Sequence[str], cases: Sequence[Case]
) -> dict[str, Sanity]:
    """Examines every method on the clips of the graph's check."""
    compiled = compile_in_engine(file)
    # The engine may know an output by the name of an operator that it left out, too.
    named = {name for output in compiled.outputs for name in output.names}
    names = named & {"activation", "gradient", "weight"}

    def exported(clip: np.ndarray, target: int):
        result = compiled({"clip": clip, "target": np.array([target], np.int64)})
        tensors = {name: result[name].copy() for name in names}
        return result["logits"].copy(), _maps(methods, **tensors)

    def by_autograd(clip: np.ndarray, target: int):
        explained = Explained(captured, layer, None)
        with torch.no_grad():
            tensors = explained(torch.from_numpy(clip), torch.tensor([target]))
        logits, activation, gradient = (t.numpy() for t in tensors)
        return logits, _maps(methods, activation, gradient=gradient)

    return examine(exported, by_autograd, captured, [case.clip for case in cases])


def _maps(
    methods: Sequence[str],
    activation: np.ndarray,
    gradient: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Every method's tube, by the runtime's own kernel."""
    maps = {}
    for method in methods:
        if weight is None and method == "cam":
            other = {"weight": gradient[0].sum((1, 2, 3))}
        else:
            other = {"gradient": gradient[0]} if weight is None else {"weight": weight[0]}
        maps[method] = _core.cam3d(activation[0], method, **other)[0]
    return maps
