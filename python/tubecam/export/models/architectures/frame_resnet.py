"""A network that sees each frame alone: ResNet-18 per frame, the mean of the frames' logits.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with torchvision's parameter
names; the consensus is that of Wang et al., "Temporal Segment Networks", ECCV 2016.
"""

from __future__ import annotations

import torch
from torch import nn

from ...spec import ClipSpec
from .architecture import Architecture

IMAGENET_CLASSES = 1000
CLIP = ClipSpec(8, 224, 224, 4.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), short_side=256)
WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a residual connection."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + skip)


class FrameResNet(nn.Module):
    """Takes [N, 3, T, H, W] float32; frames are a batch, their logits are averaged."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = WIDTHS[0]
        for i, planes in enumerate(WIDTHS):
            stage = nn.Sequential(
                BasicBlock(inputs, planes, 1 if i == 0 else 2), BasicBlock(planes, planes, 1)
            )
            self.add_module(f"layer{i + 1}", stage)
            inputs = planes
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """[N, 3, T, H, W] → [N, T, 512], a vector a frame."""
        frames = x.transpose(1, 2).flatten(0, 1)
        y = self.maxpool(self.relu(self.bn1(self.conv1(frames))))
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        return self.avgpool(y).flatten(1).unflatten(0, (x.shape[0], x.shape[2]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(x)).mean(1)


ARCHITECTURES = (
    Architecture(
        "frame_resnet18", FrameResNet, CLIP, 11_689_512, 14.5, "He et al. 2016; Wang et al. 2016",
        "torchvision's resnet18", classes=IMAGENET_CLASSES,
    ),
)  # fmt: skip
