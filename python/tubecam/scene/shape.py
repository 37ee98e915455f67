"""Outlines of bodies as polar functions: the distance of the rim, in radii, at an angle.

An outline takes angles in radians (float32, any shape) and returns distances of the same shape, at
most `REACH`. Being inside is then one comparison, and the rim's distance gives the anti-aliasing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Outline = Callable[[np.ndarray], np.ndarray]

REACH = 1.4


def disc(rng: np.random.Generator) -> Outline:
    return np.ones_like


def _polygon(corners: int, circumradius: float) -> Outline:
    half = np.float32(np.pi / corners)
    apothem = np.float32(circumradius * np.cos(half))
    return lambda angle: apothem / np.cos(np.mod(angle, 2 * half) - half)


def triangle(rng: np.random.Generator) -> Outline:
    return _polygon(3, 1.4)


def square(rng: np.random.Generator) -> Outline:
    return _polygon(4, 1.25)


def pentagon(rng: np.random.Generator) -> Outline:
    return _polygon(5, 1.15)


def petals(rng: np.random.Generator) -> Outline:
    return lambda angle: 1 + 0.25 * np.cos(3 * angle)


def star(rng: np.random.Generator) -> Outline:
    return lambda angle: 0.95 + 0.4 / np.pi * np.arcsin(np.cos(5 * angle))


def blob(rng: np.random.Generator) -> Outline:
    size, phase = rng.uniform(0.05, 0.13, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = [(np.float32(s), np.float32(p), n + 2) for n, (s, p) in enumerate(zip(size, phase))]
    return lambda angle: 1 + sum(s * np.sin(n * angle + p) for s, p, n in waves)


TRAIN = (disc, triangle, square, petals)
HELD_OUT = (pentagon, star, blob)
