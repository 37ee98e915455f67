"""Does an explanation depend on what it explains? What every exported method is examined for.

Notes
-----
*Class sensitivity.* Maps for the two likeliest classes of one clip are correlated. A pure z⁺ rule
spreads the same relevance whatever the class (cosine 0.9995 on an R3D-18).

*Randomisation* (Adebayo et al. 2018, "Sanity checks for saliency maps"). The entries of the last
layer's weights are shuffled, and the map before is correlated with the map after. What survives
that explains the picture, not the decision.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx

from .capture import Capture
from .layers import ancestors
from .relevance.operators import CONVOLUTION, DENSE, kind_of, moving_nodes

CLIPS = 2
SAME = 0.99  # correlation from which two maps count as one


@dataclass(frozen=True)
class Sanity:
    """What one method's maps have shown; None where nothing could be measured.

    Attributes
    ----------
    class_correlation : float
        Between the maps of the two likeliest classes, mean over clips.
    randomised_correlation : float
        Between the map and that with the last layer's weights shuffled.
    conservation : float
        Relevance over what it shares out (the logit; with DeepLIFT, the logit's difference), both
        summed over clips with that one's sign.
    constants : float
        The same of the relevance that biases, class tokens and positions took. What neither took
        was lost to the rules.
    """

    class_correlation: float | None
    randomised_correlation: float | None
    conservation: float | None
    constants: float | None = None

    @property
    def class_specific(self) -> bool:
        """Neither check took two maps for one. A map of the other sign speaks for another class."""
        by_class, by_layer = self.class_correlation, self.randomised_correlation
        return (by_class is None or by_class < SAME) and (by_layer is None or abs(by_layer) < SAME)

    def sidecar(self) -> dict[str, Any]:
        return {"class_specific": self.class_specific, **vars(self)}

    def __str__(self) -> str:
        return (
            f"maps of the two likeliest classes correlate by {_figure(self.class_correlation)}, "
            f"those before and after shuffling the last layer by "
            f"{_figure(self.randomised_correlation)}"
        )


def _figure(value: float | None) -> str:
    return "an unknown amount" if value is None else f"{value:.4f}"


def correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float | None:
    """Pearson's, over all cells; None where a map is the same everywhere."""
    a, b = (np.asarray(m, np.float64).ravel() for m in (a, b))
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 and math.isfinite(scale) else None


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that could be measured."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


# (clip [1, T, 3, H, W], target) → logits [1, K] and each method's map, of any shape.
Maps = Callable[[np.ndarray, int], tuple[np.ndarray, Mapping[str, np.ndarray]]]


def examine(
    exported: Maps, model: Maps, captured: Capture, clips: Sequence[np.ndarray]
) -> dict[str, Sanity]:
    """Runs both checks for every method of a graph; conservation is left open.

    Parameters
    ----------
    exported, model : Maps
        The graph in the engine, and the same by `captured`, whose weights can be shuffled.
    """
    by_class: dict[str, list[float | None]] = {}
    for clip in clips[:CLIPS]:
        logits, first = exported(clip, -1)
        _, *others = likeliest = two_likeliest(logits)
        second = exported(clip, *others)[1] if others else {}
        for name in first:
            found = correlation(first[name], second[name]) if second else None
            by_class.setdefault(name, []).append(found)
    with shuffled_last_layer(captured) as shuffled:
        after = model(clip, likeliest[0])[1] if shuffled else {}
    by_layer = {name: correlation(first[name], after[name]) for name in after}
    return {n: Sanity(mean(by_class[n]), by_layer.get(n), None) for n in by_class}


def two_likeliest(logits: npt.ArrayLike) -> list[int]:
    """Indices of the two greatest logits of [1, K]; one where there is one class."""
    return [int(i) for i in np.argsort(-np.asarray(logits).ravel(), kind="stable")[:2]]


def last_weights(captured: Capture) -> fx.Node | None:
    """The constant that the last operator with weights multiplies by, None where there is none."""
    moving = moving_nodes(captured.clip, captured.logits)
    known = set(moving)
    for node in reversed(moving):
        inputs = [n for n in node.all_input_nodes if n in known]
        if node.op != "call_function" or kind_of(node, inputs) not in (CONVOLUTION, DENSE):
            continue
        constants = [
            n
            for argument in node.all_input_nodes
            if argument not in known
            for n in ancestors(argument)
            if n.op == "get_attr"
        ]
        return max(constants, key=lambda n: _constant(captured, n).numel(), default=None)
    return None


@contextlib.contextmanager
def shuffled_last_layer(captured: Capture) -> Iterator[bool]:
    """The graph with the entries of its last weights in another order; False where it has none."""
    node = last_weights(captured)
    if node is None:
        yield False
        return
    weight = _constant(captured, node)
    before = weight.detach().clone()
    order = torch.randperm(weight.numel(), generator=torch.Generator().manual_seed(97))
    with torch.no_grad():
        weight.copy_(before.flatten()[order].reshape(before.shape))
    try:
        yield True
    finally:
        with torch.no_grad():
            weight.copy_(before)


def _constant(captured: Capture, node: fx.Node) -> torch.Tensor:
    return getattr(captured.module, str(node.target))
