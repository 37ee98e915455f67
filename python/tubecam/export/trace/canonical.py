"""The captured graph in fewer operators, each with a derivative.

Notes
-----
*Writes in place.* What a model writes into slices (``y[:, 1:] = x``, ``y += x``) is captured as
values: a copy in the shape of what is written over, and a scatter of it into the whole. The copy
has no derivative and is nothing but its source; the whole is a concatenation of what stays and what
was written.

*Constants in the shape of something.* ``zeros_like`` and its kin read shapes alone, and shapes are
static: they are constants, and what is computed from them is one, too (masks, coordinates).

*Attention* without a mask needs no care for rows that are masked out altogether.

*Views.* A view asks for strides that the graph, traced again with other operators around it, need
not have; a reshape takes any.
"""

from __future__ import annotations

import torch
from torch import fx

from .gathers import overwritten
from .nodes import aten, call, choose, join, replace_by, reshape, shape_of, slice_range

FILLS = {  # operator → the value that fills it, or the place of that value among the arguments
    "aten.ones_like": 1.0,
    "aten.new_ones": 1.0,
    "aten.zeros_like": 0.0,
    "aten.new_zeros": 0.0,
    "aten.empty_like": 0.0,
    "aten.new_empty": 0.0,
    "aten.empty": 0.0,
    "aten.full_like": (1,),
    "aten.new_full": (2,),
    "aten.fill": (1,),
}
VIEWS = {aten.view.default, aten._unsafe_view.default}
COPIES = {aten.copy.default, aten.fill.Tensor}
READS = {aten.slice_scatter.default: aten.slice.Tensor,
         aten.select_scatter.default: aten.select.int}  # fmt: skip


def canonical(module: fx.GraphModule) -> None:
    """Changes `module` in place; its values stay the same."""
    for node in list(module.graph.nodes):
        if node.op != "call_function":
            continue
        if str(node.target).rpartition(".")[0] in FILLS and not isinstance(_filler(node), fx.Node):
            _filled(node)
        elif node.target in COPIES:
            _copied(node)
        elif node.target in VIEWS:
            node.target = aten.reshape.default
        elif node.target is aten._safe_softmax.default:
            _unmasked(node)
        elif node.target is aten.as_strided.default:
            _strided(module, node)
        elif node.target is aten.diagonal.default:
            _diagonal(module, node)
        elif node.target in READS.values():
            _read_back(node)
    for node in list(module.graph.nodes):
        if node.target in READS:
            _joined(module, node)
        elif node.target is aten.diagonal_scatter.default:
            _into_diagonal(module, node)
    module.graph.eliminate_dead_code()
    module.recompile()


def _filler(node: fx.Node) -> object:
    value = FILLS[str(node.target).rpartition(".")[0]]
    return node.args[value[0]] if isinstance(value, tuple) else value


def _filled(node: fx.Node) -> None:
    """Shapes are static, so a tensor of one value needs no other tensor."""
    result = node.meta["val"]
    node.args = (list(result.shape), _filler(node))
    node.target, node.kwargs = aten.full.default, {"dtype": result.dtype}


def _copied(node: fx.Node) -> None:
    """A copy is its source in the shape and type of what it is written over."""
    source, result = node.args[1], node.meta["val"]
    value = source.meta["val"]
    if value.dtype != result.dtype:
        value = value.to(result.dtype)
        source = call(node, aten._to_copy.default, (source,), value, dtype=result.dtype)
    if value.shape != result.shape:
        source = call(node, aten.expand.default, (source, list(result.shape)), result)
    replace_by(node, source)


def _unmasked(node: fx.Node) -> None:
    """Rows of scores that nothing was added to hold no −∞ alone: a plain softmax will do."""
    scores = node.args[0]
    while scores.target in (aten.reshape.default, aten.expand.default):
        scores = scores.args[0]
    if scores.target in (aten.bmm.default, aten.mul.Tensor, aten.mul.Scalar):
        node.target, node.args, node.kwargs = aten._softmax.default, (*node.args[:2], False), {}


