"""Convolutions and the blocks that are made of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .entry import CHANNELS, Apply, Entry, Residual, behind_stem, mean


def act(*layers: nn.Module) -> nn.Module:
    """Each layer followed by SiLU, which has no kinks."""
    return behind_stem(*(each for layer in layers for each in (layer, nn.SiLU())))


class Causal(nn.Module):
    """Padded in front alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(CHANNELS, CHANNELS, 3, 1, (0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 0, 0, 0, 2, 0)))


class SqueezeExcitation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool3d(1), nn.Conv3d(CHANNELS, 4, 1), nn.ReLU(),
            nn.Conv3d(4, CHANNELS, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class Inception(nn.Module):
    """Branches of several kernels and a pool, concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList([
            nn.Conv3d(CHANNELS, 2, 1), nn.Conv3d(CHANNELS, 2, 3, 1, 1),
            nn.Conv3d(CHANNELS, 2, (1, 5, 5), 1, (0, 2, 2)),
            nn.Sequential(nn.MaxPool3d(3, 1, 1), nn.Conv3d(CHANNELS, 2, 1)),
        ])  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.relu(branch(x), inplace=True) for branch in self.branches], dim=1)


class NonLocal(nn.Module):
    """Embedded Gaussian, with keys and values on a coarser grid (Wang et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv3d(CHANNELS, 4, 1) for _ in range(3))
        self.pool = nn.MaxPool3d((1, 2, 2))
        self.out = nn.Conv3d(4, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2).transpose(1, 2)
        key, value = self.pool(self.key(x)).flatten(2), self.pool(self.value(x)).flatten(2)
        attention = torch.matmul(query, key).softmax(-1)
        y = torch.matmul(attention, value.transpose(1, 2)).transpose(1, 2)
        return x + self.out(y.reshape(x.shape[0], 4, *x.shape[2:]))


class Dynamic(nn.Module):
    """Temporal kernels that are computed from the clip (TAM, Liu et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.Softmax(-1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, t, h, w = x.shape
        kernels = self.kernels(x.mean((3, 4)).reshape(n * c, t)).reshape(n * c, 1, 3, 1)
        y = F.conv2d(x.reshape(1, n * c, t, h * w), kernels, padding=(1, 0), groups=n * c)
        return y.reshape(n, c, t, h, w)


class Tied(nn.Module):
    """One convolution three times, and its kernel transposed once."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(CHANNELS, CHANNELS, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = torch.tanh(self.conv(x))
        return F.conv_transpose3d(x, self.conv.weight, padding=1)


class UNet(nn.Module):
    """Down and up again, with a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv3d(CHANNELS, 12, 3, 2, 1)
        self.up = nn.ConvTranspose3d(12, CHANNELS, (2, 4, 4), 2, (0, 1, 1))
        self.join = nn.Conv3d(2 * CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(torch.cat([x, torch.tanh(self.up(F.silu(self.down(x))))], 1))


def r2plus1d() -> nn.Module:
    return Residual(
        nn.Conv3d(8, 10, (1, 3, 3), 1, (0, 1, 1), bias=False), nn.BatchNorm3d(10), nn.ReLU(),
        nn.Conv3d(10, 8, (3, 1, 1), 1, (1, 0, 0), bias=False), nn.BatchNorm3d(8), nn.ReLU(),
    )  # fmt: skip


def channel_separated() -> nn.Module:
    return Residual(
        nn.Conv3d(8, 12, 1, bias=False), nn.BatchNorm3d(12), nn.ReLU(),
        nn.Conv3d(12, 12, 3, 1, 1, groups=12, bias=False), nn.BatchNorm3d(12), nn.ReLU(),
        nn.Conv3d(12, 8, 1, bias=False), nn.BatchNorm3d(8),
    )  # fmt: skip


def fully_convolutional() -> nn.Module:
    """The classifier is a convolution, averaged behind it."""
    return nn.Sequential(nn.Conv3d(3, 8, 3, (1, 2, 2), 1), nn.ReLU(), nn.Conv3d(8, 5, 1), mean())


ENTRIES = [
    Entry("strided", lambda: act(nn.Conv3d(8, 8, 3, 2, 1), nn.Conv3d(8, 8, 2))),
    Entry("grouped", lambda: act(nn.Conv3d(8, 8, 3, (2, 1, 2), 1, groups=4))),
    Entry(
        "depthwise",
        lambda: act(nn.Conv3d(8, 8, 3, (1, 2, 2), 1, groups=8), nn.Conv3d(8, 8, 3, 1, 1, groups=8)),
    ),
    Entry("dilated", lambda: act(nn.Conv3d(8, 8, 3, 1, (1, 2, 2), (1, 2, 2)))),
    Entry(
        "transposed", lambda: act(nn.ConvTranspose3d(8, 8, 3, 2, 1, (1, 0, 1)), nn.Conv3d(8, 8, 3))
    ),
    Entry(
        "transposed-grouped", lambda: act(nn.ConvTranspose3d(8, 8, (1, 2, 2), (1, 2, 2), groups=4))
    ),
    Entry("u-net", lambda: behind_stem(UNet())),
    Entry("causal", lambda: behind_stem(Causal(), nn.ReLU(), Causal())),
    Entry("same-padding", lambda: act(nn.Conv3d(8, 8, (2, 4, 3), padding="same"))),
    Entry("squeeze-excitation", lambda: act(nn.Conv3d(8, 8, 3, 1, 1), SqueezeExcitation())),
    Entry("inception", lambda: behind_stem(Inception(), Inception())),
    Entry("non-local", lambda: behind_stem(nn.ReLU(), NonLocal())),
    Entry("r2plus1d", lambda: behind_stem(r2plus1d(), r2plus1d())),
    Entry("channel-separated", lambda: behind_stem(channel_separated(), channel_separated())),
    Entry("dynamic-kernels", lambda: act(nn.Conv3d(8, 8, 3, 1, 1), Dynamic())),
    Entry("tied", lambda: behind_stem(Tied())),
    Entry(
        "dropped",
        lambda: behind_stem(
            nn.Conv3d(8, 8, 3, 1, 1),
            nn.Dropout3d(0.5),
            nn.ReLU(),
            nn.AlphaDropout(0.3),
            Apply(lambda x: F.dropout(x, 0.5, training=False)),
        ),
        notes="dropout in evaluation mode passes everything",
    ),
    Entry("fully-convolutional", fully_convolutional, layer="1"),
]
