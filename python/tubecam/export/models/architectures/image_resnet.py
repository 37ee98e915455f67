"""ResNet-50 on single pictures, for streams that see one picture or one stack of flow at a time.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with torchvision's parameter
names (the stride is that of the 3×3 convolution).
"""

from __future__ import annotations

import torch
from torch import nn

DEPTHS = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions with a residual connection."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * EXPANSION
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + skip)


class Volume(nn.Module):
    """Pictures of a batch, [N·t, C, h, w], back in time: [N, C, t, h, w]."""

    def forward(self, x: torch.Tensor, pictures: int) -> torch.Tensor:
        return x.unflatten(0, (-1, pictures)).transpose(1, 2)


class ImageResNet50(nn.Module):
    """Takes [N, channels, t, H, W]: t pictures, each seen alone; the mean of their logits.

    `volume` is the last tensor before pooling, [N, 2048, t, h, w].
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for i, (planes, depth) in enumerate(zip(WIDTHS, DEPTHS)):
            blocks = []
            for j in range(depth):
                blocks.append(Bottleneck(inputs, planes, 2 if i > 0 and j == 0 else 1))
                inputs = planes * EXPANSION
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.volume = Volume()
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pictures = x.transpose(1, 2).flatten(0, 1)
        y = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        return self.fc(self.volume(y, x.shape[2]).mean((2, 3, 4)))
