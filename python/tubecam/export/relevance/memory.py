"""What a method keeps of the forward pass until its way back needs it."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import fx

from ...errors import ExportError
from ..trace.nodes import base_name, operator_at
from ..trace.operators import CONVOLUTION, DENSE, LINEAR, PRODUCT, SHARES
from .propagate import Relevance
from .rollout import Rollout

CHECK = 3  # times that, while the check holds the same in float64 beside the engine
_GROUP = Path("/sys/fs/cgroup/memory.max")
_VIEWS = {
    "view", "_unsafe_view", "reshape", "expand", "permute", "transpose", "t", "select", "slice",
    "squeeze", "unsqueeze", "split", "split_with_sizes", "unbind", "chunk", "getitem", "alias",
}  # fmt: skip


def refuse_too_large(relevance: Relevance | Rollout, method: str) -> None:
    """Raises ExportError where this machine could not check the graph.

    Transformers keep the attention of every layer: 7 GiB of a clip of 8x16x16 tokens with 24 layers
    of 16 heads.
    """
    sizes = {node: _bytes(node) for node in map(_memory_of, _kept(relevance))}
    kept, most = sum(sizes.values()), machine_bytes()
    if kept * CHECK <= most:
        return
    largest = max(sizes, key=sizes.__getitem__)
    raise ExportError(
        f"{method} keeps {kept / 2**30:.1f} GiB of the forward pass of one clip, such as "
        f"{operator_at(largest)}; {CHECK} times that is needed to check it, and this machine has "
        f"{most / 2**30:.1f} GiB. A shorter or smaller clip keeps less, gradcam next to nothing."
    )


def _kept(relevance: Relevance | Rollout) -> set[fx.Node]:
    if isinstance(relevance, Rollout) or not relevance.method.is_gradient:
        return relevance.needed
    return relevance.needed.union(*(_read(relevance, node) for node in relevance.inputs))


def _read(relevance: Relevance, node: fx.Node) -> list[fx.Node]:
    """What the derivative of an operator reads."""
    kind, carriers = relevance.kinds.get(node), relevance.inputs[node]
    if kind in (LINEAR, DENSE, CONVOLUTION, None):
        return []
    if kind == SHARES:
        return [node]
    alone = kind == PRODUCT and len(carriers) == 1
    return [n for n in node.all_input_nodes if not alone or n not in carriers]


def machine_bytes() -> int:
    """Of memory that this process may have."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _GROUP.read_text().strip() if _GROUP.is_file() else "max"
    return min(whole, int(limit)) if limit.isdigit() else whole


def _memory_of(node: fx.Node) -> fx.Node:
    """The node whose memory a view shows."""
    while node.op == "call_function" and base_name(node) in _VIEWS:
        node = node.all_input_nodes[0]
    return node


def _bytes(node: fx.Node) -> int:
    """Of its result in float32; weights are there anyway."""
    value = node.meta.get("val")
    tensor = isinstance(value, torch.Tensor) and value.is_floating_point()
    return 4 * value.numel() if tensor and node.op != "get_attr" else 0
