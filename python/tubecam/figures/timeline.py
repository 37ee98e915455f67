"""Relevance over the whole video and which label held when, as a part of the contact sheet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw

from .key_frames import Gallery, Shot
from .page import (
    FAINT,
    INK,
    MARGIN,
    MUTED,
    SMALL,
    WIDTH,
    blank,
    clock,
    fit,
    font,
    readable_on,
    steps,
    ticks,
)

_HEIGHT, _RIBBON = 240, 38
Number = TypeVar("Number", float, np.ndarray)


def draw_timeline(gallery: Gallery, shots: list[Shot], colors: dict[str, str]) -> Image.Image:
    """The curve with a mark at each key frame, and a ribbon of labels; `WIDTH` pixels wide.

    The curve's axis reaches at least to where the strongest of the windows would lie if all of its
    evidence were spread over half of its time: what is even in time is no peak.
    """
    points = gallery.timeline.points()
    times, values = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    image, draw = blank(_HEIGHT + _RIBBON + 74)
    left, right, top = MARGIN + 76, WIDTH - MARGIN, 22
    start, end = float(times[0]), float(max(times[-1], times[0] + 1e-3))
    low = min(0.0, float(values.min()))
    high = max(float(values.max()), gallery.full_curve(), 1e-9)

    def x_of(time: Number) -> Number:
        return left + (right - left) * (time - start) / (end - start)

    def y_of(value: Number) -> Number:
        return top + (_HEIGHT - top) * (1 - (value - low) / (high - low))

    for tick in ticks(low, high, 4):
        draw.line((left, y_of(tick), right, y_of(tick)), FAINT, 1)
        draw.text((left - 12, y_of(tick)), f"{tick:g}", MUTED, font(SMALL), anchor="rm")
    line = x_of(times), y_of(values)
    corners = zip(*(steps(*line) if gallery.stepped else line))
    _curve(image, [(float(x), float(y)) for x, y in corners], y_of(max(low, 0.0)))
    for shot in shots:
        x = min(max(x_of(shot.time), left), right)
        draw.polygon(((x - 7, 2), (x + 7, 2), (x, 14)), INK)
        draw.line((x, 14, x, _HEIGHT), "#9aa3af", 1)
    _ribbon(draw, points, colors, x_of, _HEIGHT + 12)
    for tick in ticks(start, end, 10):
        x, y = x_of(tick), _HEIGHT + 12 + _RIBBON
        draw.line((x, y, x, y + 6), MUTED, 1)
        draw.text((x, y + 10), clock(tick).replace(".0 s", " s"), MUTED, font(SMALL), anchor="ma")
    return image


def _curve(image: Image.Image, line: list[tuple[float, float]], base: float) -> None:
    """The curve and the area under it, drawn at twice the size for smooth edges."""
    large = Image.new("RGBA", (2 * image.width, 2 * image.height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    doubled = [(2 * x, 2 * y) for x, y in line]
    if len(doubled) > 1:
        area = [(doubled[0][0], 2 * base), *doubled, (doubled[-1][0], 2 * base)]
        draw.polygon(area, (66, 105, 208, 46))
        draw.line(doubled, (48, 84, 186, 255), 5, joint="curve")
    small = large.resize(image.size, Image.LANCZOS)
    image.paste(small, (0, 0), small)


def _ribbon(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float, str]],
    colors: dict[str, str],
    x_of: Callable[[float], float],
    top: int,
) -> None:
    """Which label held when: equal neighbours become one bar, with its name where it fits."""
    face, bars = font(SMALL, bold=True), []
    for time, _, label in points:
        if bars and bars[-1][2] == label:
            bars[-1][1] = time
        else:
            bars.append([bars[-1][1] if bars else time, time, label])
    for begin, end, label in bars:
        left, right = x_of(begin), x_of(end)
        draw.rectangle((left, top, max(left, right - 1), top + _RIBBON - 6), colors[label])
        if right - left > 44:
            name = fit(label, face, right - left - 14)
            if len(name) > 2 or name == label:
                draw.text((left + 8, top + 4), name, readable_on(colors[label]), face)
