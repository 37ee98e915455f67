"""SlowFast: a slow pathway for appearance, a fast and narrow one for motion.

Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019, with the parameter names
of PyTorchVideo's checkpoints.
"""

from __future__ import annotations

import torch
from torch import nn

from ...spec import ClipSpec
from .architecture import KINETICS_CLASSES, Architecture
from .pathway import ResBlock, Stage

CLIP = ClipSpec(32, 256, 256, 15.0, (0.45,) * 3, (0.225,) * 3, short_side=256)
ALPHA = 4  # fast frames for a slow one
BETA = 8  # slow channels for a fast one
DEPTHS = (3, 4, 6, 3)
WIDTHS = (256, 512, 1024, 2048)  # of the slow pathway


class Bottleneck(nn.Module):
    """t×1×1, 1×3×3 and 1×1×1 convolutions."""

    def __init__(self, inputs: int, outputs: int, temporal: int, stride: int) -> None:
        super().__init__()
        inner = outputs // 4
        self.conv_a = nn.Conv3d(
            inputs, inner, (temporal, 1, 1), 1, (temporal // 2, 0, 0), bias=False
        )
        self.norm_a = nn.BatchNorm3d(inner)
        self.conv_b = nn.Conv3d(inner, inner, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)
        self.norm_b = nn.BatchNorm3d(inner)
        self.conv_c = nn.Conv3d(inner, outputs, 1, bias=False)
        self.norm_c = nn.BatchNorm3d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm_a(self.conv_a(x)))
        x = torch.relu(self.norm_b(self.conv_b(x)))
        return self.norm_c(self.conv_c(x))


class Stem(nn.Module):
    """t×7×7 convolution and a spatial max pool."""

    def __init__(self, width: int, temporal: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(
            3, width, (temporal, 7, 7), (1, 2, 2), (temporal // 2, 3, 3), bias=False
        )
        self.norm = nn.BatchNorm3d(width)
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(torch.relu(self.norm(self.conv(x))))


class Fusion(nn.Module):
    """Adds what the fast pathway saw to the slow one, as further channels."""

    def __init__(self, fast: int) -> None:
        super().__init__()
        self.conv_fast_to_slow = nn.Conv3d(
            fast, 2 * fast, (7, 1, 1), (ALPHA, 1, 1), (3, 0, 0), bias=False
        )
        self.norm = nn.BatchNorm3d(2 * fast)

    def forward(self, slow: torch.Tensor, fast: torch.Tensor) -> torch.Tensor:
        return torch.cat([slow, torch.relu(self.norm(self.conv_fast_to_slow(fast)))], 1)


class Pathways(nn.Module):
    """The same step in both pathways, then the fusion."""

    def __init__(self, slow: nn.Module, fast: nn.Module, fusion: nn.Module | None) -> None:
        super().__init__()
        self.multipathway_blocks = nn.ModuleList([slow, fast])
        self.multipathway_fusion = fusion

    def forward(self, slow: torch.Tensor, fast: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        slow, fast = self.multipathway_blocks[0](slow), self.multipathway_blocks[1](fast)
        if self.multipathway_fusion is not None:
            slow = self.multipathway_fusion(slow, fast)
        return slow, fast


class Projection(nn.Module):
    """The linear head."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x)


class SlowFast(nn.Module):
    """Takes [N, 3, T, H, W] float32, T a multiple of 4: the slow pathway sees a quarter of it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = [Pathways(Stem(64, 1), Stem(64 // BETA, 5), Fusion(64 // BETA))]
        slow, fast = 64 + 2 * 64 // BETA, 64 // BETA
        for i, (width, depth) in enumerate(zip(WIDTHS, DEPTHS)):
            narrow = width // BETA
            fusion = Fusion(narrow) if i < len(WIDTHS) - 1 else None
            stride = 1 if i == 0 else 2
            stages = (
                _stage(slow, width, depth, 3 if i > 1 else 1, stride),
                _stage(fast, narrow, depth, 3, stride),
            )
            blocks.append(Pathways(*stages, fusion))
            slow, fast = width + 2 * narrow, narrow
        # The checkpoints count the pool, which has no parameters, as blocks.5.
        pool = nn.AdaptiveAvgPool3d(1)
        head = Projection(WIDTHS[-1] + WIDTHS[-1] // BETA, classes)
        self.blocks = nn.ModuleList([*blocks, pool, head])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *steps, pool, head = self.blocks
        slow = torch.cat([x[:, :, i : i + 1] for i in slow_frames(x.shape[2])], 2)
        fast = x
        for step in steps:
            slow, fast = step(slow, fast)
        return head(torch.cat([pool(slow), pool(fast)], 1).flatten(1))


def slow_frames(length: int) -> list[int]:
    """A quarter of the frames, evenly from the first to the last."""
    count = length // ALPHA
    return [i * (length - 1) // max(count - 1, 1) for i in range(count)]


def _stage(inputs: int, outputs: int, depth: int, temporal: int, stride: int) -> Stage:
    blocks = []
    for i in range(depth):
        step = stride if i == 0 else 1
        branch = Bottleneck(inputs, outputs, temporal, step)
        first = i == 0
        shortcut = nn.Conv3d(inputs, outputs, 1, (1, step, step), bias=False) if first else None
        blocks.append(ResBlock(branch, shortcut, nn.BatchNorm3d(outputs) if first else None))
        inputs = outputs
    return Stage(blocks)


ARCHITECTURES = (
    Architecture(
        "slowfast_r50", SlowFast, CLIP, 34_566_488, 65.7, "Feichtenhofer et al. 2019",
        "PyTorchVideo's SLOWFAST_8x8_R50", "blocks.6.proj.weight", KINETICS_CLASSES,
        ("slow=blocks.4.multipathway_blocks.0", "fast=blocks.4.multipathway_blocks.1"), ("cam",),
    ),
)  # fmt: skip
