"""The tensors of a graph that can be explained, and the one that is where none is named."""

from __future__ import annotations

import difflib
from dataclasses import replace

from torch import fx

from ...errors import ExportError, UsageError
from ..axes.follow import follow
from ..axes.receptive_field import UnevenError, cells_of
from ..axes.token_layout import TokenGrid
from ..trace.graph import Capture, ancestors, descendants
from ..trace.nodes import PATHS, base_name, operator_at, shape_of
from ..trace.refusals import LostLayerError
from .default_layer import SPLITS, VIEWS, WEIGHING, entry, telling, unpooled
from .layer import Layer

MOST_NAMED = 10


class Candidates:
    """Every tensor between a clip and its logits whose axes descend from the clip's.

    Parameters
    ----------
    tokens : TokenGrid, optional
        What the user says of tensors that cannot be followed.
    """

    def __init__(self, captured: Capture, tokens: TokenGrid | None = None) -> None:
        self.captured, self.tokens = captured, tokens
        _, t, _, h, w = shape_of(captured.clip)
        self.clip = (t, h, w)
        self.places = follow(captured, self._stated)
        self.uneven: set[fx.Node] = set()  # of the tensors that were looked at
        self._known: dict[fx.Node, Layer | None] = {}

    def _stated(self, node: fx.Node):
        shape = shape_of(node)
        return self.tokens.place(shape, self.clip) if self.tokens and shape else None

    def layer(self, node: fx.Node) -> Layer | None:
        """As a layer, named by the outermost module that gives it; None where it is no grid."""
        if node not in self._known:
            self._known[node] = self._layer(node)
        return self._known[node]

    def _layer(self, node: fx.Node) -> Layer | None:
        place, shape = self.places.of(node), shape_of(node)
        if place is None or shape is None or not node.meta["val"].is_floating_point():
            return None
        try:
            found = cells_of(place, shape, self.clip)
        except UnevenError:
            if any(spread.dims for spreads in place[1:] for spread in spreads) and len(shape) > 2:
                self.uneven.add(node)
            return None
        if found is None:
            return None
        name = min(node.meta.get(PATHS) or [node.name], key=_outermost)
        cells, geometry = found
        return Layer(name, node, (cells.channels, *cells.grid), geometry, cells)

    def named(self) -> list[Layer]:
        """Those that a module gives, in the order of execution."""
        nodes = (n for n in self.captured.module.graph.nodes if n.meta.get(PATHS))
        return [layer for layer in map(self.layer, nodes) if layer and layer.is_picture]

    def at(self, path: str) -> Layer:
        """The one at a module path, or with a node's name.

        Raises
        ------
        UsageError
            No module has that path; the message names near ones.
        ExportError
            The tensor's axes are not the clip's, or not on the grid that was stated.
        """
        node = self.captured.find(path)
        if node is None:
            raise UsageError(f"no layer '{path}' runs in this model; {self._near(path)}.")
        if not {node} & (self.places.found.keys() | self.places.lost.keys()) - {
            self.captured.logits
        }:
            raise ExportError(
                f"layer '{path}' does not lie between the clip and the logits; choose one there."
            )
        layer = self.layer(node)
        if layer is None:
            raise ExportError(self._no_layer(path, node))
        return self._as_stated(replace(layer, name=path))

    def default(self) -> Layer:
        """The last one whose cells the head reads, or those that its attention reads.

        Raises
        ------
        ExportError
            There is none, the graph cannot be followed to where the last one may be, or it is one
            of several that lie at different places.
        """
        layer = self._last(telling(self.captured, self.places))
        lost = self._lost_behind(self.captured.clip if layer is None else layer.node)
        if layer is None:
            raise ExportError(
                "no tensor between the clip and the logits is a grid of the clip's time, height "
                f"and width{lost}; a tube cannot be drawn of it. Methods of relevance to the input "
                "(--method gradient-x-input) need none."
            )
        read = self._read_by_attention(layer)
        if read is None and lost:
            raise LostLayerError(
                f"the last layer that can be followed is '{layer.name}'{lost}; there may be a "
                f"better one behind. Name one: --layer {layer.name}, or another with --tokens "
                "TxHxW where it cannot be followed.",
                layer.name,
                self._lost_picture(),
            )
        return self._as_stated(self._whole(self._before_pools(read or layer)))

    def _lost_picture(self) -> tuple[str, tuple[int, int, int]] | None:
        """The last module that gives [1, C, t, h, w] or [t, C, h, w] that cannot be followed."""
        for node in reversed(self.captured.module.graph.nodes):
            shape = shape_of(node) or ()
            volume, frames = len(shape) == 5 and shape[0] == 1, len(shape) == 4
            named = node in self.places.lost and node.meta.get(PATHS) and (volume or frames)
            if named and shape[-1] * shape[-2] > 1:
                grid = shape[2:] if volume else (shape[0], *shape[2:])
                return min(node.meta[PATHS], key=_outermost), grid
        return None

    def _whole(self, layer: Layer) -> Layer:
        """The layer; ExportError where others like it hold other places, as of frames in a loop."""
        others = [
            other for other in self.beside(layer)
            if other.shape == layer.shape and other.geometry.offset != layer.geometry.offset
        ]  # fmt: skip
        if others:
            raise ExportError(
                f"the head reads {len(others) + 1} tensors like '{layer.name}', each of other "
                f"slices or places ('{others[0].name}'), and one tube would show one of them. "
                f"Compute them as one batch of frames, name one (--layer {others[0].name}), or "
                "take a method of relevance to the input (--method gradient-x-input)."
            )
        return layer

    def finer(self, layer: Layer) -> Layer | None:
        """Before a coarse layer the last grid that is not, by its outermost name; None: none."""
        names = self.named()
        until = next((i for i, each in enumerate(names) if each.node is layer.node), len(names))
        fine = [each for each in names[:until] if not each.is_coarse and each.cells.timed]
        alike = [each for each in fine if each.shape[1:] == fine[-1].shape[1:]]
        return min(reversed(alike), key=lambda each: _outermost(each.name), default=None)

    def beside(self, layer: Layer) -> list[Layer]:
        """Last layers that the head reads, too, and that neither lead to `layer` nor follow it."""
        fit = telling(self.captured, self.places) & self._learnt()
        seen, found = ancestors(layer.node) | descendants(layer.node), []
        for node in reversed(self.captured.module.graph.nodes):
            other = self.layer(node) if node in fit - seen and not _is_view(node) else None
            if other is not None and other.is_picture:
                found.append(other)
                seen |= ancestors(node)
        return found[::-1]

    def _last(self, told: set[fx.Node]) -> Layer | None:
        """Behind a weight, with time if any; else of pictures that stand for a whole clip."""
        fit, summed = told & self._learnt(), None
        for node in reversed(self.captured.module.graph.nodes):
            layer = self.layer(node) if node in fit and not _is_view(node) else None
            if layer is not None and layer.is_picture:
                if layer.cells.timed:
                    return layer
                summed = summed or layer
        return summed

    def _learnt(self) -> set[fx.Node]:
        """What depends on the clip through a convolution or a matrix product."""
        found: set[fx.Node] = set()
        for node in self.places.found:
            if base_name(node) in WEIGHING or not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return found

    def _read_by_attention(self, layer: Layer) -> Layer | None:
        """What the next attention reads, if any: the last layer is a projection or a part of it."""
        behind = descendants(layer.node)
        attention = next((n for n in self.places.mixing if n in behind), None)
        if attention is None:
            return None
        read = self.layer(entry(self.captured, self.places, attention))
        return read if read is not None and read.is_picture else None

    def _before_pools(self, layer: Layer) -> Layer:
        """Pools to few cells add nothing to what they are made of but coarseness."""
        while layer.is_coarse:
            node = unpooled(layer.node)
            before = self.layer(node) if node is not None else None
            if before is None or node not in self._learnt():
                break
            layer = before
        return layer

    def _as_stated(self, layer: Layer) -> Layer:
        stated = self.tokens
        if stated and (stated.grid, stated.others) != (layer.shape[1:], layer.cells.others):
            found = TokenGrid(layer.shape[1:], layer.cells.others)
            raise ExportError(
                f"layer '{layer.name}' lies on {found} cells, as the graph says, not on {stated}: "
                "leave --tokens out, or name another layer."
            )
        return layer

    def _near(self, path: str) -> str:
        """Layers by similar names, or the last ones."""
        paths = [p for p in self.captured.paths() if self.layer(self.captured.find(p))]
        near = difflib.get_close_matches(path, paths, MOST_NAMED, 0.4)
        which = "near it are" if near else "there are"
        near = near or self._outermost_names()
        told = (f"{p} ({self.layer(self.captured.find(p)).cells_text})" for p in near)
        return f"{which} {', '.join(told)}; --list-layers shows all"

    def _outermost_names(self) -> list[str]:
        names = [layer.name for layer in self.named()]
        first = sorted(names, key=lambda name: _outermost(name)[:2])[:MOST_NAMED]
        return [name for name in names if name in first]

    def _no_layer(self, path: str, node: fx.Node) -> str:
        shape = list(shape_of(node) or ())
        if node in self.places.lost:
            said = f"layer '{path}' gives {shape}{self._lost_behind(node)}"
            if self.tokens:
                return f"{said}, nor is it of {self.tokens} cells. Name a layer before that."
            return f"{said}. Name a layer before that, or state its cells: --tokens TxHxW."
        return (
            f"layer '{path}' gives {shape}, which is no grid of the clip's time, height and width; "
            "a layer is [1, C, t, h, w], frames [T, C, h, w] or tokens [1, N, D], before the "
            "pooling. --list-layers shows those there are."
        )

    def _lost_behind(self, node: fx.Node) -> str:
        """What could not be followed behind a node, as the rest of a sentence; empty if nothing."""
        behind = descendants(node)
        culprit = next((c for n, c in self.places.lost.items() if n in behind), None)
        if culprit is not None:
            return f", and its axes cannot be followed through {operator_at(culprit)}"
        uneven = next(
            (n for n in self.captured.module.graph.nodes if n in self.uneven & behind), None
        )
        if uneven is not None:
            return f", and {operator_at(uneven)} brings cells together that lie far apart"
        return ""


def _outermost(path: str) -> tuple[bool, int, int]:
    return ":" in path, path.count("."), len(path)


def _is_view(node: fx.Node) -> bool:
    """The same values as another node's, and of no module."""
    part = base_name(node) == "getitem" and base_name(node.args[0]) in SPLITS
    return (part or base_name(node) in VIEWS) and not node.meta.get(PATHS)
