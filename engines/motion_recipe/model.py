"""The demo's network: a small 3D CNN whose head is global average pool + linear.

The head makes Grad-CAM exact without a backward pass: each class's logit is a mean over the last
layer's cells (Zhou et al., "Learning Deep Features for Discriminative Localization", eq. 2).
"""

from __future__ import annotations

import torch
from torch import nn

CLIP = {
    "length": 16,
    "height": 72,
    "width": 128,
    "sample_fps": 15.0,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "color": "RGB",
    "resize": {"rule": "stretch"},
}


def _block(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> nn.Sequential:
    # Kernel and stride are both odd or both even, so a layer's cells lie symmetrically in the clip.
    padding = tuple((k - s + 1) // 2 for k, s in zip(kernel, stride))
    conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


class MotionNet(nn.Module):
    """Takes clips [N, T, 3, H, W], gives logits [N, K]; explained layer `features`.

    For 16×72×128 the explained layer is 4×9×16 cells: one cell every 4 slices and 8 pixels.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(3, 12, (1, 4, 4), (1, 2, 2)),
            _block(12, 24, (4, 4, 4), (2, 2, 2)),
            _block(24, 48, (3, 4, 4), (1, 2, 2)),
            _block(48, 64, (4, 3, 3), (2, 1, 1)),
            _block(64, 64, (3, 3, 3), (1, 1, 1)),
        )
        self.head = nn.Linear(64, classes)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(clip.transpose(1, 2)).mean((2, 3, 4)))
