"""The methods of explanation by name, and which of them share a graph."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from ..errors import ExportError, UsageError
from .cam.graph import Graph
from .relevance import FEW_PASS, INPUT_GRADIENT

CAM_METHODS = tuple(_core.methods("class-activation"))
MOTION = tuple(_core.methods("motion"))
METHODS = tuple(_core.methods())
CAM = "class activation"  # the methods that share one graph


def check_methods(methods: Sequence[str] | None) -> None:
    """Raises UsageError for names that are none of `METHODS`, and where there is none."""
    if methods is None:
        return
    if isinstance(methods, str) or not methods:
        raise UsageError("methods is a list of names that is not empty.")
    wrong = [m for m in methods if m not in METHODS]
    if wrong:
        raise UsageError(f"unknown method {wrong[0]!r}; there are {', '.join(METHODS)}.")


def graph_kind(method: str) -> str:
    """What the methods that share a graph have in common."""
    if method in CAM_METHODS:
        return CAM
    return INPUT_GRADIENT if method in FEW_PASS else method


def with_graphs(methods: Sequence[str] | None) -> list[str] | None:
    """Those that need a graph: every bundle offers the methods of motion, made of others."""
    if methods is None:
        return None
    return [m for m in methods if m not in MOTION] or ["gradcam"]


def offered_by(graph: Graph, methods: Sequence[str] | None) -> tuple[str, ...]:
    """The class-activation methods of a graph that were asked for, by default all that it can give.

    Raises
    ------
    ExportError
        `cam` is among them, which reads the head's own weights: it exists for one kind of head.
    """
    if methods is not None and "cam" in methods and not graph.closed_form:
        raise ExportError(
            "cam needs a head of global average pool + linear behind layer "
            f"'{graph.layer.name}', and this one is another. gradcam is the same up to a factor "
            "there and works for any head; so do hirescam, layercam, gradcam++ and xgradcam."
        )
    if methods is not None:
        return tuple(dict.fromkeys(methods))
    return tuple(m for m in CAM_METHODS if m != "cam" or graph.closed_form)
