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

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ...evaluation.correlation import correlation
from .cascade import Cascade, Examined
from .sanity import (
    CHANGE,
    MEASURABLE,
    SAME,
    SPECIFIC,
    UNDECIDED,
    UNSPECIFIC,
    Finding,
    Sanity,
    figure_text,
    yardstick_correlation,
)

CLIPS = 2


class Examination(Examined):
    """Both checks for every method of a graph."""

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
        alike = mean(yardstick_correlation(name, *pair) for pair in pairs)
        why = (
            f"its maps of the two likeliest classes correlate by {found:.4f}, those of gradient × "
            f"input by {figure_text(exact)}"
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


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that could be measured."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def two_likeliest(logits: npt.ArrayLike) -> list[int]:
    """Indices of the two greatest logits of [1, K]; one where there is one class."""
    return [int(i) for i in np.argsort(-np.asarray(logits).ravel(), kind="stable")[:2]]
