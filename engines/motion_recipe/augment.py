"""What training may do to a clip without knowing where its object is. NumPy only."""

from __future__ import annotations

import numpy as np

from tubecam.scene.scene import LABELS

from .data import normalise

_MIRROR = {"left": "right", "clockwise": "counterclockwise"}
_FLIP = {"up": "down", "clockwise": "counterclockwise"}
_REVERSE = _MIRROR | _FLIP | {"nearer": "farther"}

# The axis of a clip [T, H, W, C] to turn round, and what each label becomes.
_TURNS = tuple(
    (axis, [LABELS.index((swap | {b: a for a, b in swap.items()}).get(x, x)) for x in LABELS])
    for axis, swap in ((2, _MIRROR), (1, _FLIP), (0, _REVERSE))
)


def augment(
    frames: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mirrors, flips and reverses clips (labels follow), shifts and blurs them, changes the light.

    Takes `frames` uint8 [N, T, H, W, C] and `labels` [N]; returns float32 [N, T, C, H, W] and [N].
    """
    pairs = [_augment_one(x, int(y), rng) for x, y in zip(frames, labels)]
    return np.stack([x for x, _ in pairs]), np.array([y for _, y in pairs])


def _augment_one(
    frames: np.ndarray, label: int, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    for axis, becomes in _TURNS:
        if rng.random() < 0.5:
            frames, label = np.flip(frames, axis), becomes[label]
    x = normalise(_shift(frames, rng)[None])[0]
    x *= np.float32(rng.uniform(0.6, 1.3))
    x += (rng.normal(0, 0.04, (len(x), 1, 1, 1)) + rng.normal(0, 0.3)).astype(np.float32)
    return (_blur(_blur(x, 2), 3) if rng.random() < 0.3 else x), label


def _shift(frames: np.ndarray, rng: np.random.Generator, most: int = 5) -> np.ndarray:
    """Moves the whole clip by a few pixels, so that the layer's grid is nowhere special."""
    dy, dx = rng.integers(-most, most + 1, 2)
    rows = np.clip(np.arange(frames.shape[1]) + dy, 0, frames.shape[1] - 1)
    columns = np.clip(np.arange(frames.shape[2]) + dx, 0, frames.shape[2] - 1)
    return frames[:, rows][:, :, columns]


def _blur(x: np.ndarray, axis: int) -> np.ndarray:
    """Averages each element with its two neighbours along an axis, but for the ends."""
    x = np.moveaxis(x, axis, -1).copy()
    x[..., 1:-1] = (x[..., :-2] + x[..., 1:-1] + x[..., 2:]) / 3
    return np.moveaxis(x, -1, axis)
