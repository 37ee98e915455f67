"""Why a method cannot explain a model: the operator, its module, what works instead."""

from __future__ import annotations

from collections.abc import Callable

from torch import fx

from ...errors import ExportError
from ..trace.nodes import operator_at
from ..trace.refusals import NoFormError

# In the order of preference; which of them a model takes is tried, not known beforehand.
ALTERNATIVES = ("lrp-epsilon-plus", "lrp-epsilon", "deeplift", "gradient-x-input", "sensitivity")
MOST = 2


class NotApplicableError(ExportError):
    """A method does not fit a model."""


def no_rule(method: str, node: fx.Node) -> NotApplicableError:
    return NotApplicableError(f"{method} has no rule for {operator_at(node)}.")


def only_gates(method: str, node: fx.Node) -> NotApplicableError:
    """`node`: what all relevance would have to pass."""
    return NotApplicableError(
        f"{method} counts {operator_at(node)} as a constant, and nothing leads around it from the "
        "clip to the logits, so there would be no relevance."
    )


def no_difference(method: str, kind: str, same: str) -> NotApplicableError:
    return NotApplicableError(
        f"{method} changes what passes {kind}, and this model has none: it would be {same}."
    )


def not_first(method: str, node: fx.Node) -> NotApplicableError:
    return NotApplicableError(
        f"{method} needs a layer with weights right behind the clip, and this model begins with "
        f"{operator_at(node)}."
    )


def advised(error: NotApplicableError, method: str, fits: Callable[[str], bool]) -> ExportError:
    """The error with the methods that `fits` accepts for this very model.

    Where it accepts none, what else works is still to be found.
    """
    others = [name for name in ALTERNATIVES if name != method]
    good: list[str] = []
    for name in others:
        if len(good) < MOST and fits(name):
            good.append(name)
    if not good:
        return NoFormError(str(error))
    return ExportError(
        f"{error} {' and '.join(good)} work{'' if good[1:] else 's'} for this model."
    )
