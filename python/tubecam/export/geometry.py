"""Where a layer's cells lie on the clip: stride and offset in time and space.

A cell is centred on the centre of its receptive field, found by walking the graph: a convolution or
pool with kernel k, stride s, padding p and dilation d maps (stride S, offset O) to
``(S·s, O + S·((k − 1)·d/2 − p))``. Pixel centres are whole numbers.

A causal network's cells, which see no later slice than their own, are placed in time on the newest
slice that they see: its shortcuts carry that slice itself and what lies before it only fades in, so
that the middle of everything that is seen would lie seconds behind what the cell answers to.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import fx

from .capture import Capture
from .nodes import shape_of

AXES = ("t", "y", "x")


@dataclass(frozen=True)
class Axis:
    """One factor of a tensor dimension: which clip axis, its size, and its place on the clip."""

    name: str
    size: int
    stride: float = 1.0
    offset: float = 0.0
    field: float = 1.0

    def window(self, kernel: int, stride: int, padding: int, dilation: int, size: int) -> Axis:
        """After a sliding window."""
        reach = (kernel - 1) * dilation
        offset = self.offset + self.stride * (reach / 2 - padding)
        field = self.field + self.stride * reach
        return Axis(self.name, size, self.stride * stride, offset, field)

    def scaled(self, size: int) -> Axis:
        """After resampling to `size` with half-pixel centres."""
        ratio = self.size / size
        offset = self.offset + self.stride * (ratio / 2 - 0.5)
        return Axis(self.name, size, self.stride * ratio, offset, self.field)


Dim = tuple[Axis, ...]  # row-major factors; axes named "" carry no place
Place = tuple[Dim, ...]


class LostPlaceError(Exception):
    """The walk cannot follow an operator."""


@dataclass(frozen=True)
class Geometry:
    """Cell i is centred on ``offset + stride · i``, order t, y, x; slices and input pixels.

    `exact` is False where the graph could not be followed and sizes alone gave the answer.
    """

    stride: tuple[float, float, float]
    offset: tuple[float, float, float]
    exact: bool


def layer_geometry(
    captured: Capture, layer: fx.Node, frame_wise: bool, later: float = 0.0
) -> Geometry:
    """Stride and offset of the layer's cells, [1, C, t, h, w] or frame-wise [T, C, h, w].

    `later`: slices by which what the layer sees lies later than the clip's own (half a slice for
    the flow to the next one).
    """
    clip_shape = shape_of(captured.clip)
    sizes = dict(zip(AXES, (clip_shape[1], clip_shape[3], clip_shape[4]), strict=True))
    dims = (0, 2, 3) if frame_wise else (2, 3, 4)
    cells = [shape_of(layer)[d] for d in dims]
    try:
        place = _walk(captured, layer)
        axes = [_single(place, d, name) for d, name in zip(dims, AXES, strict=True)]
    except LostPlaceError:
        ratios = [sizes[name] / n for name, n in zip(AXES, cells, strict=True)]
        return Geometry(tuple(ratios), tuple((r - 1) / 2 for r in ratios), False)
    whole = [Axis("", n) if a is None else a for a, n in zip(axes, cells, strict=True)]
    offset = (_in_time(whole[0]) + later, whole[1].offset, whole[2].offset)
    return Geometry(tuple(a.stride for a in whole), offset, True)


def _in_time(axis: Axis) -> float:
    """The offset in slices: the field's centre, or its end where that is the cell's own slice."""
    end = axis.offset + (axis.field - 1) / 2
    return 0.0 if end == 0 else axis.offset


def _single(place: Place, at: int, name: str) -> Axis:
    """The axis of that name in its dimension, or in another one where both have size 1."""
    for dim in (place[at], *(other for other in place if place[at] == (Axis("", 1),))):
        if len(dim) == 1 and dim[0].name == name and dim[0].size == place[at][0].size:
            return dim[0]
    raise LostPlaceError(f"no single axis {name}")


def _walk(captured: Capture, layer: fx.Node) -> Place:
    from .layers import ancestors, descendants

    path = ancestors(layer) & descendants(captured.clip)
    n, t, c, h, w = shape_of(captured.clip)
    start = [(Axis("", n),), (Axis("t", t),), (Axis("", c),), (Axis("y", h),), (Axis("x", w),)]
    places: dict[fx.Node, Place] = {captured.clip: tuple(start)}
    for node in captured.module.graph.nodes:
        if node in path and node is not captured.clip:
            with contextlib.suppress(LostPlaceError):  # another path may still lead to the layer
                places[node] = _step(node, places)
    if layer not in places:
        raise LostPlaceError(str(layer.target))
    return places[layer]


def _step(node: fx.Node, places: dict[fx.Node, Place]) -> Place:
    name = str(node.target)
    known = [n for n in node.all_input_nodes if n in places]
    if not known or any(word in name for word in _SHUFFLES):
        raise LostPlaceError(name)
    if "getitem" in name:
        return places[known[0]]
    rule = next((r for word, r in _RULES if name.startswith(f"aten.{word}")), None)
    shape = shape_of(node)
    if isinstance(node.meta.get("val"), (tuple, list)):
        shape = tuple(node.meta["val"][0].shape)
    if shape is None:
        raise LostPlaceError(name)
    if rule is _product and known[0] is not node.args[-2]:
        raise LostPlaceError("only the right factor has a place")
    if rule is _cat:
        return _resized(_cat(node, [places[n] for n in known], shape), shape)
    if rule is not None:
        return _resized(rule(node, places[known[0]], shape), shape)
    return _elementwise([places[n] for n in known], shape, name)


def _middle(inputs: list[Place]) -> Place:
    """Where channels lie that come from several places: between them, at the same stride."""

    def one(dims: tuple[Dim, ...]) -> Dim:
        first = dims[0]
        if not all(
            len(d) == 1
            and (d[0].name, d[0].size, d[0].stride)
            == (first[0].name, first[0].size, first[0].stride)
            for d in dims
        ):
            return first
        offsets = [d[0].offset for d in dims]
        field = max(d[0].field for d in dims) + max(offsets) - min(offsets)
        return (replace(first[0], offset=sum(offsets) / len(offsets), field=field),)

    return tuple(one(dims) for dims in zip(*inputs, strict=True))


def _resized(place: Place, shape: Sequence[int]) -> Place:
    if [math.prod(a.size for a in dim) for dim in place] != list(shape):
        raise LostPlaceError("sizes differ")
    return place


def _elementwise(inputs: list[Place], shape: Sequence[int], name: str) -> Place:
    """Same-sized inputs keep their place; where two differ, the wider receptive field decides."""
    fitting = [p for p in inputs if [math.prod(a.size for a in dim) for dim in p] == list(shape)]
    if not fitting:
        raise LostPlaceError(name)
    return max(fitting, key=lambda p: sum(a.field for dim in p for a in dim if a.name))


def _windows(
    place: Place, shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Place:
    d = len(kernel)
    spread = [list(v) * d if len(v) == 1 else list(v) for v in (stride, padding, dilation)]
    out = [(Axis("", n),) for n in shape]
    out[0] = place[0]
    for i in range(d):
        dim = len(shape) - d + i
        if len(place[dim]) != 1:
            raise LostPlaceError("window over merged axes")
        out[dim] = (place[dim][0].window(kernel[i], *(v[i] for v in spread), size=shape[dim]),)
    return tuple(out)


def _convolution(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    kernel = shape_of(node.args[1])[2:]
    stride, padding, dilation, transposed = node.args[3:7]
    if not transposed:
        return _windows(place, shape, kernel, stride, padding, dilation)
    out = [(Axis("", n),) for n in shape]
    out[0] = place[0]
    for i, k in enumerate(kernel):
        (axis,) = place[2 + i] if len(place[2 + i]) == 1 else (Axis("", 1),)
        step = axis.stride / stride[i]
        offset = axis.offset - step * ((k - 1) * dilation[i] / 2 - padding[i])
        out[2 + i] = (Axis(axis.name, shape[2 + i], step, offset, axis.field + axis.stride),)
    return tuple(out)


def _pool(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    args = list(node.args[1:])
    kernel = args[0]
    stride = args[1] if len(args) > 1 and args[1] else kernel
    padding = args[2] if len(args) > 2 else [0] * len(kernel)
    dilation = [1] * len(kernel)
    if "max_pool" in str(node.target) and len(args) > 3:
        dilation = args[3]
    pooled = _windows(place, shape, kernel, stride, padding, dilation)
    channel = len(shape) - len(kernel) - 1
    return (*pooled[:channel], place[channel], *pooled[channel + 1 :])


def _resample(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    """Adaptive pools whose sizes divide, and interpolation."""
    out = list(place)
    for dim in range(2, len(shape)):
        if len(place[dim]) == 1 and place[dim][0].size != shape[dim]:
            out[dim] = (place[dim][0].scaled(shape[dim]),)
    return tuple(out)


def _permute(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    return tuple(place[d] for d in node.args[1])


def _transpose(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    order = list(range(len(place)))
    a, b = (node.args[1], node.args[2]) if len(node.args) > 2 else (0, 1)
    order[a], order[b] = order[b], order[a]
    return tuple(place[d] for d in order)


def _reshape(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    """Regroups the row-major factors; one that would be split is lost."""
    factors = [a for dim in place for a in dim if a.size > 1 or a.name]
    out: list[Dim] = []
    for size in shape:
        dim: list[Axis] = []
        have = 1
        if size == 1 and factors and factors[0].size == 1:
            dim.append(factors.pop(0))
        while have < size and factors:
            axis = factors.pop(0)
            have *= axis.size
            if axis.size > 1:
                dim.append(axis)
        if have != size:
            raise LostPlaceError("a factor is split")
        out.append(tuple(dim) or (Axis("", 1),))
    return tuple(out)


def _slice(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    _, dim, start, _, step = (*node.args, *(0, 0, None, 1)[len(node.args) - 1 :])
    dim %= len(place)
    if len(place[dim]) != 1:
        raise LostPlaceError("slice of merged axes")
    axis = place[dim][0]
    start = (start or 0) + (axis.size if (start or 0) < 0 else 0)
    start = min(max(start, 0), axis.size)
    moved = Axis(axis.name, shape[dim], axis.stride * step, axis.offset + axis.stride * start,
                 axis.field)  # fmt: skip
    return (*place[:dim], (moved,), *place[dim + 1 :])


def _pad(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    out = list(place)
    pads = node.args[1]
    for i in range(len(pads) // 2):
        dim = len(place) - 1 - i
        if pads[2 * i] or pads[2 * i + 1]:
            if len(place[dim]) != 1:
                raise LostPlaceError("padding of merged axes")
            axis = place[dim][0]
            offset = axis.offset - axis.stride * pads[2 * i]
            out[dim] = (Axis(axis.name, shape[dim], axis.stride, offset, axis.field),)
    return tuple(out)


def _cat(node: fx.Node, places: Sequence[Place], shape: Sequence[int]) -> Place:
    dim = (node.args[1] if len(node.args) > 1 else 0) % len(shape)
    if any(a.name for place in places for a in place[dim]):
        whole = len(places) == len(node.args[0])
        joined = _in_a_row([place[dim] for place in places], shape[dim], whole)
        return (*places[0][:dim], (joined,), *places[0][dim + 1 :])
    place = _middle(list(places))
    return (*place[:dim], (Axis("", shape[dim]),), *place[dim + 1 :])


def _in_a_row(dims: Sequence[Dim], size: int, whole: bool) -> Axis:
    """Single slices put together: the stride is their mean step, which every one keeps nearly."""
    first = dims[0][0]
    alike = all(len(d) == 1 and (d[0].name, d[0].size) == (first.name, 1) for d in dims)
    if not (whole and alike and len(dims) == size > 1):
        raise LostPlaceError("concatenation along a clip axis")
    step = (dims[-1][0].offset - first.offset) / (size - 1)
    steps = [abs(d[0].offset - first.offset - step * i) for i, d in enumerate(dims)]
    if step <= 0 or max(steps) > first.stride:
        raise LostPlaceError("slices that are not in a row")
    return replace(first, size=size, stride=step)


def _squeeze(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    return _reshape(node, place, shape)


def _reduce(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    """Over channels, the rest keeps its place (grey from colours); over a clip axis it is lost."""
    given = node.args[1] if len(node.args) > 1 else range(len(place))
    dims = {d % len(place) for d in ([given] if isinstance(given, int) else given)}
    if any(a.name for d in dims for a in place[d]):
        raise LostPlaceError("reduction along a clip axis")
    kept = [(Axis("", 1),) if d in dims else dim for d, dim in enumerate(place)]
    keeps = len(node.args) > 2 and node.args[2]
    return tuple(dim for d, dim in enumerate(kept) if keeps or d not in dims)


def _product(node: fx.Node, place: Place, shape: Sequence[int]) -> Place:
    """Rows keep their place (a token is where its query is); mixing along a clip axis loses it."""
    if any(a.name for a in place[-1]):
        raise LostPlaceError("product along a clip axis")
    return (*place[:-1], (Axis("", shape[-1]),))


_SHUFFLES = ("flip", "roll", "index", "gather", "sort", "scatter", "cumsum", "fft", "as_strided")
Rule = Callable[[fx.Node, Any, Sequence[int]], Place]
_RULES: tuple[tuple[str, Rule], ...] = (
    ("convolution", _convolution),
    ("max_pool", _pool),
    ("avg_pool", _pool),
    ("_adaptive_avg_pool", _resample),
    ("upsample", _resample),
    ("permute", _permute),
    ("transpose", _transpose),
    ("t.default", _transpose),
    ("view", _reshape),
    ("_unsafe_view", _reshape),
    ("reshape", _reshape),
    ("squeeze", _squeeze),
    ("unsqueeze", _squeeze),
    ("slice", _slice),
    ("constant_pad_nd", _pad),
    ("reflection_pad", _pad),
    ("replication_pad", _pad),
    ("cat", _cat),
    ("sum.dim", _reduce),
    ("mean.dim", _reduce),
    ("amax", _reduce),
    ("mm", _product),
    ("bmm", _product),
    ("addmm", _product),
    ("baddbmm", _product),
)
