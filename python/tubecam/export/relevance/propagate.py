"""The walk back through the captured graph: clip and target → logits and relevance."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

from ...errors import ExportError
from ..capture import Capture
from ..explained import chosen
from ..layers import ancestors, run_nodes
from .methods import METHODS
from .operators import base_name, kind_of, moving_nodes, never_negative
from .rules import Call, Rule, Signal


class Relevance(nn.Module):
    """(clip [1, T, 3, H, W], target [1]) → logits [1, K], relevance [1, T', H', W'].

    Parameters
    ----------
    captured : Capture
        Batch normalisations folded.
    method : str
        A name of ``METHODS``.
    pool : (t, y, x)
        Slices and pixels whose relevance is summed into one cell.

    Raises
    ------
    ExportError
        The method knows no rule for an operator of this model; it is named.
    """

    def __init__(self, captured: Capture, method: str, pool: tuple[int, int, int]) -> None:
        super().__init__()
        self.graph, self.captured, self.pool = captured.module, captured, pool
        self.method = METHODS[method]
        needed = ancestors(captured.logits)
        self.nodes = [n for n in captured.module.graph.nodes if n in needed]
        self.moving = moving_nodes(captured.clip, captured.logits)
        self.moves = set(self.moving)
        self.nonnegative = never_negative(self.nodes)
        self.table = {n: self._rule(n, method) for n in self.moving if n.op == "call_function"}
        kinds = {self._kind(n) for n in self.table}
        if self.method.needs and self.method.needs not in kinds:
            raise ExportError(
                f"{method} changes what passes a {self.method.needs}, and this model has none: it "
                "would be the plain gradient. sensitivity and gradient-x-input fit any model."
            )

    def forward(self, clip: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        values: dict[fx.Node, Any] = {self.captured.clip: clip}
        run_nodes(self.graph, self.nodes, values, clip.dtype)
        logits = values[self.captured.logits]
        classes = torch.arange(logits.shape[1])
        one_hot = (classes[None] == chosen(logits, target)[:, None]).to(logits.dtype)
        relevance = self.method.finish(self.propagate(values, one_hot), clip)
        return logits, sum_cells(relevance, self.pool)

    def propagate(self, values: dict[fx.Node, Any], start: Tensor) -> Tensor:
        """The signal at the clip for `start` at the logits."""
        signals: dict[fx.Node, Signal] = {self.captured.logits: start}
        for node in reversed(self.moving):
            if node is self.captured.clip or node not in signals:
                continue
            signal = signals.pop(node)
            if node.target is operator.getitem:
                _add_part(signals, *node.args, signal)
                continue
            call = self._call(node, values)
            for source, passed in zip(call.moving, self.table[node](call, signal), strict=True):
                signals[source] = signals[source] + passed if source in signals else passed
        return signals[self.captured.clip]

    def _inputs(self, node: fx.Node) -> list[fx.Node]:
        return [n for n in node.all_input_nodes if n in self.moves]

    def _kind(self, node: fx.Node) -> str | None:
        return kind_of(node, self._inputs(node))

    def _rule(self, node: fx.Node, method: str) -> Rule | None:
        if node.target is operator.getitem:
            return None
        rule = self.method.rules.get(self._kind(node) or "", self.method.elsewhere)
        if rule is None:
            raise ExportError(
                f"{method} has no rule for the operator aten.{base_name(node)} of this model. "
                "sensitivity and gradient-x-input fit any model, and so do gradcam and its kin."
            )
        return rule

    def _call(self, node: fx.Node, values: dict[fx.Node, Any]) -> Call:
        inputs = self._inputs(node)
        needed = {n: values[n] for n in node.all_input_nodes}
        nonnegative = all(n in self.nonnegative for n in inputs)
        return Call(node, self._kind(node), inputs, needed, values[node], nonnegative)


def _add_part(signals: dict[fx.Node, Signal], source: fx.Node, place: int, signal: Tensor) -> None:
    parts = signals.setdefault(source, {})
    parts[place] = parts[place] + signal if place in parts else signal


def sum_cells(relevance: Tensor, pool: tuple[int, int, int]) -> Tensor:
    """[1, T, H, W] → [1, T/t, H/y, W/x]: the sum over each cell."""
    if pool == (1, 1, 1):
        return relevance
    size = pool[0] * pool[1] * pool[2]
    return torch.nn.functional.avg_pool3d(relevance[None], pool)[0] * size
