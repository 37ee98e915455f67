"""What the residual pathways of X3D and SlowFast have in common, named as PyTorchVideo names it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


class ResBlock(nn.Module):
    """ReLU of a shortcut plus a branch."""

    def __init__(
        self, branch: nn.Module, shortcut: nn.Module | None, norm: nn.Module | None
    ) -> None:
        super().__init__()
        self.branch1_conv = shortcut
        self.branch1_norm = norm
        self.branch2 = branch
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = x if self.branch1_conv is None else self.branch1_conv(x)
        skip = skip if self.branch1_norm is None else self.branch1_norm(skip)
        return self.activation(skip + self.branch2(x))


class Stage(nn.Module):
    """Blocks in a row."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.res_blocks = nn.ModuleList(blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.res_blocks:
            x = block(x)
        return x
