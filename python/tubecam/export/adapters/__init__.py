"""Models that other packages build: `PREFIX:REST` → a module and what its clips are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from ..spec import ClipSpec
from ..tokens import TokenLayout


@dataclass
class Adapted:
    """A module that takes [N, 3, T, H, W] float32 and gives logits [N, K]."""

    model: nn.Module
    name: str
    description: str
    clip: ClipSpec
    layer: str | None = None
    labels: list[str] = field(default_factory=list)
    tokens: TokenLayout | None = None
    head: str | None = None  # what the output is, where that is known


def _huggingface(rest: str) -> Adapted:
    from .huggingface import load

    return load(rest)


def _torchvision(rest: str) -> Adapted:
    from .torchvision_models import load

    return load(rest)


ADAPTERS: dict[str, Callable[[str], Adapted]] = {
    "transformers": _huggingface,
    "torchvision": _torchvision,
}
