"""Random scenes and labelled clips. What a held-out clip shows, no training clip has shown.

The two splits share no outline, no texture and no range of speeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import shape, texture
from .scene import LABELS, Body, Paint, Pose, Scene, Sway

SPLITS = ("train", "held-out")
ASPECT = 16 / 9

# Frame heights, e-folds of size and radians a second.
_SPEEDS = {
    "train": {"shift": ((0.14, 0.26), (0.38, 0.60)), "zoom": ((0.30, 0.45), (0.65, 0.95)),
              "turn": ((1.0, 1.6), (2.6, 3.6))},
    "held-out": {"shift": ((0.26, 0.38),), "zoom": ((0.45, 0.65),), "turn": ((1.6, 2.6),)},
}  # fmt: skip
_KIND = dict(zip(LABELS, ("shift",) * 4 + ("zoom",) * 2 + ("turn",) * 2))


@dataclass(frozen=True)
class Clip:
    """A labelled clip: `frames` uint8 [T, H, W, 3] RGB, `masks` of the mover, bool [T, H, W]."""

    frames: np.ndarray
    masks: np.ndarray
    label: int


def speed(rng: np.random.Generator, label: str, split: str) -> float:
    """A speed for a motion, from the split's ranges; zero for `still`."""
    if label == "still":
        return 0.0
    ranges = _SPEEDS[split][_KIND[label]]
    return float(rng.uniform(*ranges[rng.integers(len(ranges))]))


def paint(rng: np.random.Generator, split: str, contrast: float) -> Paint:
    """A texture of the split in two random colours whose luminances differ by `contrast`·255."""
    kinds = texture.TRAIN if split == "train" else texture.HELD_OUT
    kind = kinds[rng.integers(len(kinds))]
    middle = rng.uniform(0.5 * contrast, 1 - 0.5 * contrast)
    tint = rng.uniform(-0.25, 0.25, (2, 3))
    colors = middle + np.array([[-0.5], [0.5]]) * contrast + tint - tint.mean(1, keepdims=True)
    if rng.random() < 0.5:
        colors = colors[::-1]
    return Paint(kind(rng), (255 * np.clip(colors, 0, 1)).astype(np.float32))


def background(rng: np.random.Generator, split: str) -> Paint:
    """A paint of the split for what lies behind the bodies, flatter than theirs."""
    plain = paint(rng, split, rng.uniform(0.1, 0.5))
    return Paint(texture.zoomed(plain.texture, rng.uniform(1, 4)), plain.colors)


def body(rng: np.random.Generator, split: str, pose: Pose, sways: bool = False) -> Body:
    """A body of the split's outlines and textures at a pose."""
    outlines = shape.TRAIN if split == "train" else shape.HELD_OUT
    outline = outlines[rng.integers(len(outlines))](rng)
    return Body(outline, paint(rng, split, rng.uniform(0.35, 0.8)), pose, _sway(rng, sways))


def _sway(rng: np.random.Generator, sways: bool) -> Sway | None:
    """Fast enough that a clip of a second sees several swings and no direction."""
    if not sways:
        return None
    amplitude = rng.uniform(0, 1, 3) * (0.02, 0.02, 0.12)
    return Sway(tuple(amplitude), tuple(rng.uniform(2.5, 6, 3)), tuple(rng.uniform(0, 6.3, 3)))


def _pose(rng: np.random.Generator) -> Pose:
    radius = rng.uniform(0.13, 0.26)
    x, y = rng.uniform(radius, (ASPECT - radius, 1 - radius))
    return Pose(float(x), float(y), float(radius), float(rng.uniform(0, 2 * np.pi)))


def _inside(pose: Pose) -> bool:
    edge = 0.5 * pose.radius
    return edge <= pose.x <= ASPECT - edge and edge <= pose.y <= 1 - edge and pose.radius >= 0.1


def scene(rng: np.random.Generator, label: str, split: str, seconds: float) -> Scene:
    """A random scene whose mover stays inside the frame for `seconds`."""
    pace = speed(rng, label, split)
    count = rng.integers(1, 5)
    bodies = [body(rng, split, _pose(rng), sways=rng.random() < 0.4) for _ in range(count)]
    mover = None
    while label != "still" and mover is None:
        middle = _pose(rng)
        start = middle.moved(label, -pace * seconds / 2)
        if _inside(start) and _inside(start.moved(label, pace * seconds)):
            mover = body(rng, split, start)
    noise, seed = rng.uniform(0.5, 6), int(rng.integers(2**31))
    return Scene(background(rng, split), bodies, mover, label, pace, float(noise), seed)


def clip(
    rng: np.random.Generator,
    split: str,
    label: int | None = None,
    length: int = 16,
    sample_fps: float = 15.0,
    size: tuple[int, int] = (128, 72),
) -> Clip:
    """Renders one random clip of `split`, of a random label unless one is given."""
    if label is None:
        label = int(rng.integers(len(LABELS)))
    times = np.arange(length) / sample_fps
    view = scene(rng, LABELS[label], split, float(times[-1]))
    return Clip(
        np.stack(list(view.frames(times, size))),
        np.stack([view.mask(time, size) for time in times]),
        label,
    )
