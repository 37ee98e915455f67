"""Which inputs of an operator take relevance, and which count as constants.

Notes
-----
*Constants.* A value that only says how much of another passes takes no relevance: a gate, the
attention that weighs values, the deviation that a normalisation divides by (Arras et al. 2017, "all
to the signal"; Ali et al. 2022). The operator is then linear in what is left, and nothing is lost.

*Gates of a product* are, in this order: what was squashed (a sigmoid, an exponential, 1 + tanh);
what is computed from the other factor (x·Φ(x), a scale by pooled features, the selective B and C of
a state space, Jafari et al. 2024); an activation's output beside a plain one (SwiGLU). Where
neither factor is a gate, each takes half, as both do in AttnLRP (Achtibat et al. 2024, eq. 13)
except for the first two.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence

from torch import fx

from ..trace.graph import ancestors
from ..trace.nodes import base_name
from ..trace.operators import (
    GATE,
    INVERSE,
    LINEAR,
    MAXIMUM,
    PRODUCT,
    QUOTIENT,
    RELU,
    RESCALED,
    SHARES,
    STEP,
)

Kinds = Mapping[fx.Node, str | None]
_PASSING = (LINEAR, MAXIMUM, PRODUCT, QUOTIENT)
_ROLES = {"split", "split_with_sizes", "unsafe_split", "unbind", "chunk"}


class Carriers:
    """By node: the inputs that take relevance. Nodes that take none are not in it.

    Parameters
    ----------
    moving : list of Node
        What depends on the clip, which comes first, in the order of execution.
    kinds : mapping
        The kind of each operator among them.
    constants : collection of str
        Kinds whose results count as constants.
    gated, halves : bool
        Products are all to the factor that is no gate; an activation's output is none.
    """

    def __init__(
        self,
        moving: Sequence[fx.Node],
        kinds: Kinds,
        constants: Collection[str],
        gated: bool,
        halves: bool,
    ) -> None:
        self.kinds, self.gated, self.halves = kinds, gated, halves
        clip, *others = moving
        self.inputs: dict[fx.Node, list[fx.Node]] = {clip: []}
        self._trunks: dict[fx.Node, fx.Node] = {clip: clip}
        self._ancestors: dict[fx.Node, set[fx.Node]] = {}
        for node in others:
            if kinds[node] in (*constants, STEP):
                continue
            alive = [n for n in node.all_input_nodes if n in self.inputs]
            alive = self._without_gates(node, alive)
            if alive:
                self.inputs[node] = alive
                self._trunks[node] = self._trunk(node)

    def reaching(self, result: fx.Node) -> set[fx.Node]:
        """Everything that relevance reaches from the result."""
        found, waiting = set(), [result]
        while waiting:
            node = waiting.pop()
            if node in self.inputs and node not in found:
                found.add(node)
                waiting.extend(self.inputs[node])
        return found

    def _without_gates(self, node: fx.Node, alive: list[fx.Node]) -> list[fx.Node]:
        if self.gated and self.kinds[node] == QUOTIENT:
            return [n for n in alive if n is node.args[0]]
        if self.gated and self.kinds[node] == PRODUCT:
            return self._signals(*alive) if len(alive) == 2 else _unless_nothing(node, alive)
        return alive

    def _signals(self, a: fx.Node, b: fx.Node) -> list[fx.Node]:
        """The factors of a product that are no gates, both where neither is or both are."""
        for is_gate in (self._is_squashed, self._is_made_of, self._is_activated):
            gates = [is_gate(a, b), is_gate(b, a)]
            if any(gates) and not all(gates):
                return [b] if gates[0] else [a]
        return [a, b]

    def _is_squashed(self, factor: fx.Node, other: fx.Node) -> bool:
        """A function with f(0) ≠ 0, also one that was lifted by a number."""
        path = self._path(factor)
        kind = self.kinds.get(path[-1])
        lifted = any(base_name(n) in {"add", "sub", "rsub"} and _takes_number(n) for n in path)
        return kind in (GATE, INVERSE) or (lifted and kind in (RESCALED, RELU))

    def _path(self, node: fx.Node) -> list[fx.Node]:
        """Back through what weighs and rearranges this one value, as far as that goes."""
        path = [node]
        while self.kinds.get(path[-1]) in _PASSING and len(self.inputs[path[-1]]) == 1:
            path.append(self.inputs[path[-1]][0])
        return path

    def _is_made_of(self, factor: fx.Node, other: fx.Node) -> bool:
        """Computed from the other factor; not attention, which is computed from its values."""
        gate, signal = self._trunks[factor], self._trunks[other]
        return gate is not signal and self.kinds.get(gate) != SHARES and self._leads(signal, gate)

    def _leads(self, first: fx.Node, last: fx.Node) -> bool:
        if last not in self._ancestors:
            self._ancestors[last] = ancestors(last)
        return first in self._ancestors[last]

    def _is_activated(self, factor: fx.Node, other: fx.Node) -> bool:
        return not self.halves and self.kinds.get(self._path(factor)[-1]) in (RESCALED, RELU)

    def _trunk(self, node: fx.Node) -> fx.Node:
        """The one node that this is a sum of, weighed and rearranged; itself, if there is none."""
        sources = {self._trunks[n] for n in self.inputs[node]}
        kind, factors = self.kinds[node], sum(a in self.inputs[node] for a in node.args)
        sums = kind in _PASSING and not (kind == PRODUCT and factors > 1)
        return sources.pop() if sums and len(sources) == 1 and not _has_role(node) else node


def _unless_nothing(node: fx.Node, alive: list[fx.Node]) -> list[fx.Node]:
    """None where the other factor is zero: the state before the first slice."""
    return [] if any(_is_zero(n) for n in node.all_input_nodes if n not in alive) else alive


def _is_zero(node: fx.Node) -> bool:
    if node.op == "get_attr":
        return not getattr(node.graph.owning_module, str(node.target)).any()
    return base_name(node) == "full" and node.args[1] == 0


def _has_role(node: fx.Node) -> bool:
    """Whether it is one of several that a tensor was split into: a query, a gate."""
    return node.target is operator.getitem and base_name(node.args[0]) in _ROLES


def _takes_number(node: fx.Node) -> bool:
    return any(isinstance(a, (int, float)) and a for a in node.args)
