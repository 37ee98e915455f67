"""I3D: Inception-v1 inflated into time.

Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, with the parameter names of its
common PyTorch port (``Conv3d_1a_7x7.conv3d.weight``, ``Mixed_3b.b1a.bn.weight``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from ...spec import ClipSpec, FlowSpec
from .architecture import KINETICS_CLASSES, Architecture
from .same_padding import pad_same

CLIP = ClipSpec(16, 224, 224, 25.0, (0.5,) * 3, (0.5,) * 3, short_side=256)
# Channels of the branches: 1×1×1; 1×1×1 → 3×3×3; 1×1×1 → 3×3×3; pool → 1×1×1.
MIXED: dict[str, tuple[int, tuple[int, ...]]] = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}


class Unit(nn.Module):
    """Convolution with SAME padding, batch normalisation and ReLU; or with a bias alone."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Sequence[int] = (1, 1, 1),
        stride: Sequence[int] = (1, 1, 1),
        final: bool = False,
    ) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, tuple(kernel), tuple(stride), bias=final)
        self.bn = None if final else nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv3d(pad_same(x, self.conv3d.kernel_size, self.conv3d.stride))
        return x if self.bn is None else torch.relu(self.bn(x))


class SamePool(nn.Module):
    """Max pool with SAME padding; its input is never negative, so zeros cannot win."""

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.pool = nn.MaxPool3d(kernel, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(pad_same(x, self.pool.kernel_size, self.pool.stride))


class Mixed(nn.Module):
    """An Inception module: four branches, concatenated."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.b0 = Unit(inputs, widths[0])
        self.b1a = Unit(inputs, widths[1])
        self.b1b = Unit(widths[1], widths[2], (3, 3, 3))
        self.b2a = Unit(inputs, widths[3])
        self.b2b = Unit(widths[3], widths[4], (3, 3, 3))
        self.b3a = SamePool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(inputs, widths[5])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x)))
        return torch.cat(branches, 1)


class I3D(nn.Module):
    """Takes [N, channels, T, H, W] float32 in −1…1, H and W at least 193; T at least 9.

    Logits are the mean over the places that the 2×7×7 average pool gives.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(channels, 64, (7, 7, 7), (2, 2, 2))
        self.MaxPool3d_2a_3x3 = SamePool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64)
        self.Conv3d_2c_3x3 = Unit(64, 192, (3, 3, 3))
        self.MaxPool3d_3a_3x3 = SamePool((1, 3, 3), (1, 2, 2))
        for name, (inputs, widths) in MIXED.items():
            if name == "Mixed_4b":
                self.MaxPool3d_4a_3x3 = SamePool((3, 3, 3), (2, 2, 2))
            if name == "Mixed_5b":
                self.MaxPool3d_5a_2x2 = SamePool((2, 2, 2), (2, 2, 2))
            self.add_module(name, Mixed(inputs, widths))
        self.avg_pool = nn.AvgPool3d((2, 7, 7), stride=1)
        self.logits = Unit(1024, classes, final=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name, module in self.named_children():
            if name not in ("avg_pool", "logits"):
                x = module(x)
        return self.logits(self.avg_pool(x)).mean((2, 3, 4))


class FlowI3D(I3D):
    """The stream of optical flow: takes [N, 5, T, H, W] and sees the T − 1 flows alone."""

    def __init__(self, classes: int) -> None:
        super().__init__(2, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x[:, 3:, :-1])


ARCHITECTURES = (
    Architecture(
        "i3d", partial(I3D, 3), CLIP, 12_697_264, 27.8, "Carreira and Zisserman 2017",
        "the PyTorch port's rgb_imagenet and rgb_charades", "logits.conv3d.weight",
        KINETICS_CLASSES,
    ),
    Architecture(
        "i3d_flow", FlowI3D, replace(CLIP, length=17, flow=FlowSpec(20.0, 0.05)), 12_675_312, 25.6,
        "Carreira and Zisserman 2017", "the PyTorch port's flow_imagenet and flow_charades",
        "logits.conv3d.weight", KINETICS_CLASSES,
    ),
)  # fmt: skip
