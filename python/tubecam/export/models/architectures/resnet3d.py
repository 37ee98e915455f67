"""3-D ResNets with a 7×7×7 stem and a max pool, and the parameter names of the 3D-ResNets project.

Hara et al., "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?", CVPR 2018.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from ...spec import ClipSpec
from .architecture import Architecture

KINETICS700_CLASSES = 700
CLIP = ClipSpec(16, 112, 112, 25.0, (0.4345, 0.4051, 0.3775), (0.2768, 0.2713, 0.2737))
WIDTHS = (64, 128, 256, 512)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv3d:
    return nn.Conv3d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class BasicBlock(nn.Module):
    """Two 3×3×3 convolutions with a residual connection."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, planes, 3, stride)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = _convolution(planes, planes, 3)
        self.bn2 = nn.BatchNorm3d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, planes, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + skip)


class Bottleneck(nn.Module):
    """1×1×1, 3×3×3 and 1×1×1 convolutions with a residual connection."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = _convolution(inputs, planes, 1)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = _convolution(planes, planes, 3, stride)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = _convolution(planes, outputs, 1)
        self.bn3 = nn.BatchNorm3d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + skip)


Block = type[BasicBlock] | type[Bottleneck]


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(_convolution(inputs, outputs, 1, stride), nn.BatchNorm3d(outputs))


class ResNet3D(nn.Module):
    """Stem, max pool, four stages, global average pool, linear head."""

    def __init__(self, block: Block, depths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, 2, 1)
        inputs = WIDTHS[0]
        for i, (planes, depth) in enumerate(zip(WIDTHS, depths)):
            blocks = []
            for j in range(depth):
                blocks.append(block(inputs, planes, 2 if i > 0 and j == 0 else 1))
                inputs = planes * block.expansion
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _architecture(
    depth: int, block: Block, depths: tuple[int, ...], parameters: int, gmac: float
) -> Architecture:
    return Architecture(
        f"resnet3d_{depth}", partial(ResNet3D, block, depths), CLIP, parameters, gmac,
        "Hara et al. 2018", f"the 3D-ResNets project's r3d{depth}", classes=KINETICS700_CLASSES,
    )  # fmt: skip


ARCHITECTURES = (
    _architecture(18, BasicBlock, (2, 2, 2, 2), 33_563_004, 8.3),
    _architecture(34, BasicBlock, (3, 4, 6, 3), 63_872_636, 12.7),
    _architecture(50, Bottleneck, (3, 4, 6, 3), 47_633_276, 10.1),
)
