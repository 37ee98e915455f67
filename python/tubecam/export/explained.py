"""The explained graph: forward pass and vector–Jacobian product in one trace."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from ..errors import ExportError
from .backward import FormChooser
from .capture import Capture, plain_operators, trace, untraceable
from .decompositions import decompositions
from .fold import fold_constants
from .layers import Layer, run_nodes, split_at
from .simplify import simplify


class Explained(nn.Module):
    """(clip [1, T, 3, H, W], target [1]) → logits, activation, and weight or gradient.

    With `weight_matrix` [K, C] the target's row is looked up; without it the target's logit is
    differentiated with respect to the layer's activation.
    """

    def __init__(self, captured: Capture, layer: Layer, weight_matrix: Tensor | None) -> None:
        super().__init__()
        self.graph = captured.module
        self.captured, self.layer = captured, layer
        self.before, self.after = split_at(captured, layer.node)
        self.weight_matrix = weight_matrix

    def forward(self, clip: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        known: dict[fx.Node, Tensor] = {self.captured.clip: clip}
        run_nodes(self.graph, self.before, known)
        activation = known[self.layer.node]

        def head(value: Tensor) -> Tensor:
            values = {**known, self.layer.node: value}
            run_nodes(self.graph, self.after, values)
            return values[self.captured.logits]

        if self.weight_matrix is not None:
            logits = head(activation)
            index = chosen(logits, target)
            row = torch.index_select(self.weight_matrix, 0, index)
            return logits, self._volume(activation), row
        logits, pull = torch.func.vjp(head, activation)
        index = chosen(logits, target)
        classes = torch.arange(logits.shape[1])
        one_hot = (classes[None] == index[:, None]).to(logits.dtype)  # aten.one_hot breaks traces
        (gradient,) = pull(one_hot)
        return logits, self._volume(activation), self._volume(gradient)

    def _volume(self, x: Tensor) -> Tensor:
        """[1, C, t, h, w] of either layout."""
        return x.permute(1, 0, 2, 3)[None] if self.layer.frame_wise else x


def chosen(logits: Tensor, target: Tensor) -> Tensor:
    """The class to explain, [1] int64: `target`, or the predicted one where it is negative."""
    return torch.where(target < 0, torch.argmax(logits, dim=1), target)


def trace_explained(
    captured: Capture,
    layer: Layer,
    weight_matrix: Tensor | None,
    clip: Tensor,
    choose: FormChooser,
) -> fx.GraphModule:
    """Traces :class:`Explained` into forward operators only.

    Raises
    ------
    ExportError
        An operator's gradient cannot be written with forward operators; it is named.
    """
    model = Explained(captured, layer, weight_matrix)
    return trace_forward_only(
        model, clip, choose, f"the gradient of the logits at layer '{layer.name}'"
    )


def trace_forward_only(
    model: nn.Module, clip: Tensor, choose: FormChooser, what: str
) -> fx.GraphModule:
    """Traces a module of clip and target, derivatives and all, into forward operators only.

    Raises
    ------
    ExportError
        As above; `what` says what could not be traced.
    """
    try:
        with plain_operators():
            traced = trace(lambda *x: model(*x), decompositions(choose), clip, torch.tensor([-1]))
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(untraceable(error, what)) from error
    simplify(traced)
    fold_constants(traced)
    _refuse_backward_operators(traced)
    return traced


def _refuse_backward_operators(module: fx.GraphModule) -> None:
    called = {str(n.target) for n in module.graph.nodes if n.op == "call_function"}
    left = sorted(name for name in called if "backward" in name)
    if left:
        raise ExportError(
            f"no forward form of {', '.join(left)} is known. Choose a layer behind the module that "
            "uses it, or replace that module."
        )
