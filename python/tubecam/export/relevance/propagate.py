"""The walk back through the captured graph: clip and target → logits and relevance."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..gradient.differentiate import chosen
from ..trace.graph import Capture, ancestors, run_nodes
from ..trace.model_input import COLOURS, packed, parts
from ..trace.operators import (
    CONVOLUTION,
    DENSE,
    STEP,
    kind_of,
    moving_nodes,
    never_negative,
    raw_nodes,
)
from .carriers import Carriers
from .domain import Domain
from .linear_regions import deciding_nodes
from .methods import Method, method_of
from .refusals import NotApplicableError, no_difference, no_rule, not_first, only_gates
from .rules import Call, Rule, Signal

Visit = Callable[[Call, "Rule | None", Signal], None]


class Relevance(nn.Module):
    """(clip [1, T, 3, H, W], maybe its flow, target [1]) → logits [1, K], relevance of each input.

    That is [1, T', H', W'] of the clip, and the same of the flow (:func:`cells_of`). A method by
    colour gives the signal at the clip, [1, T, 3, H, W], and at the flow, [1, T − 1, 2, H, W].

    Parameters
    ----------
    captured : Capture
        Batch normalisations folded.
    method : str
        A name of ``METHODS``, or ``INPUT_GRADIENT``.
    pool : (t, y, x)
        Slices and pixels whose relevance is summed into one cell.
    domain : Domain
        The range of clips and the reference clip.

    Raises
    ------
    ExportError
        The method knows no rule for an operator of this model; it is named.
    """

    def __init__(
        self, captured: Capture, method: str, pool: tuple[int, int, int], domain: Domain
    ) -> None:
        super().__init__()
        self.graph, self.captured, self.pool = captured.module, captured, pool
        self.name, self.method, self.domain = method, method_of(method), domain
        needed = ancestors(captured.logits)
        self.nodes = [n for n in captured.module.graph.nodes if n in needed]
        self.moving = moving_nodes(captured.clip, captured.logits)
        self.moves = set(self.moving)
        self.nonnegative = never_negative(self.nodes)
        self.raw = raw_nodes(self.moving)
        self.kinds = {n: kind_of(n, self._moving_inputs(n)) for n in self.moving[1:]}
        self.inputs = self._carriers(self.method)
        if captured.clip not in self.inputs:
            raise only_gates(method, self._gate())
        self.table = {n: self._rule(n) for n in self.moving[1:] if n in self.inputs}
        self.first = self._first_layers()
        self.table.update(dict.fromkeys(self.first, self.method.first))
        self.needed = self._needed()
        deciding = deciding_nodes(self.table, self.kinds, self.raw | self.nonnegative)
        self.deciding = [n for n in deciding if n is not captured.logits]
        if self.method.needs and self.method.needs not in self.kinds.values():
            raise no_difference(method, f"a {self.method.needs}", "the plain gradient")
        if self.method.like and self.inputs == self._carriers(method_of(self.method.like)):
            raise no_difference(method, "attention and gated layers", self.method.like)

    def accepts(self, method: str) -> bool:
        """Whether another method has rules for this model."""
        try:
            Relevance(self.captured, method, self.pool, self.domain)
        except NotApplicableError:
            return False
        return True

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        *clip, target = inputs
        return self.explain(*self.evaluate(packed(*clip)), target)

    def evaluate(self, clip: Tensor) -> tuple[dict[fx.Node, Any], dict[fx.Node, Any]]:
        """Every value for the clip, and for the reference clip where the method compares."""
        references = self._run(self.reference_like(clip)) if self.method.compares else {}
        return self._run(clip), references

    def reference_like(self, clip: Tensor) -> Tensor:
        """The reference clip, of the clip's shape."""
        return self.domain.reference.to(clip.dtype).expand(clip.shape)

    def explain(
        self,
        values: dict[fx.Node, Any],
        references: dict[fx.Node, Any],
        target: Tensor,
        visit: Visit | None = None,
    ) -> tuple[Tensor, ...]:
        """Logits and each input's relevance from what `evaluate` gave."""
        clip, logits = values[self.captured.clip], values[self.captured.logits]
        classes = torch.arange(logits.shape[1])
        one_hot = (classes[None] == chosen(logits, target)[:, None]).to(logits.dtype)
        signal = self.propagate(values, references, one_hot, visit)
        return logits, *self.finish(signal, clip, references.get(self.captured.clip))

    def finish(
        self, signal: Tensor, clip: Tensor, reference: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Each input's relevance from the signal at the packed clip."""
        relevance = self.method.finish(signal, clip, reference)
        return parts(relevance) if self.method.by_colour else cells_of(relevance, self.pool)

    def _run(self, clip: Tensor, nodes: Iterable[fx.Node] | None = None) -> dict[fx.Node, Any]:
        values = {self.captured.clip: clip}
        run_nodes(self.graph, self.nodes if nodes is None else nodes, values, clip.dtype)
        return values

    def propagate(
        self,
        values: dict[fx.Node, Any],
        references: dict[fx.Node, Any],
        start: Tensor,
        visit: Visit | None = None,
    ) -> Tensor:
        """The signal at the clip for `start` at the logits; `visit` sees every operator's."""
        box = self._box(values[self.captured.clip]) if self.first else ()
        signals: dict[fx.Node, Signal] = {self.captured.logits: start}
        for node in reversed(self.moving):
            if node is self.captured.clip or node not in signals:
                continue
            signal = signals.pop(node)
            if node.target is operator.getitem:
                _add_part(signals, *node.args, signal)
                continue
            call = self._call(node, values)
            if references:
                call = replace(call, reference=self._call(node, references))
            if node in self.first:
                call = replace(call, box=tuple(end[call.moving[0]] for end in box))
            if visit is not None:
                visit(call, self.table[node], signal)
            for source, passed in zip(call.moving, self.table[node](call, signal), strict=True):
                signals[source] = signals[source] + passed if source in signals else passed
        return signals[self.captured.clip]

    def _box(self, clip: Tensor) -> tuple[dict[fx.Node, Any], dict[fx.Node, Any]]:
        """The least and the greatest of everything that holds the clip's own values."""
        nodes = [n for n in self.nodes if n in self.raw or n not in self.moves]
        low, high = (end.to(clip.dtype).expand(clip.shape) for end in self.domain.range)
        return self._run(low, nodes), self._run(high, nodes)

    def _first_layers(self) -> set[fx.Node]:
        """Operators with weights that take the clip's own values, where they have a rule."""
        if self.method.first is None:
            return set()
        first = {n for n in self.table if n not in self.raw and self.raw & set(self.inputs[n])}
        for node in first:
            if self.kinds[node] not in (CONVOLUTION, DENSE):
                raise not_first(self.name, node)
        return first

    def _moving_inputs(self, node: fx.Node) -> list[fx.Node]:
        return [n for n in node.all_input_nodes if n in self.moves]

    def _carriers(self, method: Method) -> dict[fx.Node, list[fx.Node]]:
        """By node that relevance reaches from the logits: the inputs that it passes to."""
        every = Carriers(self.moving, self.kinds, method.constants, method.gated, method.halves)
        reached = every.reaching(self.captured.logits)
        return {n: every.inputs[n] for n in reached}

    def _needed(self) -> set[fx.Node]:
        """Values that the way back reads. Autograd keeps what a derivative reads by itself."""
        read = [] if self.method.is_gradient else list(self.inputs)
        ends = {self.captured.clip, self.captured.logits}
        return ends.union(read, *(n.all_input_nodes for n in read))

    def _gate(self) -> fx.Node:
        """The last constant of those that depend on the clip."""
        constants = (*self.method.constants, STEP)
        return next(n for n in reversed(self.moving) if self.kinds.get(n) in constants)

    def _rule(self, node: fx.Node) -> Rule | None:
        if node.target is operator.getitem:
            return None
        rule = self.method.rules.get(self.kinds[node] or "", self.method.elsewhere)
        if rule is None or (self.method.compares and self._chooses(node)):
            raise no_rule(self.name, node)
        return rule

    def _chooses(self, node: fx.Node) -> bool:
        """Whether a mask, an index or a step that depends on the clip has a say in what passes."""
        others = (n for n in node.all_input_nodes if n not in self.inputs)
        return any(self.captured.clip in ancestors(n) for n in others)

    def _call(self, node: fx.Node, values: dict[fx.Node, Any]) -> Call:
        needed = {n: values[n] for n in node.all_input_nodes}
        inputs = self.inputs[node]
        nonnegative = all(n in self.nonnegative for n in inputs)
        return Call(node, self.kinds[node], inputs, needed, values[node], nonnegative)


def _add_part(signals: dict[fx.Node, Signal], source: fx.Node, place: int, signal: Tensor) -> None:
    parts = signals.setdefault(source, {})
    parts[place] = parts[place] + signal if place in parts else signal


def cells_of(relevance: Tensor, pool: tuple[int, int, int]) -> tuple[Tensor, ...]:
    """[1, T, C, H, W] of a packed clip → [1, T/t, H/y, W/x] of the colours, and of the flow.

    No flow leads out of the last slice: its cells are there and hold nothing.
    """
    colours = sum_cells(relevance[:, :, :COLOURS].sum(2), pool)
    if relevance.shape[2] == COLOURS:
        return (colours,)
    flow = relevance[:, :-1, COLOURS:].sum(2)
    return colours, sum_cells(torch.cat([flow, torch.zeros_like(flow[:, :1])], 1), pool)


def sum_cells(relevance: Tensor, pool: tuple[int, int, int]) -> Tensor:
    """[1, T, H, W] → [1, T/t, H/y, W/x]: the sum over each cell."""
    if pool == (1, 1, 1):
        return relevance
    size = pool[0] * pool[1] * pool[2]
    return torch.nn.functional.avg_pool3d(relevance[None], pool)[0] * size
