"""Scenes of textured bodies of which at most one moves, with the truth about it.

Lengths are in frame heights, so that a scene looks the same at every frame size; x to the right,
y down; times in seconds. Pixel (x, y) is centred on ((x + ½) / height, (y + ½) / height).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import shape
from .shape import Outline
from .texture import Texture

LABELS = (
    "left", "right", "up", "down", "nearer", "farther", "clockwise", "counterclockwise", "still",
)  # fmt: skip


@dataclass(frozen=True)
class Pose:
    """Where a body is: centre and radius in frame heights, angle in radians, clockwise."""

    x: float
    y: float
    radius: float
    angle: float = 0.0

    def moved(self, label: str, amount: float) -> Pose:
        """This pose after a motion: frame heights travelled, e-folds of size, or radians turned."""
        x, y = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}.get(label, (0, 0))
        grow = {"nearer": 1, "farther": -1}.get(label, 0)
        turn = {"clockwise": 1, "counterclockwise": -1}.get(label, 0)
        return Pose(
            self.x + x * amount,
            self.y + y * amount,
            self.radius * float(np.exp(grow * amount)),
            self.angle + turn * amount,
        )


@dataclass(frozen=True)
class Sway:
    """A jitter about a pose that leads nowhere: one sine wave each for x, y and the angle."""

    amplitude: tuple[float, float, float]
    frequency: tuple[float, float, float]
    phase: tuple[float, float, float]

    def apply(self, pose: Pose, time: float) -> Pose:
        x, y, angle = np.asarray(self.amplitude) * np.sin(
            2 * np.pi * np.asarray(self.frequency) * time + np.asarray(self.phase)
        )
        return replace(pose, x=pose.x + x, y=pose.y + y, angle=pose.angle + angle)


@dataclass(frozen=True)
class Paint:
    """A texture between two colours; `colors` is float32 [2, 3] in 0…255."""

    texture: Texture
    colors: np.ndarray

    def at(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The colour, float32 [..., 3], at texture coordinates of any shape."""
        low, high = self.colors
        return low + self.texture(u, v)[..., None] * (high - low)


@dataclass(frozen=True)
class Body:
    """A painted thing at a pose, which may sway about it."""

    outline: Outline
    paint: Paint
    pose: Pose
    sway: Sway | None = None

    def coverage(self, pose: Pose, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple]:
        """The window of the frame that `pose` may touch, and (alpha, u, v) there, float32."""
        width, height = size
        radius, reach = pose.radius * height, shape.REACH * pose.radius * height + 1
        middle = pose.x * height - 0.5, pose.y * height - 0.5
        (left, right), (top, bottom) = (
            (max(0, int(m - reach)), min(limit, int(m + reach) + 2))
            for m, limit in zip(middle, (width, height))
        )
        x = (np.arange(left, max(left, right), dtype=np.float32) - middle[0])[None, :] / radius
        y = (np.arange(top, max(top, bottom), dtype=np.float32) - middle[1])[:, None] / radius
        cos, sin = np.float32(np.cos(pose.angle)), np.float32(np.sin(pose.angle))
        u, v = cos * x + sin * y, cos * y - sin * x
        inside = (self.outline(np.arctan2(v, u)) - np.hypot(u, v)) * np.float32(radius)
        return (slice(top, bottom), slice(left, right)), (np.clip(inside + 0.5, 0, 1), u, v)

    def draw(self, image: np.ndarray, pose: Pose) -> None:
        """Blends the body into `image`, float32 [H, W, 3] in 0…255."""
        window, (alpha, u, v) = self.coverage(pose, (image.shape[1], image.shape[0]))
        image[window] += alpha[..., None] * (self.paint.at(u, v) - image[window])


@dataclass(frozen=True)
class Scene:
    """A background, bodies that stay, and the one that moves (drawn last, hence never hidden).

    Attributes
    ----------
    speed
        Frame heights, e-folds of size, or radians a second, as `label` has it.
    noise
        Standard deviation of the camera noise, in grey levels of 255.
    start
        The time at which the mover is at its body's pose.
    """

    background: Paint
    bodies: Sequence[Body]
    mover: Body | None
    label: str = "still"
    speed: float = 0.0
    noise: float = 2.0
    seed: int = 0
    start: float = 0.0

    def pose(self, time: float) -> Pose | None:
        """The mover's pose at `time`."""
        return self.mover and self.mover.pose.moved(self.label, self.speed * (time - self.start))

    def mask(self, time: float, size: tuple[int, int]) -> np.ndarray:
        """Where the moving body is: bool [H, W] for `size` (width, height)."""
        mask = np.zeros((size[1], size[0]), bool)
        pose = self.pose(time)
        if pose is not None:
            window, (alpha, _, _) = self.mover.coverage(pose, size)
            mask[window] = alpha >= 0.5
        return mask

    def frames(self, times: Sequence[float], size: tuple[int, int]) -> Iterator[np.ndarray]:
        """Renders the scene at `times`: uint8 [H, W, 3] RGB each, for `size` (width, height)."""
        plate, grain = self._plate(size), _Grain(self.noise, size, self.seed)
        for time in times:
            image = plate.copy()
            for body in self.bodies:
                if body.sway is not None:
                    body.draw(image, body.sway.apply(body.pose, time))
            if self.mover is not None:
                self.mover.draw(image, self.pose(time))
            yield grain.add(image)

    def _plate(self, size: tuple[int, int]) -> np.ndarray:
        """All that stands still, float32 [H, W, 3]."""
        width, height = size
        y, x = (np.mgrid[:height, :width].astype(np.float32) + 0.5) / np.float32(height)
        plate = self.background.at(x, y)
        for body in self.bodies:
            if body.sway is None:
                body.draw(plate, body.pose)
        return plate


class _Grain:
    """Camera noise: windows of one tile, since drawing new noise costs more than the scene."""

    _SLACK = 61

    def __init__(self, sigma: float, size: tuple[int, int], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        shape = size[1] + self._SLACK, size[0] + self._SLACK, 3
        self._tile = self._rng.standard_normal(shape, np.float32) * np.float32(sigma)

    def add(self, image: np.ndarray) -> np.ndarray:
        y, x = self._rng.integers(0, self._SLACK, 2)
        image += self._tile[y : y + image.shape[0], x : x + image.shape[1]]
        return np.clip(image, 0, 255, out=image).astype(np.uint8)


def box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """The smallest box around a mask [H, W], as (x, y, width, height) in pixels; None if empty."""
    x, y = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not x.size:
        return None
    return int(x[0]), int(y[0]), int(x[-1] - x[0] + 1), int(y[-1] - y[0] + 1)
