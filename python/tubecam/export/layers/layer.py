"""The explained tensor, and whether the head behind it has a closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from ...bundle.layer_grid import is_coarse
from ..axes.receptive_field import Cells, Geometry
from ..trace.graph import Capture, ancestors, run_nodes, split_at
from ..trace.nodes import shape_of

CLOSED_FORM_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Layer:
    """The explained tensor.

    Attributes
    ----------
    name : str
        Module path, or the graph node's name where no module gives this tensor.
    node : Node
        Its place in the captured graph.
    shape : (C, t, h, w)
    geometry : Geometry
        Where its cells lie on the clip.
    cells : Cells, optional
        Which of its values are cells; None: it is [1, C, t, h, w].
    pathway : str
        What this layer of several stands for ("slow"); empty where it is the only one.
    """

    name: str
    node: fx.Node
    shape: tuple[int, int, int, int]
    geometry: Geometry
    cells: Cells | None = None
    pathway: str = ""

    def volume(self, x: Tensor) -> Tensor:
        """The tensor as [1, C, t, h, w], whatever its layout."""
        return x if self.cells is None else self.cells.volume(x)

    @property
    def is_picture(self) -> bool:
        """It has more than one cell a slice."""
        return self.shape[2] * self.shape[3] > 1

    @property
    def is_coarse(self) -> bool:
        """Its maps look exact and are not."""
        return is_coarse(self.shape)

    @property
    def cells_text(self) -> str:
        """512 channels, 2x7x7 cells."""
        c, *grid = self.shape
        return f"{c} channels, {'x'.join(map(str, grid))} cells"


def closed_form(captured: Capture, layer: Layer, clip: Tensor) -> Tensor | None:
    """The head's matrix [K, C] where logits = W·mean(A) + b, None for any other head.

    No operator is recognised by name: each constant of fitting size is tried, and the equation is
    verified in float64 on random activations of both signs, with two clips that share the bias.
    """
    classes = shape_of(captured.logits)[1]
    candidates = list(_matrices(captured.module, classes, layer.shape[0]))
    try:
        return _matrix(_Head(captured, layer, clip), candidates, clip) if candidates else None
    except (IndexError, RuntimeError):  # it takes values by an index that such activations break
        return None


def _matrix(head: _Head, candidates: list[Tensor], clip: Tensor) -> Tensor | None:
    """Which of them is the head's, if any."""
    trials = head.trials()
    bias = head(torch.zeros_like(trials[0]))
    answers = [head(a) for a in trials]
    scale = max(float((y - bias).abs().max()) for y in answers)
    other = _Head(head.captured, head.layer, torch.flip(clip, (1,)) * 0.5 + 0.1)
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
        if classes == 2 and value.dim() > 1 and value.numel() == channels:  # one logit, −z and z
            yield torch.stack([-value.flatten(), value.flatten()])
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
        return self.layer.volume(activation).mean((2, 3, 4))

    def trials(self) -> list[Tensor]:
        random = torch.Generator().manual_seed(20)
        shape = shape_of(self.layer.node)
        return [
            torch.randn(shape, generator=random, dtype=torch.float64) * scale
            for scale in (1.0, 3.0, 20.0)
        ]
