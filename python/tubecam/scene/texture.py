"""Procedural textures: smooth fields over the plane, so that a scene can be rendered at any size.

A texture is a function of two coordinate arrays (float32, any equal shape, unit = radius of the
body, or frame height for a background) that returns a mixing weight in 0…1 of the same shape.
Each maker draws its parameters from the generator it is given, hence equal seeds, equal textures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Texture = Callable[[np.ndarray, np.ndarray], np.ndarray]

_PERIOD = (0.8, 1.4)  # at most half a period passes between two slices, so motion never aliases


def _soft(wave: np.ndarray) -> np.ndarray:
    """Turns a wave in −1…1 into bands with soft edges in 0…1."""
    return np.clip(0.5 + 1.5 * wave, 0.0, 1.0)


def _direction(rng: np.random.Generator, period: tuple[float, float]) -> tuple[np.float32, ...]:
    """A random plane wave: its wave vector and its phase, in radians."""
    turn, phase = rng.uniform(0, 2 * np.pi, 2)
    number = 2 * np.pi / rng.uniform(*period)
    return tuple(np.float32(x) for x in (number * np.cos(turn), number * np.sin(turn), phase))


def stripes(rng: np.random.Generator) -> Texture:
    a, b, phase = _direction(rng, _PERIOD)
    return lambda u, v: _soft(np.sin(a * u + b * v + phase))


def gradient(rng: np.random.Generator) -> Texture:
    a, b, _ = _direction(rng, (6.0, 8.0))
    return lambda u, v: np.clip(0.5 + 0.7 * (a * u + b * v), 0.0, 1.0)


def noise(rng: np.random.Generator) -> Texture:
    waves = [_direction(rng, (0.8, 2.5)) for _ in range(5)]
    return lambda u, v: _soft(sum(np.sin(a * u + b * v + p) for a, b, p in waves) / 3)


def dots(rng: np.random.Generator) -> Texture:
    a, b, phase = _direction(rng, _PERIOD)
    return lambda u, v: _soft(np.sin(a * u + b * v + phase) + np.cos(a * v - b * u) - 0.8)


def checks(rng: np.random.Generator) -> Texture:
    a, b, phase = _direction(rng, (1.0, 1.6))
    return lambda u, v: _soft(3 * np.sin(a * u + b * v + phase) * np.sin(a * v - b * u))


def zigzag(rng: np.random.Generator) -> Texture:
    a, b, phase = _direction(rng, (0.9, 1.4))

    def field(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        across = 2 / np.pi * np.arcsin(np.sin(a * v - b * u))
        return _soft(np.sin(a * u + b * v + phase + across))

    return field


def marble(rng: np.random.Generator) -> Texture:
    a, b, phase = _direction(rng, _PERIOD)
    c, d, bend = _direction(rng, (1.2, 2.4))
    return lambda u, v: _soft(np.sin(a * u + b * v + phase + 1.5 * np.sin(c * u + d * v + bend)))


def zoomed(texture: Texture, factor: float) -> Texture:
    """The same texture, finer by a factor."""
    factor = np.float32(factor)
    return lambda u, v: texture(factor * u, factor * v)


TRAIN = (stripes, gradient, noise, dots)
HELD_OUT = (checks, zigzag, marble)