def _strided(module: fx.GraphModule, node: fx.Node) -> None:
    """What lies where in memory is known: a reshape, or a choice of cells."""
    x, size, stride, *offset = node.args
    value = x.meta["val"]
    count, start = value.numel(), value.storage_offset()
    reach = start + 1 + sum((n - 1) * s for n, s in zip(value.shape, value.stride()))
    memory = torch.full([reach], -1)
    memory.as_strided(value.shape, value.stride(), start).copy_(
        torch.arange(count).reshape(value.shape)
    )
    taken = memory.as_strided(size, stride, offset[0] if offset else start).flatten()
    flat = x
    if not torch.equal(taken, torch.arange(count)):
        flat = choose(module, node, reshape(node, x, [count]), 0, taken)
    replace_by(node, reshape(node, flat, list(size)))


def _read_back(node: fx.Node) -> None:
    """What is read where it has just been written is what was written."""
    whole = node.args[0]
    same = isinstance(whole, fx.Node) and READS.get(whole.target) is node.target
    if same and _place(node, node.args[1:]) == _place(whole, whole.args[2:]):
        replace_by(node, whole.args[1])


def _place(node: fx.Node, given: tuple) -> tuple:
    """Dimension, and the range or the index in it, of a reading or writing node."""
    shape = shape_of(node.args[0])
    dim, *rest = given or (0,)
    dim %= len(shape)
    if "select" in str(node.target):
        return dim, rest[0] % shape[dim]
    start, end, step = (*rest, *(None, None, 1)[len(rest) :])
    return dim, *slice_range(shape[dim], start, end), step


def _joined(module: fx.GraphModule, node: fx.Node) -> None:
    """A scatter into a slice as a concatenation; with steps, as a choice from both."""
    whole, source = node.args[:2]
    dim, *place = _place(node, node.args[2:])
    if node.target is aten.select_scatter.default:
        value = source.meta["val"].unsqueeze(dim)
        source = call(node, aten.unsqueeze.default, (source, dim), value)
        place = [place[0], place[0] + 1, 1]
    start, end, step = place
    if step > 1:
        replace_by(node, overwritten(module, node, whole, source, dim, range(start, end, step)))
        return
    parts = [source] if end > start else []
    if start > 0:
        parts.insert(0, _part(node, whole, dim, 0, start))
    if end < shape_of(whole)[dim]:
        parts.append(_part(node, whole, dim, end, shape_of(whole)[dim]))
    replace_by(node, join(node, parts, dim))


def _diagonal(module: fx.GraphModule, node: fx.Node) -> None:
    """A diagonal as a choice of cells."""
    whole, *which = node.args
    places = _places(whole).diagonal(*which).flatten()
    flat = reshape(node, whole, [whole.meta["val"].numel()])
    chosen = choose(module, node, flat, 0, places)
    replace_by(node, reshape(node, chosen, list(shape_of(node))))


def _into_diagonal(module: fx.GraphModule, node: fx.Node) -> None:
    whole, source, *which = node.args
    places = _places(whole).diagonal(*which).flatten().tolist()
    flat = [reshape(node, x, [x.meta["val"].numel()]) for x in (whole, source)]
    written = overwritten(module, node, *flat, 0, places)
    replace_by(node, reshape(node, written, list(shape_of(whole))))


def _places(node: fx.Node) -> torch.Tensor:
    """Every cell's own number, in the node's shape."""
    shape = shape_of(node)
    return torch.arange(torch.Size(shape).numel()).reshape(shape)


def _part(node: fx.Node, whole: fx.Node, dim: int, first: int, last: int) -> fx.Node:
    value = whole.meta["val"].narrow(dim, first, last - first)
    return call(node, aten.slice.Tensor, (whole, dim, first, last), value)
