"""The sanity of the class-activation methods that one graph serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ... import _core
from ..gradient.differentiate import Explained
from ..layers.layer import Layer
from ..trace.graph import Capture, split_at
from ..trace.model_input import feeds
from ..verify.autograd_reference import Case
from ..verify.class_sanity import Examination
from ..verify.engine import compile_in_engine
from ..verify.sanity import Sanity

EXACT = "hirescam"  # gradient × activation: the yardstick


def examine_maps(
    file: Path,
    captured: Capture,
    layers: Sequence[Layer],
    methods: Sequence[str],
    cases: Sequence[Case],
) -> dict[str, Sanity]:
    """Examines every method on the clips of the graph's check; several layers' tubes together."""
    compiled = compile_in_engine(file)
    names = [name for port in compiled.outputs for name in port.names]
    ends = [name.removeprefix("activation") for name in names if name.startswith("activation")]
    third = "weight" if f"weight{ends[0]}" in names else "gradient"

    def exported(clip: np.ndarray, target: int):
        result = compiled(feeds(clip, target))
        pairs = [(result[f"activation{e}"].copy(), result[f"{third}{e}"].copy()) for e in ends]
        return result["logits"].copy(), _maps(methods, third, pairs)

    def by_autograd(clip: np.ndarray, target: int, wanted: Sequence[str] = methods):
        explained = Explained(captured, layers, None)
        with torch.no_grad():
            tensors = explained(torch.from_numpy(clip), torch.tensor([target]))
        logits, *rest = (t.numpy() for t in tensors)
        pairs = list(zip(rest[::2], rest[1::2], strict=True))
        return logits, _maps(wanted, "gradient", pairs)

    def yardstick(clip: np.ndarray, target: int) -> np.ndarray:
        return by_autograd(clip, target, [EXACT])[1][EXACT]

    behind = split_at(captured, *(layer.node for layer in layers))[1]
    clips = [case.clip for case in cases]
    return Examination(exported, by_autograd, yardstick, captured, clips, behind).run()


def _maps(
    methods: Sequence[str], third: str, pairs: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Every method's cells, by the runtime's own kernel.

    pairs: each layer's activation and its weight or gradient, as `third` says.
    """
    maps = {}
    for method in methods:
        tubes = []
        for activation, other in pairs:
            if third == "gradient" and method == "cam":
                given = {"weight": other[0].sum((1, 2, 3))}
            else:
                given = {third: other[0]}
            tubes.append(_core.cam3d(activation[0], method, **given)[0].ravel())
        maps[method] = np.concatenate(tubes)
    return maps
