"""One row of the zoo, and what its networks are built of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

CLASSES = 5
CHANNELS = 8  # of the trunk's volume
CLIP = (4, 16, 16)  # slices, height, width


@dataclass(frozen=True)
class Entry:
    """A tiny video network.

    Attributes
    ----------
    name : str
    make : callable
        Builds the module; :func:`zoo.network` seeds it and gives it parameters that matter.
    clip : (slices, height, width)
    layer : str
        The path of a module whose output descends from the clip's time, height and width,
        [1, C, t, h, w] or [T, C, h, w]; "" where no module gives such a tensor.
    time_first : bool
        It takes [N, T, C, H, W].
    head : str
        What it gives: ``logits``, ``log-softmax``, ``softmax``, ``sigmoid``, ``tuple``, ``dict``.
    notes : str
        What is hard about it.
    """

    name: str
    make: Callable[[], nn.Module]
    clip: tuple[int, int, int] = CLIP
    layer: str = "trunk"
    time_first: bool = False
    head: str = "logits"
    notes: str = ""

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """[1, T, 3, H, W], as the runtime gives clips."""
        length, height, width = self.clip
        return 1, length, 3, height, width


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class Residual(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def stem(channels: int = CHANNELS, stride: int = 2) -> nn.Module:
    """[N, 3, T, H, W] → [N, channels, T, H/stride, W/stride]."""
    return nn.Conv3d(3, channels, 3, (1, stride, stride), 1)


def mean() -> nn.Module:
    """[N, C, t, h, w] → [N, C]."""
    return nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())


def behind_stem(
    *layers: nn.Module,
    pool: nn.Module | None = None,
    features: int = CHANNELS,
    head: nn.Module | None = None,
) -> nn.Module:
    """stem → trunk (the layers) → pool → linear head: what most rows need."""
    return nn.Sequential(
        OrderedDict(
            stem=stem(),
            trunk=nn.Sequential(*layers),
            pool=pool or mean(),
            fc=head or nn.Linear(features, CLASSES),
        )
    )


def before_pool(pool: nn.Module, features: int = CHANNELS) -> nn.Module:
    """A convolution with a smooth activation, a pool of its own, a linear head."""
    return behind_stem(
        nn.SiLU(), nn.Conv3d(CHANNELS, CHANNELS, 3, 1, 1), pool=pool, features=features
    )


class Frames(nn.Module):
    """Time folded into the batch: [N, C, T, H, W] → layers of pictures → [N, C', T, h, w]."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.pictures = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, t, h, w = x.shape
        y = self.pictures(x.transpose(1, 2).reshape(n * t, channels, h, w))
        return y.reshape(n, t, *y.shape[1:]).transpose(1, 2)


def seeded(make: Callable[[], nn.Module], seed: int = 5) -> nn.Module:
    """In evaluation mode; what begins as zero or one (biases, scales, statistics) is moved."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.is_floating_point() and float(parameter.std(correction=0)) == 0:
                    parameter.add_(0.3 * torch.randn_like(parameter))
            for name, buffer in model.named_buffers():
                if name.endswith("running_mean"):
                    buffer.normal_(0, 0.3)
                elif name.endswith("running_var"):
                    buffer.uniform_(0.5, 2)
    return model.requires_grad_(False)
