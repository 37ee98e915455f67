"""The explained graph: forward pass and vector–Jacobian product in one trace."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from ...errors import ExportError
from ..layers.layer import Layer
from ..onnx.file import unknown_operators
from ..torch_private import trace_with_shapes
from ..trace.batch_norm_folding import fold_constants
from ..trace.graph import Capture, run_nodes, split_at
from ..trace.model_input import packed, parts
from ..trace.recorder import plain_operators
from ..trace.simplify import simplify
from .conv_backward import FormChooser
from .decompositions import decompositions


class Explained(nn.Module):
    """(clip [1, T, 3, H, W], maybe its flow, target [1]) → logits, and two tensors a layer.

    Those are its activation and its weight or gradient. With `weight_matrix` [K, C], for one layer,
    the target's row is looked up; without it the target's logit is differentiated with respect to
    every layer's activation.
    """

    def __init__(
        self, captured: Capture, layers: Sequence[Layer], weight_matrix: Tensor | None
    ) -> None:
        super().__init__()
        self.graph = captured.module
        self.captured, self.layers = captured, layers
        self.nodes = [layer.node for layer in layers]
        self.before, self.after = split_at(captured, *self.nodes)
        self.weight_matrix = weight_matrix

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        *clip, target = inputs
        known: dict[fx.Node, Tensor] = {self.captured.clip: packed(*clip)}
        run_nodes(self.graph, self.before, known)
        activations = [known[node] for node in self.nodes]

        def head(*values: Tensor) -> Tensor:
            given = {**known, **dict(zip(self.nodes, values, strict=True))}
            run_nodes(self.graph, self.after, given)
            return given[self.captured.logits]

        if self.weight_matrix is not None:
            logits = head(*activations)
            index = chosen(logits, target)
            row = torch.index_select(self.weight_matrix, 0, index)
            return logits, self.layers[0].volume(activations[0]), row
        logits, pull = torch.func.vjp(head, *activations)
        index = chosen(logits, target)
        classes = torch.arange(logits.shape[1])
        one_hot = (classes[None] == index[:, None]).to(logits.dtype)  # aten.one_hot breaks traces
        found = zip(self.layers, activations, pull(one_hot), strict=True)
        return logits, *(a.volume(x) for a, *pair in found for x in pair)


def chosen(logits: Tensor, target: Tensor) -> Tensor:
    """The class to explain, [1] int64: `target`, or the predicted one where it is negative."""
    return torch.where(target < 0, torch.argmax(logits, dim=1), target)


def trace_explained(
    captured: Capture,
    layers: Sequence[Layer],
    weight_matrix: Tensor | None,
    clip: Tensor,
    choose: FormChooser,
) -> fx.GraphModule:
    """Traces :class:`Explained`; errors as :func:`trace_forward_only`."""
    return trace_forward_only(Explained(captured, layers, weight_matrix), clip, choose)


def trace_forward_only(model: nn.Module, clip: Tensor, choose: FormChooser) -> fx.GraphModule:
    """Traces a module of clip and target, derivatives and all, into forward operators only.

    Raises
    ------
    ExportError
        Operators are left that ONNX does not know; ``culprit.py`` finds where they come from.
    """
    inputs = (*parts(clip), torch.tensor([-1]))
    with plain_operators():
        traced = trace_with_shapes(lambda *x: model(*x), decompositions(choose), *inputs)
    simplify(traced)
    fold_constants(traced)
    left = unknown_operators(traced)
    if left:
        raise ExportError(f"no standard ONNX form of {', '.join(left)} is known.")
    return traced
