"""Tiny video networks by name: every construct that an export has to know, one row each.

``NETWORKS[name]`` is an :class:`Entry`, ``network(name)`` its module with weights, the same in
every run. Tests add what they expect of a row in tables of their own, by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import (
    activations,
    attention,
    convolutions,
    families,
    norms,
    pools,
    recurrent,
    shapes,
    windows,
)
from .entry import CLASSES, Entry, seeded

__all__ = ["CLASSES", "NETWORKS", "Entry", "clip", "network"]

_TOPICS = (
    norms, activations, pools, shapes, convolutions, recurrent, attention, windows, families,
)  # fmt: skip
NETWORKS: dict[str, Entry] = {e.name: e for topic in _TOPICS for e in topic.ENTRIES}


def network(name: str) -> nn.Module:
    """The module, in evaluation mode."""
    return seeded(NETWORKS[name].make)


def clip(name: str, seed: int = 0) -> Tensor:
    """[1, T, 3, H, W] of noise that drifts, of the row's size."""
    random = torch.Generator().manual_seed(101 + seed)
    shape = NETWORKS[name].shape
    return (
        torch.randn(shape, generator=random) + torch.linspace(-1, 1, shape[1])[:, None, None, None]
    )
