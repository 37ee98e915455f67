"""The map that peers are compared by: Grad-CAM at the resolution of the explained layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .. import _core


@dataclass(frozen=True)
class Tensors:
    """The outputs that explain one layer, by name; `kind` of the second is weight or gradient."""

    activation: str
    kind: str
    second: str


def tensors_of(graph: _core.GraphSpec) -> list[Tensors]:
    """Of each explained layer; none where no activation is given."""
    return [
        Tensors(spec.activation, "weight" if spec.weight else "gradient",
                spec.weight or spec.gradient)
        for spec in graph.layers
        if spec.activation
    ]  # fmt: skip


def gradcam(graph: _core.GraphSpec, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """[t, h, w] of one layer; of several, one after the other in one row.

    `outputs` are by the names that the graph gives them.
    """
    tubes = []
    for names in tensors_of(graph):
        second = {names.kind: outputs[names.second][0]}
        tube, _ = _core.cam3d(outputs[names.activation][0], "gradcam", **second)
        tubes.append(np.asarray(tube))
    return tubes[0] if len(tubes) == 1 else np.concatenate([tube.ravel() for tube in tubes])
