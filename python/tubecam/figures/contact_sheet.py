"""The contact sheet: key frames with their heat, relevance over time, and the tube."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from ..bundle.layer_grid import field_text
from ..drawing.heat import HeatStyle, color_bars, describe_scale
from .key_frames import Gallery, Shot
from .page import (
    FAINT,
    GAP,
    INK,
    MARGIN,
    MUTED,
    PLAIN,
    SMALL,
    WIDTH,
    blank,
    clock,
    fit,
    font,
    header,
    save,
    section,
    stack,
    wrap,
)
from .timeline import draw_timeline
from .tube_picture import draw_tube, heated

# Okabe and Ito 2008: told apart with every common colour blindness. The last is all others'.
_HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4a4f57",
         "#9aa1ab")  # fmt: skip
_TALLEST = 700  # pixels, of a key frame


@dataclass(frozen=True)
class SheetInfo:
    """What the sheet says besides: a title, facts for the line below it, and how heat is drawn.

    `window_seconds`, of one window, is for the sheet of a video that has none.
    """

    title: str
    facts: list[str] = field(default_factory=list)
    style: HeatStyle = HeatStyle()
    window_seconds: float | None = None


def write_sheet(path: str | os.PathLike, gallery: Gallery, info: SheetInfo) -> None:
    """Draws what was gathered; an existing file is replaced when the new one is whole.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    save(path, draw_sheet(gallery, info))


def draw_sheet(gallery: Gallery, info: SheetInfo) -> Image.Image:
    """The sheet, an RGB picture 1720 pixels wide."""
    gallery.finish()
    parts = [header(info.title, info.facts, gallery.notes())]
    if not gallery.stack:
        return stack([*parts, _nothing(gallery, info)])
    columns = _columns(_aspect(gallery.stack[0]))
    rows = min(3, max(-(-len(gallery.segments()) // columns), 1 + (gallery.windows > columns)))
    shots = gallery.key_shots(rows * columns)
    colors, scale = _label_colors(gallery), info.style.scale or gallery.scale()
    parts += [
        section("Key frames", "where relevance peaked, in order of time"),
        _key_frames(shots, scale, info.style, colors),
        section("Relevance over time", f"summed over the picture, unit: {_unit(gallery)}"),
        draw_timeline(gallery, shots, colors),
        section("The tube", tube_caption(gallery)),
        draw_tube(gallery.stack, scale, info.style),
        _legend(scale, info.style, gallery.stack[0]),
    ]
    return stack(parts)


def _unit(gallery: Gallery) -> str:
    return str(gallery.stack[0].window.receipt.get("unit", "logit"))


def why_empty(gallery: Gallery, info: SheetInfo) -> str:
    """One sentence that says why there is nothing to see."""
    if gallery.invalid:
        return f"No window could be explained: {gallery.problem}."
    if info.window_seconds:
        return f"No window was complete: one takes {info.window_seconds:.2f} s of video."
    return "No window was complete: the video is shorter than one."


def _nothing(gallery: Gallery, info: SheetInfo) -> Image.Image:
    face = font(28)
    lines = wrap(why_empty(gallery, info), face, WIDTH - 2 * MARGIN)
    image, draw = blank(72 + 38 * len(lines))
    draw.line((MARGIN, 18, WIDTH - MARGIN, 18), FAINT, 2)
    for row, line in enumerate(lines):
        draw.text((MARGIN, 46 + 38 * row), line, INK, face)
    return image


# ---- key frames ----


def _aspect(shot: Shot) -> float:
    height, width = shot.picture.shape[:2]
    return width / height


def _columns(aspect: float) -> int:
    """Pictures in a row at most: more of them, the narrower they are."""
    return 3 if aspect > 2.2 else 4 if aspect > 1.15 else 6


def _label_colors(gallery: Gallery) -> dict[str, str]:
    """A colour each for the labels that show, the rarest sharing the last."""
    seconds: dict[str, int] = {}
    for *_, label in gallery.timeline.points():
        seconds[label] = seconds.get(label, 0) + 1
    common = sorted(seconds, key=lambda label: -seconds[label])
    return {label: _HUES[min(i, len(_HUES) - 1)] for i, label in enumerate(common)}


def _key_frames(
    shots: list[Shot], scale: float, style: HeatStyle, colors: dict[str, str]
) -> Image.Image:
    """Rows that fill the page; few shots stand beside their pictures as they were."""
    aspect, most = _aspect(shots[0]), _columns(_aspect(shots[0]))
    beside = 2 * len(shots) <= most
    panels = [(shot, plain) for shot in shots for plain in ((True, False) if beside else (False,))]
    rows = -(-len(panels) // most)
    columns = -(-len(panels) // rows)
    inner = WIDTH - 2 * MARGIN
    width = min((inner - (columns - 1) * GAP) // columns, round(_TALLEST * aspect))
    height = max(1, round(width / aspect))
    left = MARGIN + (inner - columns * width - (columns - 1) * GAP) // 2
    image, _ = blank((height + 70) * rows)
    for number, (shot, plain) in enumerate(panels):
        row, column = divmod(number, columns)
        place = left + column * (width + GAP), row * (height + 70)
        picture = Image.fromarray(shot.picture) if plain else heated(shot, scale, style)
        image.paste(picture.resize((width, height), Image.LANCZOS), place)
        color = None if plain else colors.get(shot.window.label, _HUES[-1])
        _describe(image, shot, color, (place[0], place[1] + height), width)
    return image


def _describe(
    image: Image.Image, shot: Shot, color: str | None, place: tuple[int, int], width: int
) -> None:
    """Time, label and score below a picture; without a colour that it is shown as it was."""
    draw = ImageDraw.Draw(image)
    (x, y), bold, plain = place, font(PLAIN, bold=True), font(SMALL)
    time = clock(shot.time)
    draw.text((x + width, y + 12), time, MUTED, plain, anchor="ra")
    if color is None:
        draw.text((x, y + 12), "the picture alone", MUTED, plain)
        return
    score = shot.window.score_text
    draw.rectangle((x, y + 14, x + 10, y + 33), color)
    label = fit(shot.window.label, bold, width - plain.getlength(f"{score}   {time}") - 40)
    draw.text((x + 20, y + 10), label, INK, bold)
    draw.text((x + 30 + bold.getlength(label), y + 12), score, MUTED, plain)


# ---- tube ----


def tube_caption(gallery: Gallery) -> str:
    first, last = gallery.stack[0], gallery.stack[-1]
    window = first.window
    cells = "×".join(map(str, window.tube.shape))
    sees = field_text(window.receipt.get("receptive_field"), window.clip)
    return (
        f"the strongest window, {clock(first.time)} to {clock(last.time)};"
        f" {cells} cells in time, height and width{sees and f', each of which sees {sees}'};"
        f" {window.label}, {window.score_text}"
    )


def _legend(scale: float, style: HeatStyle, shot: Shot) -> Image.Image:
    """What the colours of heat say, and how much the strongest is."""
    image, draw = blank(48)
    face, y = font(SMALL), 12
    text = describe_scale(scale, style, shot.window, " of a cell")
    right = WIDTH - MARGIN
    draw.text((right, y), text, MUTED, face, anchor="ra")
    right -= round(face.getlength(text)) + GAP
    for word, bar in reversed(color_bars(style, shot.window)):
        colors = Image.fromarray(bar).resize((200 if word else 320, 18), Image.BILINEAR)
        right -= colors.width
        image.paste(colors, (right, y + 3))
        draw.text((right - 8, y), word, MUTED, face, anchor="ra")
        right -= round(face.getlength(word)) + 8 + GAP
    return image
