"""Does an explanation depend on what it explains? What every exported method is examined for.

Notes
-----
*Class sensitivity.* Maps for the two likeliest classes of one clip are correlated. A pure z⁺ rule
spreads the same relevance whatever the class (cosine 0.9995 on an R3D-18). Two classes are one
contrast: there, what speaks for one speaks against the other, and mirror images are right.

*Randomisation in cascade* (Adebayo et al. 2018, "Sanity checks for saliency maps"). The entries of
the last layer's weights are shuffled, and the map before is correlated with the map after; then
those of the layer before it, too, and so on. What survives that explains the picture, not the
decision.

*The yardstick.* A map may stay the same because the method ignores the class, or because the model
gives it no choice: where all that enters the last layer moves nearly along one direction (features
of rank 1), shuffling that layer scales or flips the map of any method. So a map's change is held
against that of gradient × input (at a layer, of HiResCAM), which is exact: a method ignores what
changes its map by less than a hundredth of that. Where the exact map does not change either, the
next layer decides; where none does, it cannot be told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..trace.graph import Capture
from .shuffle import shuffled, weights_from_the_end

CLIPS = 2
SAME = 0.99  # correlation from which two maps may be one
CHANGE = 1 - SAME  # of what changes the exact map, the least that a method has to show
MEASURABLE = 1e-3  # of 1 − correlation of the exact map: a hundredth of less is rounding
MOST_LAYERS = 4  # of the cascade
SPECIFIC, UNSPECIFIC, UNDECIDED = "specific", "unspecific", "undecided"
# By their definition they share out what the model computes, all of it: what they show of a model
# is true, if it is the same for two classes.
COMPLETE = {
    "hirescam", "gradient-x-input", "lrp-epsilon", "deeplift", "integrated-gradients",
    "gradient-shap",
}  # fmt: skip
UNSIGNED = {"sensitivity", "smoothgrad"}  # mirror images are one to them


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
    cascade : tuple of float
        As `randomised_correlation`, of the last two layers and more; empty where one decided.
    dependence : str
        On the class: ``specific``, ``unspecific`` or ``undecided``, and
    why : str
        what decided, where it is not specific.
    """

    class_correlation: float | None
    randomised_correlation: float | None
    conservation: float | None = None
    constants: float | None = None
    cascade: tuple[float | None, ...] = ()
    dependence: str = SPECIFIC
    why: str = ""

    @property
    def class_specific(self) -> bool:
        return self.dependence == SPECIFIC

    def sidecar(self) -> dict[str, Any]:
        found: dict[str, Any] = {"class_specific": self.class_specific}
        if self.dependence == UNDECIDED:
            found["undecided"] = True
        names = ("class_correlation", "randomised_correlation", "conservation", "constants")
        found |= {name: getattr(self, name) for name in names}
        return found | ({"cascade": list(self.cascade)} if self.cascade else {})


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


class Finding(NamedTuple):
    """What one check says of the dependence, and why."""

    dependence: str = SPECIFIC
    why: str = ""


# (clip [1, T, 3, H, W], target) → logits [1, K] and each method's map, of any shape.
Maps = Callable[[np.ndarray, int], tuple[np.ndarray, Mapping[str, np.ndarray]]]
Yardstick = Callable[[np.ndarray, int], np.ndarray]  # a map of gradient × input


@dataclass
class Examination:
    """Both checks for every method of a graph.

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

    def run(self) -> dict[str, Sanity]:
        """By method; conservation is left open."""
        by_class: dict[str, list[float | None]] = {}
        for clip in self.clips[:CLIPS]:
            logits, first = self.exported(clip, -1)
            likeliest = two_likeliest(logits)
            second = self.exported(clip, likeliest[1])[1] if len(likeliest) > 1 else {}
            for name in first:
                found = correlation(first[name], second[name]) if second else None
                by_class.setdefault(name, []).append(found)
        cascade = Cascade(self, clip, likeliest[0], first)
        return {name: self._judged(name, mean(by_class[name]), cascade) for name in first}

    def _judged(self, name: str, by_class: float | None, cascade: Cascade) -> Sanity:
        correlations, by_layer = cascade.follow(name)
        findings = [self._of_classes(name, by_class), by_layer]
        ranks = (UNSPECIFIC, UNDECIDED, SPECIFIC)
        worst = min(findings, key=lambda finding: ranks.index(finding.dependence))
        first, *more = correlations or [None]
        return Sanity(by_class, first, None, None, tuple(more), *worst)

    def _of_classes(self, name: str, found: float | None) -> Finding:
        if found is None or found < SAME:
            return Finding()
        pairs = self._yardsticks_of_classes()
        exact = mean(correlation(*pair) for pair in pairs)
        alike = mean(_alike(name, *pair) for pair in pairs)
        why = (
            f"its maps of the two likeliest classes correlate by {found:.4f}, those of gradient × "
            f"input by {_figure(exact)}"
        )
        if alike is None or 1 - alike > MEASURABLE:
            same = alike is None or 1 - found < CHANGE * (1 - alike)
            return Finding(UNSPECIFIC, why) if same else Finding()
        mirrored = exact is not None and exact < 0
        return Finding() if mirrored else Finding(UNDECIDED, why)

    def _yardsticks_of_classes(self) -> list[list[np.ndarray]]:
        clips = self.clips[:CLIPS]
        targets = [two_likeliest(self.exported(clip, -1)[0]) for clip in clips]
        return [
            [self.yardstick(c, t) for t in both] for c, both in zip(clips, targets, strict=True)
        ]


class Cascade:
    """Maps before and after the last layers are shuffled, one more at each depth from 0.

    exported: those before, by the engine.
    """

    def __init__(
        self, of: Examination, clip: np.ndarray, target: int, exported: Mapping[str, np.ndarray]
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
        exact = _alike(name, self._yardstick(0), self._yardstick(depth))
        change = 1.0 if exact is None else 1 - abs(exact)
        if change <= MEASURABLE:
            return None
        if 1 - abs(found) >= CHANGE * change:
            return Finding()
        why = f"{_left(depth, found)}, and changes that of gradient × input ({_figure(exact)})"
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


def _alike(method: str, a: np.ndarray, b: np.ndarray) -> float | None:
    """The correlation of two maps of the yardstick, as far as the method has signs."""
    return correlation(abs(a), abs(b)) if method in UNSIGNED else correlation(a, b)


def _left(depth: int, found: float) -> str:
    layers = "the last layer" if depth == 1 else f"the last {depth} layers"
    return f"shuffling {layers} leaves its map as it was (correlation {found:.4f})"


def _figure(value: float | None) -> str:
    return "an unknown amount" if value is None else f"{value:.4f}"


def two_likeliest(logits: npt.ArrayLike) -> list[int]:
    """Indices of the two greatest logits of [1, K]; one where there is one class."""
    return [int(i) for i in np.argsort(-np.asarray(logits).ravel(), kind="stable")[:2]]
