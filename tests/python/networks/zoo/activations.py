"""Activations: smooth ones, and those with kinks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .entry import CHANNELS, Apply, Entry, behind_stem


def activated(activation: nn.Module, channels: int = CHANNELS) -> nn.Module:
    return behind_stem(
        nn.Conv3d(CHANNELS, CHANNELS, 3, 1, 1), activation, nn.Conv3d(channels, CHANNELS, 3, 1, 1)
    )


class InPlace(nn.Module):
    """Activations that write over what they read, around a sum that does, too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv3d(CHANNELS, CHANNELS, 3, 1, 1) for _ in range(2))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.first(x))
        y = self.second(y)
        y += x
        return self.relu(y).mul_(2).sub_(0.1).clamp_(min=-0.05)


class Gate(nn.Module):
    """Half of the channels open the other half."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, 1)
        return value * torch.sigmoid(gate) * torch.tanh(gate)


FUNCTIONS = {
    "prelu": lambda: nn.PReLU(CHANNELS),
    "prelu-shared": nn.PReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.1),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": lambda: nn.CELU(0.7),
    "gelu": nn.GELU,
    "gelu-tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": lambda: nn.SiLU(inplace=True),
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "hardtanh": nn.Hardtanh,
    "relu6": nn.ReLU6,
    "clamp-at-zero": lambda: Apply(lambda x: x.clamp(min=0)),
    "clamp-both-ends": lambda: Apply(lambda x: torch.clamp(x, -0.3, 0.5)),
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "log-sigmoid": nn.LogSigmoid,
    "threshold": lambda: nn.Threshold(0.1, 0.0),
    "hardshrink": lambda: nn.Hardshrink(0.2),
    "softshrink": lambda: nn.Softshrink(0.2),
    "tanhshrink": nn.Tanhshrink,
    "absolute": lambda: Apply(torch.abs),
    "squared-relu": lambda: Apply(lambda x: torch.relu(x).square()),
    "signed-root": lambda: Apply(lambda x: torch.sign(x) * torch.sqrt(x.abs() + 1e-3)),
    "log-exp": lambda: Apply(lambda x: torch.log1p(torch.exp(-x.square())) + torch.expm1(x / 4)),
    "sine": lambda: Apply(lambda x: torch.sin(x) + 0.5 * torch.cos(2 * x)),
    "erf-arctangent": lambda: Apply(lambda x: torch.erf(x) + torch.atan(x)),
    "reciprocal": lambda: Apply(lambda x: 1 / (1 + x.square()) - (2 + x.square()).reciprocal()),
    "maximum-minimum": lambda: Apply(
        lambda x: torch.maximum(x, 0.5 * x.flip(1)) + torch.minimum(x, x.roll(1, 1))
    ),
}

ENTRIES = [
    *(Entry(name, lambda make=make: activated(make())) for name, make in FUNCTIONS.items()),
    Entry(
        "glu",
        lambda: behind_stem(
            nn.Conv3d(CHANNELS, 2 * CHANNELS, 3, 1, 1), nn.GLU(1), nn.Conv3d(CHANNELS, CHANNELS, 1)
        ),
    ),
    Entry(
        "gated",
        lambda: behind_stem(
            nn.Conv3d(CHANNELS, 2 * CHANNELS, 3, 1, 1), Gate(), nn.Conv3d(CHANNELS, CHANNELS, 1)
        ),
    ),
    Entry("in-place", lambda: behind_stem(InPlace(), InPlace())),
]
