"""MoViNet-A0, the base form, which sees whole clips.

Kondratyuk et al., "MoViNets: Mobile Video Networks for Efficient Video Recognition", CVPR 2021,
with the parameter names of its common PyTorch port.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ...spec import ClipSpec
from .architecture import Architecture
from .same_padding import pad_same

KINETICS600_CLASSES = 600
CLIP = ClipSpec(50, 172, 172, 5.0, (0.0,) * 3, (1.0,) * 3, short_side=172)
HIDDEN = 2048


@dataclass(frozen=True)
class Layer:
    """A bottleneck: channels inside and after it, kernel in time and in space, spatial stride."""

    inner: int
    outputs: int
    temporal: int
    spatial: int
    stride: int = 1


A0 = (
    (Layer(24, 8, 1, 5, 2),),
    (Layer(80, 32, 3, 3, 2), Layer(80, 32, 3, 3), Layer(80, 32, 3, 3)),
    (Layer(184, 56, 5, 3, 2), Layer(112, 56, 3, 3), Layer(184, 56, 3, 3)),
    (Layer(184, 56, 5, 3), Layer(184, 56, 3, 3), Layer(184, 56, 3, 3), Layer(184, 56, 3, 3)),
    (
        Layer(384, 104, 5, 3, 2),
        Layer(280, 104, 1, 5),
        Layer(280, 104, 1, 5),
        Layer(344, 104, 1, 5),
    ),
)
STEM, LAST = 8, 480


class Convolution(nn.Module):
    """SAME padding in space, batch normalisation, activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        temporal: int = 1,
        spatial: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] | None = nn.SiLU,
    ) -> None:
        super().__init__()
        self.conv_1 = nn.Sequential()
        conv = nn.Conv3d(
            inputs, outputs, (temporal, spatial, spatial), (1, stride, stride),
            (temporal // 2, 0, 0), groups=groups, bias=activation is None,
        )  # fmt: skip
        nn.init.kaiming_normal_(conv.weight, mode="fan_out")
        self.conv_1.add_module("conv3d", conv)
        if activation is not None:
            self.conv_1.add_module("norm", nn.BatchNorm3d(outputs, eps=1e-3))
            self.conv_1.add_module("act", activation())
        self.window = ((1, spatial, spatial), (1, stride, stride))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv_1(pad_same(x, *self.window))


class SqueezeExcitation(nn.Module):
    """Gates each channel by a small network on the channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // 4
        reduced = max(8, (quarter + 4) // 8 * 8)
        reduced += 8 if reduced < 0.9 * quarter else 0
        self.fc1 = Convolution(channels, reduced, activation=None)
        self.fc2 = Convolution(reduced, channels, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.fc2(F.silu(self.fc1(x.mean((2, 3, 4), keepdim=True))))
        return torch.sigmoid(gate) * x


class SamePool(nn.Module):
    """3×3 average pool that halves height and width; what SAME padding adds does not count."""

    window = ((1, 3, 3), (1, 2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = torch.ones(1, 1, 1, *x.shape[3:], dtype=x.dtype, device=x.device)
        return self._pool(x) / self._pool(inside)

    def _pool(self, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool3d(pad_same(x, *self.window), *self.window)


class Bottleneck(nn.Module):
    """Expand, channel-wise convolution, gate, project; a shortcut beside it."""

    convolution: type[nn.Module] = Convolution
    gate: type[nn.Module] = SqueezeExcitation

    def __init__(self, inputs: int, layer: Layer) -> None:
        super().__init__()
        make, inner, outputs = self.convolution, layer.inner, layer.outputs
        self.expand = make(inputs, inner)
        self.deep = make(inner, inner, layer.temporal, layer.spatial, layer.stride, inner)
        self.se = self.gate(inner)
        self.project = make(inner, outputs, activation=nn.Identity)
        shortcut: list[nn.Module] = [SamePool()] if layer.stride > 1 else []
        if layer.stride > 1 or inputs != outputs:
            shortcut.append(make(inputs, outputs, activation=nn.Identity))
        self.res = nn.Sequential(*shortcut)
        # Trained from 0; random weights with 0 would leave every branch out.
        self.alpha = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.res(x) + self.alpha * self.project(self.se(self.deep(self.expand(x))))


class MoViNet(nn.Module):
    """Takes [N, 3, T, H, W] float32 in 0…1."""

    bottleneck: type[Bottleneck] = Bottleneck

    def __init__(self, classes: int) -> None:
        super().__init__()
        make = self.bottleneck.convolution
        self.conv1 = make(3, STEM, 1, 3, 2)
        self.blocks = nn.Sequential()
        inputs = STEM
        for i, block in enumerate(A0):
            for j, layer in enumerate(block):
                self.blocks.add_module(f"b{i}_l{j}", self.bottleneck(inputs, layer))
                inputs = layer.outputs
        self.conv7 = make(inputs, LAST)
        self.classifier = nn.Sequential(
            make(LAST, HIDDEN, activation=None),
            nn.SiLU(),
            nn.Dropout(0.2),
            make(HIDDEN, classes, activation=None),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv7(self.blocks(self.conv1(x)))
        return self.classifier(x.mean((2, 3, 4), keepdim=True)).flatten(1)


ARCHITECTURES = (
    Architecture(
        "movinet_a0", MoViNet, CLIP, 3_111_799, 2.63, "Kondratyuk et al. 2021",
        "the PyTorch port's modelA0_statedict", "classifier.3.conv_1.conv3d.weight",
        KINETICS600_CLASSES, excludes=("cam", "deconvolution", "guided-backprop"),
    ),
)  # fmt: skip
