"""Which tensor is explained, and whether the head behind it has a closed form."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx

from ..errors import ExportError, UsageError
from .capture import Capture
from .nodes import PATHS, shape_of

VIEWS = ("view", "reshape", "permute", "transpose", "clone", "expand", "slice", "select", "detach")
CLOSED_FORM_TOLERANCE = 1e-9
MOST_LAYERS = 8


@dataclass(frozen=True)
class Layer:
    """The explained tensor.

    Attributes
    ----------
    name : str
        Module path, or the graph node's name where no module gives this tensor.
    node : Node
        Its place in the captured graph.
    shape : tuple of int
        (C, t, h, w).
    frame_wise : bool
        The tensor is [T, C, h, w]: a network that sees each frame alone, frames as the batch.
    pathway : str
        What this layer of several stands for ("slow"); empty where it is the only one.
    """

    name: str
    node: fx.Node
    shape: tuple[int, int, int, int]
    frame_wise: bool
    pathway: str = ""

    def volume(self, x: Tensor) -> Tensor:
        """The tensor as [1, C, t, h, w], of either layout."""
        return x.permute(1, 0, 2, 3)[None] if self.frame_wise else x


Paths = str | Sequence[str] | None  # of one layer or of several: PATH, or NAME=PATH


def choose_layers(captured: Capture, paths: Paths, length: int) -> tuple[Layer, ...]:
    """The layer or layers at `paths`, as :func:`choose_layer` finds each.

    Raises
    ------
    UsageError
        A name stands twice, or there are more than eight.
    ExportError
        One of several layers lies behind another, so that their relevance would count twice.
    """
    if paths is None or isinstance(paths, str):
        name, path = _named(paths) if paths else ("", None)
        return (choose_layer(captured, path, length),)
    names = [_named(path)[0] for path in paths]
    if not 1 <= len(set(names)) == len(names) <= MOST_LAYERS:
        raise UsageError(f"give 1 to {MOST_LAYERS} different layers, not {', '.join(names)}.")
    layers = [choose_layer(captured, _named(path)[1], length) for path in paths]
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


def choose_layer(captured: Capture, path: str | None, length: int) -> Layer:
    """The layer at `path`; by default the last spatio-temporal tensor before pooling.

    Raises
    ------
    UsageError
        No module has that path; the message names near ones.
    ExportError
        The tensor is not spatio-temporal, or no tensor of the graph is.
    """
    relevant = ancestors(captured.logits) & descendants(captured.clip)
    if path is None:
        node = _last_volume(captured, relevant, length)
        name = min(node.meta.setdefault(PATHS, [node.name]), key=_outermost)
        return _layer(name, node, length)
    node = captured.find(path)
    if node is None:
        near = difflib.get_close_matches(path, captured.paths(), 5, 0.3) or captured.paths()[-5:]
        raise UsageError(f"no layer '{path}' runs in this model; there are: {', '.join(near)}.")
    if node not in relevant or node is captured.logits:
        raise ExportError(
            f"layer '{path}' does not lie between the clip and the logits; choose one that does."
        )
    return _layer(path, node, length)


def _outermost(path: str) -> tuple[bool, int, int]:
    return ":" in path, path.count("."), len(path)


def _layer(name: str, node: fx.Node, length: int) -> Layer:
    shape = shape_of(node) or ()
    if len(shape) == 5 and shape[0] == 1:
        return Layer(name, node, (shape[1], shape[2], shape[3], shape[4]), False)
    if len(shape) == 4 and shape[0] == length:
        return Layer(name, node, (shape[1], shape[0], shape[2], shape[3]), True)
    raise ExportError(
        f"layer '{name}' gives {list(shape)}; a spatio-temporal tensor [1, C, t, h, w] (or "
        "[T, C, h, w] of a network that sees each frame alone) is needed. Choose a layer before "
        "the pooling."
    )


def _last_volume(captured: Capture, relevant: set[fx.Node], length: int) -> fx.Node:
    for rank in (5, 4):
        for node in reversed(captured.module.graph.nodes):
            shape = shape_of(node)
            if node not in relevant or node is captured.clip or shape is None or len(shape) != rank:
                continue
            batch = 1 if rank == 5 else length
            view = any(word in str(node.target) for word in VIEWS) and not node.meta.get(PATHS)
            if shape[0] == batch and shape[-1] * shape[-2] > 1 and not view:
                return node
    raise ExportError(
        "no spatio-temporal tensor [1, C, t, h, w] lies between the clip and the logits, so there "
        "is nothing to draw a tube from; name a layer that gives one."
    )


def ancestors(node: fx.Node) -> set[fx.Node]:
    """`node` and everything that it is computed from."""
    return _reach([node], lambda n: n.all_input_nodes)


def descendants(node: fx.Node) -> set[fx.Node]:
    """`node` and everything that is computed from it."""
    return _reach([node], lambda n: list(n.users))


def _reach(start: list[fx.Node], step) -> set[fx.Node]:
    seen: set[fx.Node] = set()
    waiting = list(start)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(step(node))
    return seen


def run_nodes(module: fx.GraphModule, nodes: Iterable[fx.Node], values: dict, dtype=None) -> None:
    """Evaluates `nodes` in order into `values`.

    Where `dtype` is given, constants and what the model makes of another type are cast to it.
    """
    for node in nodes:
        if node in values:
            continue
        if node.op == "get_attr":
            values[node] = _cast(getattr(module, str(node.target)), dtype)
        elif node.op == "call_function":
            args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
            if dtype is not None and getattr(kwargs.get("dtype"), "is_floating_point", False):
                kwargs = {**kwargs, "dtype": dtype}
            values[node] = _cast(node.target(*args, **kwargs), dtype)


def _cast(value, dtype: torch.dtype | None):
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.to(dtype) if floating and dtype is not None else value


def split_at(captured: Capture, *layers: fx.Node) -> tuple[list[fx.Node], list[fx.Node]]:
    """Nodes that depend on no layer's output, the layers among them, and those behind."""
    needed = ancestors(captured.logits)
    after = _reach(list(layers), lambda n: list(n.users)) - set(layers)
    ordered = [n for n in captured.module.graph.nodes if n in needed]
    return [n for n in ordered if n not in after], [n for n in ordered if n in after]


