"""LRCN: an image network's features a frame, an LSTM over them, the mean of the steps' logits.

Donahue et al., "Long-term Recurrent Convolutional Networks for Visual Recognition and Description",
CVPR 2015; with ResNet-18 in the place of their CaffeNet.
"""

from __future__ import annotations

import torch
from torch import nn

from ...spec import ClipSpec
from .architecture import Architecture
from .frame_resnet import WIDTHS, FrameResNet

UCF101_CLASSES = 101
HIDDEN = 256
CLIP = ClipSpec(16, 112, 112, 15.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), short_side=128)


class LRCN(nn.Module):
    """Takes [N, 3, T, H, W] float32."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.cnn = FrameResNet(1)
        self.cnn.fc = nn.Identity()  # its logits have no use here, and no parameters
        self.lstm = nn.LSTM(WIDTHS[-1], HIDDEN, batch_first=True)
        self.fc = nn.Linear(HIDDEN, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps, _ = self.lstm(self.cnn.features(x))
        return self.fc(steps).mean(1)


ARCHITECTURES = (
    Architecture(
        "lrcn_resnet18", LRCN, CLIP, 11_990_949, 7.8, "Donahue et al. 2015",
        "none: its CNN takes torchvision's resnet18 as `cnn.`", classes=UCF101_CLASSES,
        excludes=("cam",),
    ),
)  # fmt: skip
