"""Pools, sliding and global."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .entry import CHANNELS, CLASSES, Apply, Entry, Frames, before_pool, behind_stem, mean, stem


def flat(pool: nn.Module) -> nn.Module:
    return nn.Sequential(pool, nn.Flatten())


class GeM(nn.Module):
    """Generalised mean with an exponent that was learnt (Radenović et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([3.0]))

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=1e-4).pow(self.p).mean((2, 3, 4)).pow(1.0 / self.p)


class AttentionPool(nn.Module):
    """Softmax weights over all cells."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv3d(CHANNELS, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(self.score(x).flatten(2), -1)
        return (x.flatten(2) * weights).sum(-1)


class Cosine(nn.Module):
    """Features and classes on the unit sphere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(CLASSES, CHANNELS))
        self.scale = nn.Parameter(torch.tensor(8.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * F.linear(F.normalize(x, dim=1), F.normalize(self.weight, dim=1))


def slid(pool: nn.Module) -> nn.Module:
    """A sliding pool between two convolutions."""
    return behind_stem(nn.SiLU(), pool, nn.Conv3d(CHANNELS, CHANNELS, 3, 1, 1))


GLOBAL = {
    "max-over-everything": lambda x: x.amax((2, 3, 4)),
    "max-over-time": lambda x: x.mean((3, 4)).max(2).values,
    "adaptive-max-of-one-cell": lambda x: F.adaptive_max_pool3d(x, 1).flatten(1),
    "mean-and-max": lambda x: x.mean((2, 3, 4)) + 0.5 * x.flatten(2).max(-1)[0],
    "logsumexp": lambda x: torch.logsumexp(x.flatten(2), -1),
    "standard-deviation": lambda x: x.std((2, 3, 4)) + x.mean((2, 3, 4)),
    "variance": lambda x: x.flatten(2).var(-1, unbiased=False),
    "two-norm": lambda x: x.flatten(2).norm(dim=-1),
    "one-norm": lambda x: torch.linalg.vector_norm(x.flatten(2), ord=1, dim=-1),
    "running-mean": lambda x: (x.mean((3, 4)).cumsum(2) / 3).tanh().mean(2),
    "soft-maximum": lambda x: (x.flatten(2) * (4 * x.flatten(2)).softmax(-1)).sum(-1),
    "bilinear": lambda x: torch.einsum("ncp,np->nc", x.flatten(2), x.flatten(2).mean(1)),
}

ENTRIES = [
    Entry(
        "adaptive-average", lambda: before_pool(flat(nn.AdaptiveAvgPool3d((2, 2, 2))), 8 * CHANNELS)
    ),
    Entry(
        "adaptive-average-uneven",
        lambda: before_pool(flat(nn.AdaptiveAvgPool3d((3, 5, 3))), 45 * CHANNELS),
        notes="cells that overlap",
    ),
    Entry(
        "adaptive-max-3d", lambda: before_pool(flat(nn.AdaptiveMaxPool3d((2, 4, 2))), 16 * CHANNELS)
    ),
    Entry(
        "adaptive-max-3d-uneven",
        lambda: before_pool(flat(nn.AdaptiveMaxPool3d((3, 3, 5))), 45 * CHANNELS),
    ),
    Entry(
        "adaptive-max-2d",
        lambda: nn.Sequential(
            stem(),
            Frames(nn.Conv2d(CHANNELS, CHANNELS, 3), nn.SiLU(), nn.AdaptiveMaxPool2d((2, 3))),
            nn.Flatten(),
            nn.Linear(CHANNELS * 4 * 6, CLASSES),
        ),
        layer="0",
    ),
    Entry(
        "adaptive-average-2d",
        lambda: nn.Sequential(
            stem(),
            Frames(nn.Conv2d(CHANNELS, CHANNELS, 3), nn.SiLU(), nn.AdaptiveAvgPool2d((4, 2))),
            nn.Flatten(),
            nn.Linear(CHANNELS * 4 * 8, CLASSES),
        ),
        layer="0",
    ),
    Entry("power-average", lambda: slid(nn.LPPool3d(2, 2)), notes="LPPool"),
    Entry("power-average-2d", lambda: slid(Frames(nn.Softplus(), nn.LPPool2d(3, (2, 2))))),
    Entry("generalised-mean", lambda: before_pool(GeM()), notes="GeM, clamp and pow"),
    Entry("attention-pool", lambda: before_pool(AttentionPool())),
    Entry(
        "cosine-classifier", lambda: nn.Sequential(stem(), nn.ReLU(), mean(), Cosine()), layer="1"
    ),
    Entry("max-pool", lambda: slid(nn.MaxPool3d(3, (1, 2, 2), 1))),
    Entry("max-pool-ceil", lambda: slid(nn.MaxPool3d((2, 3, 3), (2, 2, 2), ceil_mode=True))),
    Entry("max-pool-dilated", lambda: slid(nn.MaxPool3d(2, 2, dilation=(1, 2, 2)))),
    Entry("max-pool-2d", lambda: slid(Frames(nn.MaxPool2d(3, 2, 1, ceil_mode=True)))),
    Entry("average-ceil", lambda: slid(nn.AvgPool3d(3, 2, 1, ceil_mode=True))),
    Entry(
        "average-without-padding",
        lambda: slid(nn.AvgPool3d(3, 2, 1, ceil_mode=True, count_include_pad=False)),
    ),
    Entry("average-divisor", lambda: slid(nn.AvgPool3d(2, 1, divisor_override=5))),
    Entry("average-2d", lambda: slid(Frames(nn.AvgPool2d(3, 2, 1, count_include_pad=False)))),
    Entry(
        "max-pool-1d",
        lambda: nn.Sequential(
            stem(),
            nn.SiLU(),
            Apply(lambda x: x.mean((3, 4))),
            nn.MaxPool1d(2),
            nn.Conv1d(CHANNELS, CHANNELS, 2),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(CHANNELS, CLASSES),
        ),
        layer="1",
    ),
    *(Entry(name, lambda f=function: before_pool(Apply(f))) for name, function in GLOBAL.items()),
]
