"""What an adapter gives: a module, and what its clips are."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from ...spec import ClipSpec


@dataclass
class Adapted:
    """A module that takes [N, 3, T, H, W] float32 and gives logits [N, K]."""

    model: nn.Module
    name: str
    description: str
    clip: ClipSpec
    labels: list[str] = field(default_factory=list)
    head: str | None = None  # what the output is, where that is known
