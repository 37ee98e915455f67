"""The visual path of LR-ASD (Liao et al. 2023), an active-speaker network with published weights.

Blocks of factorised 3-D convolutions on grey faces of 112×112 pixels at 25 slices a second. The
network answers for each slice; here for the clip's middle one.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

DATA = Path(os.environ.get("TUBECAM_REAL_DATA", "no-real-data"))
WEIGHTS = DATA / "weights" / "lr_asd" / "pretrain_AVA.model"
GREY = (0.299, 0.587, 0.114)


def _convolution(inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int = 1):
    padding = tuple(k // 2 for k in kernel)
    return nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), padding, bias=False)


class Block(nn.Module):
    """5×5 and 3×3 in space, then 5 and 3 in time."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        half = outputs // 2
        self.s_1 = _convolution(inputs, half, (1, 5, 5), stride)
        self.s_norm_1 = nn.BatchNorm3d(half, eps=1e-3)
        self.s_2 = _convolution(half, outputs, (1, 3, 3))
        self.s_norm_2 = nn.BatchNorm3d(outputs, eps=1e-3)
        self.t_1 = _convolution(outputs, outputs, (5, 1, 1))
        self.t_norm_1 = nn.BatchNorm3d(outputs, eps=1e-3)
        self.t_2 = _convolution(outputs, outputs, (3, 1, 1))
        self.t_norm_2 = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.s_norm_1(self.s_1(x)))
        x = torch.relu(self.s_norm_2(self.s_2(x)))
        x = torch.relu(self.t_norm_1(self.t_1(x)))
        return torch.relu(self.t_norm_2(self.t_2(x)))


class ActiveSpeaker(nn.Module):
    """Takes [N, 3, T, 112, 112] RGB, gives the middle slice's logits [N, 2]: silent, speaking."""

    def __init__(self) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = Block(1, 32, 2), Block(32, 64), Block(64, 128)
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.FC = nn.Linear(128, 2)
        self.register_buffer("grey", torch.tensor(GREY).reshape(1, 3, 1, 1, 1))

    def slices(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [N, T, 2] of every slice."""
        x = (x * self.grey).sum(1, keepdim=True)
        x = self.block3(self.pool(self.block2(self.pool(self.block1(x)))))
        return self.FC(x.amax((3, 4)).transpose(1, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.slices(x)
        return logits[:, logits.shape[1] // 2]


def build() -> ActiveSpeaker:
    """With the published weights, of which the audio path's are left out."""
    state = torch.load(WEIGHTS, map_location="cpu", weights_only=True)
    model = ActiveSpeaker()
    prefixes = ("model.visualEncoder.", "lossV.")
    ours = {k.removeprefix(p): v for p in prefixes for k, v in state.items() if k.startswith(p)}
    model.load_state_dict({**ours, "grey": model.grey})
    return model.eval()
