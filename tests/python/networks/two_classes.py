"""A detector of two classes: does anything in the rendered scenes move, or does all stand still?

A 3-D CNN of 2×3×3 cells under a head of four dense layers. What it learns is one yes or no, so that
the 32 features in front of its last layer move nearly along one line, as those of detectors do.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tubecam.scene import clips

LENGTH, SIDE = 8, 48
CLIP = {"length": LENGTH, "height": SIDE, "width": SIDE, "sample_fps": 15.0, "resize": "stretch",
        "mean": (0.5,) * 3, "std": (0.25,) * 3}  # fmt: skip
NAMES = ["still", "moving"]
TIMES = [i / 15.0 for i in range(LENGTH)]
MOTIONS = ("left", "right", "up", "down")


class Detector(nn.Module):
    """[N, 3, 8, 48, 48] to two logits. It begins with what changes from slice to slice."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv3d(3, 16, 3, 1, 1)
        self.body = nn.Sequential(
            nn.AvgPool3d((1, 4, 4)), first, nn.ReLU(), nn.Conv3d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Conv3d(32, 128, 3, 2, 1), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 2)
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Conv3d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
        with torch.no_grad():
            first.weight[:, :, 1] = 0
            first.weight[:, :, 2] = -first.weight[:, :, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3, 4)))


def rendered(split: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips float32 [N, T, 3, H, W], labels [N], and where the mover is, bool [N, T, H, W]."""
    rng = np.random.default_rng(seed)
    frames, masks = [], []
    for i in range(count):
        label = "still" if i % 2 == 0 else MOTIONS[i // 2 % 4]
        scene = clips.scene(rng, label, split, TIMES[-1])
        scene = replace(scene, bodies=[replace(body, sway=None) for body in scene.bodies])
        wide = np.stack(list(scene.frames(TIMES, (2 * SIDE, SIDE))))
        pairs = wide.reshape(LENGTH, SIDE, SIDE, 2, 3).mean(3)  # half as wide
        frames.append((pairs / 255 - 0.5) / 0.25)
        mask = np.stack([scene.mask(time, (2 * SIDE, SIDE)) for time in TIMES])
        masks.append(mask.reshape(LENGTH, SIDE, SIDE, 2).any(3))
    x = np.stack(frames).transpose(0, 1, 4, 2, 3).astype(np.float32)
    return x, np.arange(count) % 2, np.stack(masks)


@functools.cache
def detector(count: int = 240, epochs: int = 12, seed: int = 1) -> Detector:
    """The trained network; on one thread, whose sums are the same everywhere."""
    x, y, _ = rendered("train", count, seed)
    x, y = torch.from_numpy(x).transpose(1, 2).contiguous(), torch.from_numpy(y)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _trained(Detector(), x, y, epochs)
    finally:
        torch.set_num_threads(threads)


def _trained(net: Detector, x: Tensor, y: Tensor, epochs: int) -> Detector:
    optimiser = torch.optim.Adam(net.parameters(), 5e-4)
    for _ in range(epochs):
        for batch in torch.randperm(len(y)).split(16):
            shift = torch.randint(-4, 5, (2,)).tolist()
            loss = nn.functional.cross_entropy(net(torch.roll(x[batch], shift, (3, 4))), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return net.eval()
