"""Randomisation in cascade: a map before and after weights are shuffled, from the last layer on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...evaluation.correlation import correlation
from ..trace.graph import Capture
from .sanity import (
    CHANGE,
    MEASURABLE,
    SAME,
    UNDECIDED,
    UNSPECIFIC,
    Finding,
    figure_text,
    yardstick_correlation,
)
from .shuffle import shuffled, weights_from_the_end

MOST_LAYERS = 4  # of the cascade
# (clip [1, T, 3, H, W], target) → logits [1, K] and each method's map, of any shape.
Maps = Callable[[np.ndarray, int], tuple[np.ndarray, Mapping[str, np.ndarray]]]
Yardstick = Callable[[np.ndarray, int], np.ndarray]  # a map of gradient × input


@dataclass
class Examined:
    """A graph, its methods, and what they are examined with.

    Attributes
    ----------
    exported, model : Maps
        The graph in the engine, and the same by `captured`, whose weights can be shuffled.
    yardstick : Yardstick
        By `captured`, of the cells of the maps.
    captured : Capture
    clips : sequence of [1, T, 3, H, W]
    behind : collection of Node or None
        Where weights are shuffled; None: everywhere.
    """

    exported: Maps
    model: Maps
    yardstick: Yardstick
    captured: Capture
    clips: Sequence[np.ndarray]
    behind: Iterable[Any] | None = None


class Cascade:
    """Maps before and after the last layers are shuffled, one more at each depth from 0.

    exported: those before, by the engine.
    """

    def __init__(
        self, of: Examined, clip: np.ndarray, target: int, exported: Mapping[str, np.ndarray]
    ) -> None:
        self.of, self.clip, self.target, self.exported = of, clip, target, exported
        self.weights = weights_from_the_end(of.captured, MOST_LAYERS, of.behind)
        self.known: dict[int, Mapping[str, np.ndarray]] = {}
        self.exact: dict[int, np.ndarray] = {}

    def follow(self, name: str) -> tuple[list[float | None], Finding]:
        """The correlations at each depth that was needed, and what they say."""
        if not self.weights:
            return [], Finding()
        found = [correlation(self.exported[name], self._maps(1)[name])]
        while found[-1] is not None and abs(found[-1]) >= SAME:
            depth = len(found)
            found[-1] = correlation(self._maps(0)[name], self._maps(depth)[name])
            finding = self._held_against_the_exact(name, depth, found[-1])
            if finding is not None:
                return found, finding
            if depth == len(self.weights):
                return found, Finding(
                    UNDECIDED, f"{_left(depth, found[-1])}, and that of gradient × input"
                )
            found.append(correlation(self._maps(0)[name], self._maps(depth + 1)[name]))
        return found, Finding()

    def _held_against_the_exact(self, name: str, depth: int, found: float) -> Finding | None:
        """None where the exact map does not change either."""
        exact = yardstick_correlation(name, self._yardstick(0), self._yardstick(depth))
        change = 1.0 if exact is None else 1 - abs(exact)
        if change <= MEASURABLE:
            return None
        if 1 - abs(found) >= CHANGE * change:
            return Finding()
        why = f"{_left(depth, found)}, and changes that of gradient × input ({figure_text(exact)})"
        return Finding(UNSPECIFIC, why)

    def _maps(self, depth: int) -> Mapping[str, np.ndarray]:
        if depth not in self.known:
            with shuffled(self.of.captured, self.weights[:depth]):
                self.known[depth] = self.of.model(self.clip, self.target)[1]
        return self.known[depth]

    def _yardstick(self, depth: int) -> np.ndarray:
        if depth not in self.exact:
            with shuffled(self.of.captured, self.weights[:depth]):
                self.exact[depth] = self.of.yardstick(self.clip, self.target)
        return self.exact[depth]


def _left(depth: int, found: float) -> str:
    layers = "the last layer" if depth == 1 else f"the last {depth} layers"
    return f"shuffling {layers} leaves its map as it was (correlation {found:.4f})"
