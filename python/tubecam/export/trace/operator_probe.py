"""What an operator does, found by trying it: its kind where its name says nothing.

An operator of any name is tried in float64 with random numbers in the place of what depends on the
clip. Being linear, one number at a time, or homogeneous are properties that numbers show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from .graph import ancestors, run_nodes

SAME = 1e-9  # relative
MOST = 1 << 24  # numbers of an operator's result: beyond, trying takes longer than it is worth
_SCALES = (1.0, 30.0)

Function = Callable[..., list[Tensor]]


def probed(node: fx.Node, moving: Sequence[fx.Node]) -> str | None:
    """``linear``, ``product``, ``rescaled``, ``gate``, ``homogeneous``, or None.

    `moving` are the inputs that depend on the clip. ``linear`` allows for a constant that is added;
    ``rescaled`` and ``gate`` take one number at a time, f(0) being 0 or another number.
    """
    shapes = [_shape(n) for n in moving if _floats(n)]
    if not shapes or _size(node) > MOST:
        return None
    random = torch.Generator().manual_seed(7)
    try:
        function = _function(node, [n for n in moving if _floats(n)])
        for kind, holds in _TESTS:
            if holds(function, shapes, random):
                return kind
    except Exception:  # whatever an operator throws at numbers that it does not take
        return None
    return None


def _linear(f: Function, shapes: Sequence[torch.Size], random: torch.Generator) -> bool:
    """f(a + t(b − a)) = f(a) + t(f(b) − f(a)), all inputs at once."""
    return all(
        _on_a_line(lambda *x: f(*x), _draw(shapes, random, s), _draw(shapes, random, s))
        for s in _SCALES
    )


def _product(f: Function, shapes: Sequence[torch.Size], random: torch.Generator) -> bool:
    """Linear in each of two inputs, and nothing where both are."""
    if len(shapes) != 2:
        return False
    (a, b), (c, d) = _draw(shapes, random), _draw(shapes, random)
    none = f(torch.zeros_like(a), torch.zeros_like(b))
    alone = _on_a_line(lambda x: f(x, b), [a], [c]) and _on_a_line(lambda x: f(a, x), [b], [d])
    return alone and not any(part.any() for part in none)


def _rescaled(f: Function, shapes: Sequence[torch.Size], random: torch.Generator) -> bool:
    return _elementwise(f, shapes, random) and not _at_zero(f, shapes).any()


def _gate(f: Function, shapes: Sequence[torch.Size], random: torch.Generator) -> bool:
    return _elementwise(f, shapes, random) and bool(torch.isfinite(_at_zero(f, shapes)).all())


def _homogeneous(f: Function, shapes: Sequence[torch.Size], random: torch.Generator) -> bool:
    x = _draw(shapes, random)
    return all(_same(f(*(k * each for each in x)), [k * y for y in f(*x)]) for k in (0.37, 1.9))


_TESTS = (
    ("linear", _linear),
    ("product", _product),
    ("rescaled", _rescaled),
    ("gate", _gate),
    ("homogeneous", _homogeneous),
)


def _elementwise(f: Function, shapes: Sequence[torch.Size], random: torch.Generator) -> bool:
    """One input, and a change of some of its numbers changes no other result.

    Of numbers above zero, where roots and logarithms are at home, too.
    """
    if len(shapes) != 1:
        return False
    x, other = (_draw(shapes, random)[0].abs() for _ in range(2))
    (y,) = f(x)
    kept = torch.rand(x.shape, generator=random) < 0.5
    (mixed,) = f(torch.where(kept, x, other))
    return y.shape == x.shape and _same([mixed[kept]], [y[kept]])


def _at_zero(f: Function, shapes: Sequence[torch.Size]) -> Tensor:
    return f(torch.zeros(shapes[0], dtype=torch.float64))[0]


def _on_a_line(f: Function, a: list[Tensor], b: list[Tensor]) -> bool:
    first, last = f(*a), f(*b)
    return all(
        _same(
            f(*(x + t * (y - x) for x, y in zip(a, b, strict=True))),
            [p + t * (q - p) for p, q in zip(first, last, strict=True)],
        )
        for t in (-0.7, 2.3)
    )


def _same(found: Sequence[Tensor], want: Sequence[Tensor]) -> bool:
    """NaN is like nothing."""
    pairs = list(zip(found, want, strict=True))
    scale = max((float(w.abs().max()) for _, w in pairs if w.numel()), default=0.0)
    return math.isfinite(scale) and all(
        bool(((a - b).abs() <= SAME * scale).all()) for a, b in pairs
    )


def _draw(
    shapes: Sequence[torch.Size], random: torch.Generator, scale: float = 1.0
) -> list[Tensor]:
    return [scale * torch.randn(s, generator=random, dtype=torch.float64) for s in shapes]


def _function(node: fx.Node, moving: Sequence[fx.Node]) -> Function:
    """The operator of its moving inputs: its results of floating point."""
    given = {n: _value(n) for n in node.all_input_nodes if n not in moving}

    def function(*inputs: Tensor) -> list[Tensor]:
        values = {**given, **dict(zip(moving, inputs, strict=True))}
        args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
        result = node.target(*args, **kwargs)
        parts = result if isinstance(result, (tuple, list)) else (result,)
        return [p for p in parts if p.is_floating_point()]

    return function


def _value(node: fx.Node) -> Any:
    """A constant's value in float64; zeros for what depends on the clip (an index, a mask)."""
    needed = ancestors(node)
    if any(n.op == "placeholder" for n in needed):
        return torch.zeros(_shape(node), dtype=node.meta["val"].dtype)
    module, values = node.graph.owning_module, {}
    run_nodes(module, [n for n in module.graph.nodes if n in needed], values, torch.float64)
    return values[node]


def _floats(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.is_floating_point()


def _shape(node: fx.Node) -> torch.Size:
    return node.meta["val"].shape


def _size(node: fx.Node) -> int:
    value = node.meta.get("val")
    values = value if isinstance(value, (tuple, list)) else (value,)
    return sum(v.numel() for v in values if isinstance(v, Tensor))
