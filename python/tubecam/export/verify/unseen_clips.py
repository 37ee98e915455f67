"""Clips that a graph was not traced with."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..trace.model_input import without_last_flow


def unseen_clips(shape: tuple[int, ...], seed: int) -> Iterator[Tensor]:
    """Clips [1, T, 3, H, W]: noise, a moving blob, a gradient in time, and more of the like."""
    random = torch.Generator().manual_seed(seed + 7919)
    _, length, _, height, width = shape
    t = torch.linspace(0, 1, length)[:, None, None]
    y = torch.linspace(0, 1, height)[None, :, None]
    x = torch.linspace(0, 1, width)[None, None, :]
    blob = torch.exp(-((x - t) ** 2 + (y - 0.4) ** 2) * 30) * 3 - 1
    ramp = torch.sin(6 * t + 9 * x) + torch.cos(11 * y) + t
    tint = torch.tensor([1.0, 0.6, -0.8, 0.5, -0.3])[None, : shape[2], None, None]
    while True:
        noise, speck = (torch.randn(shape, generator=random) for _ in range(2))
        yield without_last_flow(noise)
        yield without_last_flow((blob[:, None] * tint)[None] + 0.2 * speck)
        yield without_last_flow((ramp[:, None] * tint.flip(1))[None] - 0.2 * speck.flip(1))
