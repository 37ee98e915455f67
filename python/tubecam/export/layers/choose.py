"""The layer or layers that are explained: those that were named, or the default."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ...errors import ExportError, UsageError
from ..trace.graph import descendants
from .candidates import Candidates
from .layer import Layer

MOST_LAYERS = 8
Paths = str | Sequence[str] | None  # of one layer or of several: PATH, or NAME=PATH


def choose_layers(candidates: Candidates, paths: Paths) -> tuple[Layer, ...]:
    """The layer or layers at `paths`, as :class:`Candidates` finds each.

    Raises
    ------
    UsageError
        A name stands twice, or there are more than eight.
    ExportError
        One of several layers lies behind another, so that their relevance would count twice.
    """
    if paths is None:
        return (candidates.default(),)
    if isinstance(paths, str):
        return (candidates.at(_named(paths)[1]),)
    names = [_named(path)[0] for path in paths]
    if not 1 <= len(set(names)) == len(names) <= MOST_LAYERS:
        raise UsageError(f"give 1 to {MOST_LAYERS} different layers, not {', '.join(names)}.")
    layers = [candidates.at(_named(path)[1]) for path in paths]
    if len(layers) > 1:
        layers = [replace(layer, pathway=n) for n, layer in zip(names, layers, strict=True)]
    for behind, before in itertools.permutations(layers, 2):
        if behind.node in descendants(before.node):
            raise ExportError(
                f"layer '{behind.name}' lies behind layer '{before.name}', so that their relevance "
                "would count twice; choose layers of which none feeds another."
            )
    return tuple(layers)


def _named(path: str) -> tuple[str, str]:
    """NAME=PATH in two; a path alone is its own name."""
    name, equals, rest = path.partition("=")
    return (name, rest) if equals else (path, path)
