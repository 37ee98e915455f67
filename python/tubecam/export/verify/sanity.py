"""What one method's maps have shown of what they depend on, and the limits it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...evaluation.correlation import correlation

SAME = 0.99  # correlation from which two maps may be one
CHANGE = 1 - SAME  # of what changes the exact map, the least that a method has to show
MEASURABLE = 1e-3  # of 1 − correlation of the exact map: a hundredth of less is rounding
SPECIFIC, UNSPECIFIC, UNDECIDED = "specific", "unspecific", "undecided"
UNSIGNED = {"sensitivity", "smoothgrad"}  # mirror images are one to them
# By their definition they share out what the model computes, all of it: what they show of a model
# is true, if it is the same for two classes.
COMPLETE = {
    "hirescam", "gradient-x-input", "lrp-epsilon", "deeplift", "integrated-gradients",
    "gradient-shap",
}  # fmt: skip


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
        """Whether maps depend on the class; None where that cannot be told."""
        return self.dependence == SPECIFIC

    def sidecar(self) -> dict[str, Any]:
        """A method's entry under ``sanity`` in bundle.json."""
        found: dict[str, Any] = {"class_specific": self.class_specific}
        if self.dependence == UNDECIDED:
            found["undecided"] = True
        names = ("class_correlation", "randomised_correlation", "conservation", "constants")
        found |= {name: getattr(self, name) for name in names}
        return found | ({"cascade": list(self.cascade)} if self.cascade else {})


class Finding(NamedTuple):
    """What one check says of the dependence, and why."""

    dependence: str = SPECIFIC
    why: str = ""


def yardstick_correlation(method: str, a: np.ndarray, b: np.ndarray) -> float | None:
    """The correlation of two maps of the yardstick, as far as the method has signs."""
    return correlation(abs(a), abs(b)) if method in UNSIGNED else correlation(a, b)


def figure_text(value: float | None) -> str:
    return "an unknown amount" if value is None else f"{value:.4f}"
