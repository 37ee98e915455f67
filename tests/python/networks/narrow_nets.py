"""A small residual network and clips, for the tests of int8 and float16."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

CLIP = {"length": 8, "height": 24, "width": 32}
CLASSES = 4


class Residual(nn.Module):
    """Two blocks with a shortcut each, a max pool, a depthwise convolution; two kinds of head."""

    def __init__(self, pooled: bool = True) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(3, 8, 3, (1, 2, 2), 1, bias=False), nn.BatchNorm3d(8))
        self.one, self.two = nn.Conv3d(8, 8, 3, 1, 1), nn.Conv3d(8, 8, 3, 1, 1)
        self.norm = nn.BatchNorm3d(8)
        self.pool = nn.MaxPool3d((1, 2, 2))
        self.each = nn.Conv3d(8, 8, 3, 1, 1, groups=8)
        self.point = nn.Conv3d(8, 12, 1)
        self.hidden = nn.Linear(12 * 8 * 6 * 8, 10)
        self.fc = nn.Linear(12 if pooled else 10, CLASSES)
        self.pooled = pooled

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(self.norm(self.two(torch.relu(self.one(x)))) + x)
        x = self.pool(x)
        x = torch.relu(self.point(torch.relu(self.each(x) + x)))
        if self.pooled:
            return self.fc(x.mean((2, 3, 4)))
        return self.fc(torch.relu(self.hidden(x.flatten(1))))


def build(pooled: bool = True) -> Residual:
    torch.manual_seed(5)
    net = Residual(pooled)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.running_mean, 0, 0.3)
    return net.eval()


def by_gradient() -> Residual:
    return build(pooled=False)


def clips(count: int = 12, seed: int = 3) -> np.ndarray:
    """Smooth noise that moves, float32 [N, T, 3, H, W]."""
    random = np.random.default_rng(seed)
    length, height, width = CLIP["length"], CLIP["height"], CLIP["width"]
    made = []
    for _ in range(count):
        coarse = random.normal(size=(3, height // 4, width // 4)).repeat(4, 1).repeat(4, 2)
        made.append([np.roll(coarse, (t, 2 * t), (1, 2)) for t in range(length)])
    return np.asarray(made, np.float32)
