"""The rendered clips, and what training may do to a clip without knowing where its object is."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from tubecam.demo.clips import clip
from tubecam.demo.scene import LABELS

from .model import CLIP, MEAN, STD

# What a mirrored or reversed clip shows instead.
_SWAPS = {
    "mirror": {"left": "right", "clockwise": "counterclockwise"},
    "flip": {"up": "down", "clockwise": "counterclockwise"},
    "reverse": {
        "left": "right", "up": "down", "nearer": "farther", "clockwise": "counterclockwise",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Clips:
    """`frames` uint8 [N, T, H, W, C], `masks` of the movers bool [N, T, H, W], `labels` int64 [N]."""

    frames: np.ndarray
    masks: np.ndarray
    labels: np.ndarray


def _render_one(split: str, seed: int, index: int, grey: bool):
    size = CLIP["width"], CLIP["height"]
    rng = np.random.default_rng((seed, index))
    view = clip(rng, split, index % len(LABELS), CLIP["length"], CLIP["sample_fps"], size)
    frames = view.frames.mean(-1, keepdims=True).round() if grey else view.frames
    return frames.astype(np.uint8), view.masks, view.label


def render(split: str, count: int, seed: int, grey: bool = False, workers: int = 2) -> Clips:
    """Renders `count` clips, as many of each label; equal arguments give equal clips.

    The network averages its input's colours first, so grey clips (C = 1) train it as well as
    coloured ones (C = 3) at a third of the memory.
    """
    shape = count, CLIP["length"], CLIP["height"], CLIP["width"]
    frames, labels = np.empty((*shape, 1 if grey else 3), np.uint8), np.empty(count, np.int64)
    clips = Clips(frames, np.empty(shape, bool), labels)
    with ProcessPoolExecutor(workers) as pool:
        job = partial(_render_one, split, seed, grey=grey)
        for i, view in enumerate(pool.map(job, range(count), chunksize=32)):
            clips.frames[i], clips.masks[i], clips.labels[i] = view
    return clips


def normalise(frames: np.ndarray, time_first: bool = False) -> torch.Tensor:
    """uint8 [N, T, H, W, C] to float32 [N, C, T, H, W], or [N, T, C, H, W] with `time_first`."""
    order = (0, 1, 4, 2, 3) if time_first else (0, 4, 1, 2, 3)
    x = torch.from_numpy(np.ascontiguousarray(frames.transpose(order))).float()
    return x.mul_(1 / (255 * STD)).sub_(MEAN / STD)


def augment(
    frames: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirrors, flips and reverses clips (labels follow), shifts them, changes their light."""
    pairs = [_augment_one(x, int(y), rng) for x, y in zip(frames, labels)]
    clips = torch.stack([x for x, _ in pairs])
    return clips, torch.tensor([y for _, y in pairs])


def _augment_one(frames: np.ndarray, label: int, rng: np.random.Generator):
    for name, axis in (("mirror", 2), ("flip", 1), ("reverse", 0)):
        if rng.random() < 0.5:
            frames, label = np.flip(frames, axis), _swap(label, _SWAPS[name])
    x = normalise(_shift(frames, rng)[None])[0]
    light = rng.normal(0, 0.04, (1, len(frames), 1, 1)) + rng.normal(0, 0.3)
    x.mul_(float(rng.uniform(0.6, 1.3))).add_(torch.from_numpy(light).float())
    if rng.random() < 0.3:
        x = torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return x, label


def _swap(label: int, swaps: dict[str, str]) -> int:
    both = swaps | {there: here for here, there in swaps.items()}
    return LABELS.index(both.get(LABELS[label], LABELS[label]))


def _shift(frames: np.ndarray, rng: np.random.Generator, most: int = 5) -> np.ndarray:
    """Moves the whole clip by a few pixels, so that the layer's grid is nowhere special."""
    dy, dx = rng.integers(-most, most + 1, 2)
    rows = np.clip(np.arange(frames.shape[1]) + dy, 0, frames.shape[1] - 1)
    columns = np.clip(np.arange(frames.shape[2]) + dx, 0, frames.shape[2] - 1)
    return frames[:, rows][:, :, columns]
