"""The rendered clips, and how they become a network's input. NumPy only."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from tubecam.scene.clips import clip
from tubecam.scene.scene import LABELS

MEAN, STD = 0.5, 0.25
CLIP = {
    "length": 16,
    "height": 72,
    "width": 128,
    "sample_fps": 15.0,
    "mean": [MEAN] * 3,
    "std": [STD] * 3,
    "color": "RGB",
    "resize": {"rule": "stretch"},
}


@dataclass(frozen=True)
class Clips:
    """`frames` uint8 [N, T, H, W, C], movers' `masks` bool [N, T, H, W], `labels` int64 [N]."""

    frames: np.ndarray
    masks: np.ndarray
    labels: np.ndarray


def render(split: str, count: int, seed: int, grey: bool = False, workers: int = 2) -> Clips:
    """Renders `count` clips, as many of each label; equal arguments give equal clips.

    The network averages its input's colours first, so grey clips (C = 1) train it as well as
    coloured ones (C = 3) at a third of the memory.
    """
    shape = count, CLIP["length"], CLIP["height"], CLIP["width"]
    frames, labels = np.empty((*shape, 1 if grey else 3), np.uint8), np.empty(count, np.int64)
    clips = Clips(frames, np.empty(shape, bool), labels)
    with ProcessPoolExecutor(workers) as pool:
        job = partial(_render_one, split, seed, grey)
        for i, view in enumerate(pool.map(job, range(count), chunksize=32)):
            clips.frames[i], clips.masks[i], clips.labels[i] = view
    return clips


def _render_one(
    split: str, seed: int, grey: bool, index: int
) -> tuple[np.ndarray, np.ndarray, int]:
    size = CLIP["width"], CLIP["height"]
    rng = np.random.default_rng((seed, index))
    view = clip(rng, split, index % len(LABELS), CLIP["length"], CLIP["sample_fps"], size)
    frames = view.frames.mean(-1, keepdims=True).round() if grey else view.frames
    return frames.astype(np.uint8), view.masks, view.label


def normalise(frames: np.ndarray) -> np.ndarray:
    """uint8 [N, T, H, W, C] to the network's input, float32 [N, T, C, H, W]."""
    x = frames.transpose(0, 1, 4, 2, 3).astype(np.float32, order="C")
    x *= np.float32(1 / (255 * STD))
    x -= np.float32(MEAN / STD)
    return x
