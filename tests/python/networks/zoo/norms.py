"""Normalisations, of values and of weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from .entry import CHANNELS, Apply, Entry, Residual, behind_stem

LAST = (0, 2, 3, 4, 1)  # channels behind time and space
FIRST = (0, 4, 1, 2, 3)


def permuted(order: tuple[int, ...]) -> nn.Module:
    return Apply(lambda x: x.permute(order))


def conv(**options: object) -> nn.Module:
    return nn.Conv3d(CHANNELS, CHANNELS, 3, 1, 1, **options)


def normalised(norm: nn.Module) -> nn.Module:
    return behind_stem(conv(), norm, nn.ReLU(), conv())


class ConvNeXt(nn.Module):
    """Depthwise convolution, LayerNorm and linear layers with channels last, layer scale."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv3d(CHANNELS, CHANNELS, (3, 7, 7), 1, (1, 3, 3), groups=CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(CHANNELS, 16), nn.GELU(), nn.Linear(16, CHANNELS))
        self.scale = nn.Parameter(torch.ones(CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(LAST))
        return x + (self.scale * self.mlp(y)).permute(FIRST)


class ChannelsFirst(nn.Module):
    """ConvNeXt's LayerNorm over channels of [N, C, …], written out."""

    def __init__(self, centred: bool) -> None:
        super().__init__()
        self.centred = centred
        self.weight = nn.Parameter(torch.ones(CHANNELS, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.centred:
            x = x - x.mean(1, keepdim=True)
        return self.weight * x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6)


class ResponseNorm(nn.Module):
    """Global response normalisation (ConvNeXt V2): norms over time and space."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(1, CHANNELS, 1, 1, 1))
        self.shift = nn.Parameter(torch.zeros(1, CHANNELS, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        size = torch.norm(x, p=2, dim=(2, 3, 4), keepdim=True)
        return self.gain * (x * (size / (size.mean(1, keepdim=True) + 1e-6))) + self.shift + x


class Standardised(nn.Conv3d):
    """Weight standardisation, in the forward pass."""

    def forward(self, x: Tensor) -> Tensor:
        deviation, average = torch.std_mean(self.weight, (1, 2, 3, 4), keepdim=True)
        weight = (self.weight - average) / (deviation + 1e-5)
        return F.conv3d(x, weight, self.bias, self.stride, self.padding)


ENTRIES = [
    Entry("group-norm", lambda: normalised(nn.GroupNorm(2, CHANNELS))),
    Entry("layer-norm", lambda: normalised(nn.LayerNorm([CHANNELS, 4, 8, 8]))),
    Entry("layer-norm-channels-last", lambda: behind_stem(ConvNeXt(), ConvNeXt())),
    Entry("layer-norm-channels-first", lambda: normalised(ChannelsFirst(True))),
    Entry("instance-norm", lambda: normalised(nn.InstanceNorm3d(CHANNELS))),
    Entry("instance-norm-affine", lambda: normalised(nn.InstanceNorm3d(CHANNELS, affine=True))),
    Entry(
        "instance-norm-tracked",
        lambda: normalised(nn.InstanceNorm3d(CHANNELS, affine=True, track_running_stats=True)),
        notes="statistics are constants, as in BatchNorm",
    ),
    Entry(
        "rms-norm",
        lambda: normalised(nn.Sequential(permuted(LAST), nn.RMSNorm(CHANNELS), permuted(FIRST))),
    ),
    Entry("rms-norm-by-hand", lambda: normalised(ChannelsFirst(False))),
    Entry("batch-norm", lambda: normalised(nn.BatchNorm3d(CHANNELS))),
    Entry(
        "batch-norm-without-statistics",
        lambda: normalised(nn.BatchNorm3d(CHANNELS, track_running_stats=False)),
        notes="takes those of the clip, in evaluation mode too",
    ),
    Entry("global-response-norm", lambda: normalised(ResponseNorm())),
    Entry("local-response-norm", lambda: normalised(nn.LocalResponseNorm(3))),
    Entry("weight-standardised", lambda: normalised(Standardised(CHANNELS, CHANNELS, 3, 1, 1))),
    Entry("weight-norm", lambda: normalised(weight_norm(conv()))),
    Entry("weight-norm-parametrised", lambda: normalised(parametrizations.weight_norm(conv()))),
    Entry("spectral-norm", lambda: normalised(spectral_norm(conv()))),
    Entry("spectral-norm-parametrised", lambda: normalised(parametrizations.spectral_norm(conv()))),
    Entry(
        "residual-pre-norm",
        lambda: behind_stem(
            Residual(nn.GroupNorm(1, CHANNELS), nn.ReLU(), conv()),
            Residual(nn.GroupNorm(1, CHANNELS), nn.ReLU(), conv()),
        ),
    ),
]
