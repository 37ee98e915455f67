"""Video ResNets in plain torch, with the parameter names of torchvision's published checkpoints.

Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018.
"""

from __future__ import annotations

import torch
from torch import nn

from ...spec import ClipSpec
from .architecture import KINETICS_CLASSES, Architecture

CLIP = ClipSpec(16, 112, 112, 15.0, (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))


class Conv3DSimple(nn.Conv3d):
    """3×3×3 convolution; strides shrink time and space alike."""

    def __init__(self, inputs: int, outputs: int, middle: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, 1, bias=False)

    @staticmethod
    def skip_stride(stride: int) -> tuple[int, int, int]:
        return stride, stride, stride


class Conv3DNoTemporal(nn.Conv3d):
    """1×3×3 convolution; time is never mixed nor shrunk."""

    def __init__(self, inputs: int, outputs: int, middle: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)

    @staticmethod
    def skip_stride(stride: int) -> tuple[int, int, int]:
        return 1, stride, stride


class Conv2Plus1D(nn.Sequential):
    """Spatial, then temporal convolution, with `middle` channels between them."""

    def __init__(self, inputs: int, outputs: int, middle: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv3d(inputs, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
            nn.BatchNorm3d(middle),
            nn.ReLU(inplace=True),
            nn.Conv3d(middle, outputs, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
        )

    skip_stride = staticmethod(Conv3DSimple.skip_stride)


ConvMaker = type[Conv3DSimple] | type[Conv3DNoTemporal] | type[Conv2Plus1D]


class BasicBlock(nn.Module):
    """Two convolutions with a residual connection.

    The middle width of (2+1)D convolutions keeps the parameter count of the full 3-D ones (Tran et
    al., section 3.5); both convolutions of a block use the first one's.
    """

    def __init__(self, inputs: int, planes: int, make: ConvMaker, stride: int) -> None:
        super().__init__()
        middle = (inputs * planes * 27) // (inputs * 9 + 3 * planes)
        self.conv1 = nn.Sequential(
            make(inputs, planes, middle, stride), nn.BatchNorm3d(planes), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(make(planes, planes, middle), nn.BatchNorm3d(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != planes:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, planes, 1, make.skip_stride(stride), bias=False),
                nn.BatchNorm3d(planes),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv2(self.conv1(x)) + skip)


def basic_stem() -> nn.Sequential:
    """3×7×7 convolution that halves height and width."""
    return nn.Sequential(
        nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False),
        nn.BatchNorm3d(64),
        nn.ReLU(inplace=True),
    )


def r2plus1d_stem() -> nn.Sequential:
    """The same field as :func:`basic_stem`, factored into space and time."""
    return nn.Sequential(
        nn.Conv3d(3, 45, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
        nn.BatchNorm3d(45),
        nn.ReLU(inplace=True),
        nn.Conv3d(45, 64, (3, 1, 1), 1, (1, 0, 0), bias=False),
        nn.BatchNorm3d(64),
        nn.ReLU(inplace=True),
    )


class VideoResNet(nn.Module):
    """Stem, four stages of two blocks, global average pool, linear head.

    Takes [N, 3, T, H, W] float32, gives logits [N, classes].
    """

    def __init__(self, stem: nn.Module, makers: list[ConvMaker], classes: int) -> None:
        super().__init__()
        self.stem = stem
        widths = (64, 64, 128, 256, 512)
        for i, make in enumerate(makers):
            stage = nn.Sequential(
                BasicBlock(widths[i], widths[i + 1], make, stride=1 if i == 0 else 2),
                BasicBlock(widths[i + 1], widths[i + 1], make, stride=1),
            )
            self.add_module(f"layer{i + 1}", stage)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(widths[-1], classes)
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(self.avgpool(x).flatten(1))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


def r3d_18(classes: int = KINETICS_CLASSES) -> VideoResNet:
    """ResNet-18 with 3-D convolutions throughout (33 371 472 parameters at 400 classes)."""
    return VideoResNet(basic_stem(), [Conv3DSimple] * 4, classes)


def mc3_18(classes: int = KINETICS_CLASSES) -> VideoResNet:
    """3-D stem and first stage, 2-D after them (11 695 440 parameters at 400 classes)."""
    return VideoResNet(basic_stem(), [Conv3DSimple] + [Conv3DNoTemporal] * 3, classes)


def r2plus1d_18(classes: int = KINETICS_CLASSES) -> VideoResNet:
    """Factored (2+1)D convolutions (31 505 325 parameters at 400 classes)."""
    return VideoResNet(r2plus1d_stem(), [Conv2Plus1D] * 4, classes)


_PAPER = "Tran et al. 2018"
_CHECKPOINTS = "torchvision's r3d_18, mc3_18 and r2plus1d_18"
ARCHITECTURES = (
    Architecture("r3d_18", r3d_18, CLIP, 33_371_472, 40.7, _PAPER, _CHECKPOINTS),
    Architecture("mc3_18", mc3_18, CLIP, 11_695_440, 43.3, _PAPER, _CHECKPOINTS),
    Architecture("r2plus1d_18", r2plus1d_18, CLIP, 31_505_325, 40.5, _PAPER, _CHECKPOINTS),
)
