"""Follows the clip's time, height and width through the captured graph, operator by operator.

Every tensor that depends on the clip gets a place: where its values lie in time, height and width
(``spread.py``). Operators that only move values are run on the places; pointwise ones combine them;
windows, products and reductions have rules. Behind an operator without a rule places are lost, and
the operator is reported.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx

from ..torch_private import OpOverload
from ..trace.graph import Capture, ancestors, descendants, run_nodes
from ..trace.nodes import base_name, shape_of
from . import follow_moves as moves
from . import follow_rules as rules
from . import follow_windows as windows
from .follow_rules import LostPlaceError, Place, Placed, Step
from .spread import Spread


@dataclass
class Places:
    """Where the tensors of a graph lie.

    Attributes
    ----------
    found : dict
        Node → its place, for each of t, y and x; of several results a list.
    lost : dict
        Node → the operator behind which it could not be followed.
    mixing : list of Node
        Products that sum over places of both factors, in order: attention reading its values.
    """

    found: dict[fx.Node, Placed] = field(default_factory=dict)
    lost: dict[fx.Node, fx.Node] = field(default_factory=dict)
    mixing: list[fx.Node] = field(default_factory=list)

    def of(self, node: fx.Node) -> Place | None:
        """Of a tensor, None where it is lost or does not depend on the clip."""
        place = self.found.get(node)
        return place if isinstance(place, tuple) else None

    def differ(self, node: fx.Node, dims: set[int]) -> bool:
        """Whether a tensor's places differ along some of these dimensions."""
        return any(s.dims & dims for spreads in self.of(node) or () for s in spreads)


State = Callable[[fx.Node], Place | None]


def follow(captured: Capture, stated: State = lambda node: None) -> Places:
    """Places of everything between the clip and the logits.

    Parameters
    ----------
    stated : callable
        What the user says of a node that cannot be followed: its place, or None.
    """
    places = Places()
    places.found[captured.clip] = _clip(tuple(captured.clip.meta["val"].shape))
    relevant = ancestors(captured.logits) & descendants(captured.clip)
    constants: dict[fx.Node, Tensor] = {}

    def value(node: fx.Node) -> Tensor:
        needed = ancestors(node)
        run_nodes(
            captured.module, (n for n in captured.module.graph.nodes if n in needed), constants
        )
        return constants[node]

    for node in captured.module.graph.nodes:
        if node in relevant and node is not captured.clip:
            _take(node, places, value)
            if node in places.lost and (place := stated(node)) is not None:
                places.found[node] = place
                del places.lost[node]
    return places


def _clip(shape: tuple[int, ...]) -> Place:
    """Of the clip itself, [1, T, C, H, W]."""
    axes = []
    for dim in (1, 3, 4):
        sizes = [n if d == dim else 1 for d, n in enumerate(shape)]
        at = torch.arange(shape[dim], dtype=torch.float64).reshape(sizes)
        axes.append((Spread(at, at, at),))
    return tuple(axes)


def _take(node: fx.Node, places: Places, value: Callable[[fx.Node], Tensor]) -> None:
    inputs = node.all_input_nodes
    lost = next((places.lost[n] for n in inputs if n in places.lost), None)
    if lost is not None:
        places.lost[node] = lost
        return
    if node.target is operator.getitem:
        _settle(node, places.found[inputs[0]][node.args[1]], places)
        return
    step = Step(node, {n: places.found[n] for n in inputs if n in places.found}, value)
    try:
        place = _rule(node)(step)
    except LostPlaceError:
        place = None if _differs(step) else rules.gathered(step)
    _settle(node, place, places)
    if (product := _mixing(node, places)) is not None:
        places.mixing.append(product)


def _settle(node: fx.Node, place: Placed | None, places: Places) -> None:
    if place is None:
        places.lost[node] = node
    else:
        places.found[node] = place


def _mixing(node: fx.Node, places: Places) -> fx.Node | None:
    """The product, here or before this sum, that is summed over places of both its factors."""
    name, rank = base_name(node), len(shape_of(node) or ())
    if name in PRODUCTS:
        left, right = (node.args[i] for i in rules.FACTORS[name])
        return (
            node if places.differ(left, {rank - 1}) and places.differ(right, {rank - 2}) else None
        )
    product = node.args[0] if name == "sum" else node
    if name != "sum" or base_name(product) != "mul" or len(set(product.all_input_nodes)) != 2:
        return None
    rank = len(shape_of(product))
    given = Step(node, {}, lambda n: n).argument("dim")
    dims = {d % rank for d in ([given] if isinstance(given, int) else given or range(rank))}
    alike = all(len(shape_of(n)) == rank for n in product.all_input_nodes)
    return (
        product if alike and all(places.differ(n, dims) for n in product.all_input_nodes) else None
    )


def _differs(step: Step) -> bool:
    """Whether an input lies anywhere in particular."""
    return any(s.dims for place in step.places.values() for spreads in place for s in spreads)


def _rule(node: fx.Node) -> Callable[[Step], Placed]:
    name = base_name(node)
    if name in _RULES:
        return _RULES[name]
    if isinstance(node.target, OpOverload) and torch.Tag.pointwise in node.target.tags:
        return rules.pointwise
    return _unknown


def _unknown(step: Step) -> Placed:
    raise LostPlaceError(base_name(step.node))


PRODUCTS = tuple(rules.FACTORS)
_NAMES: dict[Callable[[Step], Placed], str] = {
    rules.kept: "_softmax _log_softmax _safe_softmax native_layer_norm native_group_norm"
    " native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training"
    " _batch_norm_no_update _fused_rms_norm _to_copy alias detach lift_fresh_copy contiguous clone"
    " native_dropout dropout prelu _prelu_kernel hardswish log_sigmoid_forward tril triu",
    rules.nowhere: "zeros_like ones_like full_like empty_like new_zeros new_ones new_full"
    " new_empty fill zero rand_like randn_like",
    rules.viewed: "view _unsafe_view reshape flatten unflatten squeeze unsqueeze",
    moves.moved: "permute transpose t numpy_T expand select slice split split_with_sizes"
    " unsafe_split unsafe_chunk unbind chunk flip roll rot90 index index_select gather"
    " take_along_dim repeat repeat_interleave tile unfold narrow diagonal pixel_shuffle"
    " pixel_unshuffle channel_shuffle"
    " slice_scatter select_scatter diagonal_scatter index_put index_copy scatter copy cat stack",
    rules.summed: "sum mean amax amin prod std var var_mean norm linalg_vector_norm logsumexp max"
    " min median nanmedian",
    rules.scanned: "cumsum cumprod logcumsumexp",
    rules.halved: "glu",
    rules.multiplied: " ".join(PRODUCTS),
    windows.convolved: "convolution",
    windows.pooled: "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices"
    " max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d",
    windows.pooled_to_size: "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d"
    " adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d",
    windows.resampled: "upsample_nearest1d upsample_nearest2d upsample_nearest3d"
    " _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d"
    " upsample_trilinear3d upsample_bicubic2d",
    windows.padded: "constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d"
    " replication_pad1d replication_pad2d replication_pad3d",
}
_RULES = {name: rule for rule, names in _NAMES.items() for name in names.split()}