def closed_form(captured: Capture, layer: Layer, clip: Tensor) -> Tensor | None:
    """The head's matrix [K, C] where logits = W·mean(A) + b, None for any other head.

    No operator is recognised by name: each constant of fitting size is tried, and the equation is
    verified in float64 on random activations of both signs, with two clips that share the bias.
    """
    head = _Head(captured, layer, clip)
    classes = shape_of(captured.logits)[1]
    candidates = list(_matrices(captured.module, classes, layer.shape[0]))
    if not candidates:
        return None
    trials = head.trials()
    bias = head(torch.zeros_like(trials[0]))
    answers = [head(a) for a in trials]
    scale = max(float((y - bias).abs().max()) for y in answers)
    other = _Head(captured, layer, torch.flip(clip, (1,)) * 0.5 + 0.1)
    if scale == 0.0 or float((other(trials[0]) - answers[0]).abs().max()) > scale * 1e-9:
        return None
    for weight in candidates:
        predicted = [head.pooled(a) @ weight.t() + bias for a in trials]
        errors = [float((p - y).abs().max()) for p, y in zip(predicted, answers, strict=True)]
        if max(errors) <= CLOSED_FORM_TOLERANCE * scale:
            return weight.float()
    return None


def _matrices(module: fx.GraphModule, classes: int, channels: int) -> Iterator[Tensor]:
    """Constants that could be the head's matrix: [K, C], its transpose, or a pointwise kernel."""
    for node in module.graph.nodes:
        if node.op != "get_attr":
            continue
        value = getattr(module, str(node.target)).detach().double()
        if value.numel() != classes * channels or value.dim() < 2:
            continue
        if value.shape[:2] == (classes, channels):
            yield value.reshape(classes, channels)
        if value.shape == (channels, classes):
            yield value.t()


class _Head:
    """Logits as a float64 function of the layer's activation, everything else held still."""

    def __init__(self, captured: Capture, layer: Layer, clip: Tensor) -> None:
        self.captured, self.layer = captured, layer
        before, self.after = split_at(captured, layer.node)
        feeding = set().union(*(set(n.all_input_nodes) for n in self.after)) - set(self.after)
        feeding.discard(layer.node)
        needed = set().union(*(ancestors(n) for n in feeding)) if feeding else set()
        self.values: dict[fx.Node, Tensor] = {captured.clip: clip.double()}
        with torch.no_grad():
            run_nodes(
                captured.module, [n for n in before if n in needed], self.values, torch.float64
            )

    def __call__(self, activation: Tensor) -> Tensor:
        values = {**self.values, self.layer.node: activation}
        with torch.no_grad():
            run_nodes(self.captured.module, self.after, values, torch.float64)
        return values[self.captured.logits]

    def pooled(self, activation: Tensor) -> Tensor:
        """[1, C] mean over time and space."""
        if self.layer.frame_wise:
            return activation.mean((0, 2, 3))[None]
        return activation.mean((2, 3, 4))

    def trials(self) -> list[Tensor]:
        random = torch.Generator().manual_seed(20)
        shape = shape_of(self.layer.node)
        return [
            torch.randn(shape, generator=random, dtype=torch.float64) * scale
            for scale in (1.0, 3.0, 20.0)
        ]
