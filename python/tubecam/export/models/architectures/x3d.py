"""X3D: one narrow network, expanded along time, space, width and depth.

Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020, with the
parameter names of PyTorchVideo's checkpoints.
"""

from __future__ import annotations

import torch
from torch import nn

from ...spec import ClipSpec
from .architecture import KINETICS_CLASSES, Architecture
from .pathway import ResBlock, Stage

WIDTHS, DEPTHS = (24, 48, 96, 192), (3, 5, 11, 7)
EXPANSION = 2.25
FEATURES = 2048


class SqueezeExcitation(nn.Module):
    """Gates each channel by a small network on the channels' means."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv3d(channels, reduced, 1),
            nn.ReLU(),
            nn.Conv3d(reduced, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.block(x.mean((2, 3, 4), keepdim=True))


def _reduced(channels: int) -> int:
    """A sixteenth, as a multiple of 8 that is not more than a tenth below it."""
    rounded = max(8, int(channels / 16 + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels / 16 else rounded


class Bottleneck(nn.Module):
    """1×1×1, channel-wise 3×3×3 with a gate, 1×1×1."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int, gated: bool) -> None:
        super().__init__()
        self.conv_a = nn.Conv3d(inputs, inner, 1, bias=False)
        self.norm_a = nn.BatchNorm3d(inner)
        self.conv_b = nn.Conv3d(inner, inner, 3, (1, stride, stride), 1, groups=inner, bias=False)
        gate = SqueezeExcitation(inner, _reduced(inner)) if gated else nn.Identity()
        self.norm_b = nn.Sequential(nn.BatchNorm3d(inner), gate)
        self.conv_c = nn.Conv3d(inner, outputs, 1, bias=False)
        self.norm_c = nn.BatchNorm3d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm_a(self.conv_a(x)))
        x = nn.functional.silu(self.norm_b(self.conv_b(x)))
        return self.norm_c(self.conv_c(x))


class Stem(nn.Module):
    """1×3×3 convolution, then 5×1×1 channel by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # PyTorchVideo's checkpoints name the spatial one conv_t and the temporal one conv_xy.
        self.conv = nn.ModuleDict(
            {
                "conv_t": nn.Conv3d(3, width, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
                "conv_xy": nn.Conv3d(
                    width, width, (5, 1, 1), 1, (2, 0, 0), groups=width, bias=False
                ),
            }
        )
        self.norm = nn.BatchNorm3d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv["conv_xy"](self.conv["conv_t"](x))))


class Pool(nn.Module):
    """Convolution, global average pool, convolution to the head's features."""

    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        self.pre_conv = nn.Conv3d(inputs, inner, 1, bias=False)
        self.pre_norm = nn.BatchNorm3d(inner)
        self.pre_act = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.post_conv = nn.Conv3d(inner, FEATURES, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pre_act(self.pre_norm(self.pre_conv(x)))
        return torch.relu(self.post_conv(self.pool(x)))


class Head(nn.Module):
    """Pool and linear."""

    def __init__(self, inputs: int, inner: int, classes: int) -> None:
        super().__init__()
        self.pool = Pool(inputs, inner)
        self.proj = nn.Linear(FEATURES, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(self.pool(x).flatten(1))


class X3D(nn.Module):
    """Stem, four stages, head. Takes [N, 3, T, H, W] float32 of any size from 1×33×33."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = WIDTHS[0]
        blocks: list[nn.Module] = [Stem(inputs)]
        for width, depth in zip(WIDTHS, DEPTHS):
            blocks.append(
                Stage([_block(inputs if i == 0 else width, width, i) for i in range(depth)])
            )
            inputs = width
        self.blocks = nn.ModuleList([*blocks, Head(inputs, int(EXPANSION * inputs), classes)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x


def _block(inputs: int, width: int, index: int) -> ResBlock:
    """Every other block is gated; the first of a stage halves height and width."""
    stride = 2 if index == 0 else 1
    branch = Bottleneck(inputs, int(EXPANSION * width), width, stride, index % 2 == 0)
    shortcut = nn.Conv3d(inputs, width, 1, (1, 2, 2), bias=False) if index == 0 else None
    norm = nn.BatchNorm3d(width) if inputs != width else None
    return ResBlock(branch, shortcut, norm)


def x3d(classes: int = KINETICS_CLASSES) -> X3D:
    """X3D-XS, -S and -M are this one network (3 794 274 parameters at 400 classes)."""
    return X3D(classes)


def _architecture(
    size: str, length: int, side: int, rate: float, short: int, gmac: float
) -> Architecture:
    clip = ClipSpec(length, side, side, rate, (0.45,) * 3, (0.225,) * 3, short_side=short)
    return Architecture(
        f"x3d_{size}", x3d, clip, 3_794_274, gmac, "Feichtenhofer 2020",
        f"PyTorchVideo's X3D_{size.upper()}", "blocks.5.proj.weight",
        excludes=("cam",),
    )  # fmt: skip


ARCHITECTURES = (
    _architecture("xs", 4, 160, 30 / 12, 182, 0.6),
    _architecture("s", 13, 160, 30 / 6, 182, 2.0),
    _architecture("m", 16, 224, 30 / 5, 256, 4.7),
)
