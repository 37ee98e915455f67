"""A window's tube as a part of the contact sheet: its pictures one behind the other in time."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from ..drawing.heat import HeatStyle, heat_opacity, paint_heat
from .key_frames import Shot
from .page import INK, MARGIN, SMALL, WIDTH, blank, clock, font

_HEIGHT = 330  # of the pictures


def heated(shot: Shot, scale: float, style: HeatStyle) -> Image.Image:
    """A picture with its heat."""
    return Image.fromarray(paint_heat(shot.picture, shot.window, shot.pts, scale, style))


def draw_tube(shots: list[Shot], scale: float, style: HeatStyle) -> Image.Image:
    """Glass planes on which heat glows, `WIDTH` pixels wide."""
    pad, aspect = 36, shots[0].picture.shape[1] / shots[0].picture.shape[0]
    width = round(min(_HEIGHT * aspect * 0.66, 0.36 * WIDTH))
    lean, last = round(0.18 * width), max(1, len(shots) - 1)
    room = WIDTH - 2 * (MARGIN + pad) - width
    step, rise = min(room / last, 1.05 * width), min(9.0, 60 / last)
    image, draw = blank(round(_HEIGHT + lean + rise * last + 2 * pad + 48))
    draw.rounded_rectangle((MARGIN, 0, WIDTH - MARGIN, image.height - 14), 14, INK)
    left = (WIDTH - width - step * last) / 2
    for number, shot in enumerate(shots):
        plane = _plane(shot, scale, style, solid=number == len(shots) - 1)
        plane = _leaning(plane, width, _HEIGHT, lean)
        x, y = round(left + number * step), round(pad + rise * (last - number))
        image.paste(plane, (x, y), plane)
        text = f"{shot.time:.2f} s" if shot.time < 60 else clock(shot.time)
        draw.text((x + 2, y + _HEIGHT + lean + 8), text, "#c3cad4", font(SMALL))
    return image


def _plane(shot: Shot, scale: float, style: HeatStyle, solid: bool) -> Image.Image:
    """A picture with its heat, RGBA; all but heat is glass, unless it is solid."""
    picture = heated(shot, scale, style)
    heat = heat_opacity((picture.height, picture.width), shot.window, shot.pts, scale)
    clear = 1.0 if solid else 0.16
    picture.putalpha(Image.fromarray(np.uint8(255 * (clear + (1 - clear) * heat))))
    return picture


def _leaning(picture: Image.Image, width: int, height: int, lean: int) -> Image.Image:
    """An RGBA picture turned away to the right: narrower, its left edge lower, edges smooth."""
    factor = 2
    front = picture.resize((factor * width, factor * height), Image.LANCZOS)
    edge = 0, 0, front.width - 1, front.height - 1
    ImageDraw.Draw(front).rectangle(edge, outline="#c8d0da", width=3)
    large = front.transform(
        (factor * width, factor * (height + lean)),
        Image.AFFINE,
        (1, 0, 0, lean / width, 1, -factor * lean),
        Image.BICUBIC,
    )
    return large.resize((width, height + lean), Image.LANCZOS)
