"""Attention rollout: how much of each token arrives where a transformer's head reads.

Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, equation 1.

Notes
-----
*A residual attention* mixes tokens by ``Â = (I + Ā)/2`` with Ā the mean of the heads' attentions;
rollout is the product of these matrices over all layers, here times the row vector by which the
head reads the last tokens: one row instead of a matrix. What blocks do beside attention (values'
weights, feed-forward layers, normalisation) takes no part, and neither does the class.

*Divided space-time attention* (TimeSformer) is two residual attentions a block, and each is a
matrix Â of its own over all tokens: over time the class token stays as it is; over space its copies
attend within one slice each, and their results are averaged.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from ..gradient.differentiate import chosen
from ..trace.graph import Capture, ancestors, run_nodes
from .attentions import Attentions
from .methods import METHODS

NAME = "attention-rollout"


class Rollout(nn.Module):
    """(clip [1, T, 3, H, W], target [1]) → logits [1, K], relevance [1, t, h, w].

    Relevance is a share: what the class token holds, and all cells together, is 1, whatever the
    target. The interface is that of :class:`Relevance`.
    """

    def __init__(self, captured: Capture, attentions: Attentions) -> None:
        super().__init__()
        self.graph, self.captured, self.attentions = captured.module, captured, attentions
        self.name, self.method, self.pool = NAME, METHODS[NAME], (1, 1, 1)
        needed = ancestors(captured.logits)
        self.nodes = [n for n in captured.module.graph.nodes if n in needed]
        self.deciding: list[fx.Node] = []
        self.needed = {captured.logits, *attentions.nodes}

    def forward(self, clip: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return self.explain(*self.evaluate(clip), target)

    def evaluate(self, clip: Tensor) -> tuple[dict[fx.Node, Any], dict[fx.Node, Any]]:
        """Every value for the clip; there is no reference clip."""
        values = {self.captured.clip: clip}
        run_nodes(self.graph, self.nodes, values, clip.dtype)
        return values, {}

    def explain(
        self, values: dict[fx.Node, Any], references: dict[fx.Node, Any], target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits and shares from what `evaluate` gave."""
        logits = values[self.captured.logits]
        # Engines drop an input that nothing reads, and the runtime gives each graph a target: a
        # class that does not exist has no explanation.
        exists = torch.arange(logits.shape[1])[None] == chosen(logits, target)[:, None]
        means = [values[node].mean(-3) for node in self.attentions.nodes]
        shares = rollout_divided if self.attentions.divided else rollout_joint
        return logits, shares(means, self.attentions) * exists.to(logits.dtype).sum(1)


def rollout_joint(means: list[Tensor], attentions: Attentions) -> Tensor:
    """Shares [1, t, h, w] by attentions [1, n, n] over all tokens."""
    row = attentions.read.to(means[-1].dtype)[None, None]
    for mean in reversed(means):
        row = (row + torch.matmul(row, mean)) / 2
    return row[0, 0, attentions.cells].reshape(1, *attentions.grid)


def rollout_divided(means: list[Tensor], attentions: Attentions) -> Tensor:
    """Shares [1, t, h, w] by pairs of attentions: over time [h·w, t, t], space [t, 1+h·w, 1+h·w].

    The row is held as [t, 1, 1+h·w], the class token's share spread evenly over its copies.
    """
    t, h, w = attentions.grid
    row = attentions.read.to(means[-1].dtype)[None, None].expand(t, 1, 1 + h * w) / t
    for over_time, over_space in reversed(list(zip(means[::2], means[1::2], strict=True))):
        row = (row + torch.matmul(row, over_space)) / 2
        front, body = row[:, :, :1], row[:, 0, 1:].transpose(0, 1)[:, None]
        body = (body + torch.matmul(body, over_time)) / 2
        front = front.mean(0, keepdim=True).expand(t, 1, 1)
        row = torch.cat([front, body[:, 0].transpose(0, 1)[:, None]], 2)
    return row[:, 0, 1:].reshape(1, t, h, w)
