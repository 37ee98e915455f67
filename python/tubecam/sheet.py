"""The contact sheet: key frames with their heat, relevance over time, and the tube."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ._core import DEFAULT_ALPHA, DEFAULT_COLOR_MAP, DEFAULT_THRESHOLD
from .errors import StreamError
from .gallery import Gallery, Shot
from .heat import color_bar, heat_opacity, paint_heat
from .overlay import motion_tables
from .record import WindowRecord

_WIDTH, _MARGIN, _GAP = 1720, 56, 20
INK, MUTED, FAINT, PAPER = "#14171c", "#667080", "#dfe3e8", "#ffffff"
CAUTION = "#a8321f"
_HUES = ("#4269d0", "#ef9c22", "#ca4a3d", "#57b5a3", "#3a9147", "#d95f9a", "#9360c9", "#8a6240",
         "#7d8794")  # fmt: skip
_PLANE_HEIGHT = 330  # of the tube's pictures


@dataclass(frozen=True)
class SheetInfo:
    """What the sheet says besides: a title, facts for the line below it, and how heat is drawn."""

    title: str
    facts: list[str] = field(default_factory=list)
    color_map: str = DEFAULT_COLOR_MAP
    alpha: float = DEFAULT_ALPHA
    threshold: float = DEFAULT_THRESHOLD


def write_sheet(path: str | os.PathLike, gallery: Gallery, info: SheetInfo) -> None:
    """Draws what was gathered; an existing file is replaced when the new one is whole.

    Raises
    ------
    StreamError
        The file cannot be written.
    """
    path, sheet = Path(path), draw_sheet(gallery, info)
    part = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
        sheet.save(part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StreamError(f"cannot write {path}: {error}") from error


def draw_sheet(gallery: Gallery, info: SheetInfo) -> Image.Image:
    """The sheet, an RGB picture `_WIDTH` pixels wide."""
    gallery.finish()
    parts = [_header(info, gallery.notes())]
    if gallery.stack:
        columns = _columns(_aspect(gallery.stack[0]))
        rows = min(3, max(-(-len(gallery.stretches()) // columns), 1 + (gallery.windows > columns)))
        shots = gallery.key_shots(rows * columns)
        colors = _label_colors(gallery)
        parts += [
            _section("Key frames", "where relevance peaked, in order of time"),
            _key_frames(shots, gallery.scale(), info, colors),
            _section("Relevance over time", "summed over the picture, logit units"),
            _timeline(gallery, shots, colors),
            _section("The tube", _tube_caption(gallery)),
            _tube(gallery, info),
            _legend(gallery.scale(), info, gallery.stack[0].window),
        ]
    else:
        parts.append(_section("No explanation", "the video is shorter than one window"))
    sheet = Image.new("RGB", (_WIDTH, sum(p.height for p in parts) + 2 * _MARGIN), PAPER)
    top = _MARGIN
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


# ---- text ----


def font(size: int, bold: bool = False) -> ImageFont.ImageFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return ImageFont.load_default(size)


def _fit(text: str, font: ImageFont.ImageFont, width: float) -> str:
    """The text, its end replaced by an ellipsis where it is too long."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def clock(seconds: float) -> str:
    """`3.2 s`, `1:03` or `2:05:07`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _blank(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (_WIDTH, height), PAPER)
    return image, ImageDraw.Draw(image)


def _header(info: SheetInfo, notes: list[str]) -> Image.Image:
    image, draw = _blank(122 if notes else 92)
    inner = _WIDTH - 2 * _MARGIN
    title, line = font(40, bold=True), font(20)
    draw.text((_MARGIN, 0), _fit(info.title, title, inner), INK, title)
    draw.text((_MARGIN, 58), _fit("   ·   ".join(info.facts), line, inner), MUTED, line)
    draw.text((_MARGIN, 88), _fit("   ·   ".join(notes), line, inner), CAUTION, line)
    return image


def _section(title: str, note: str) -> Image.Image:
    image, draw = _blank(84)
    bold, plain = font(24, bold=True), font(18)
    draw.line((_MARGIN, 18, _WIDTH - _MARGIN, 18), FAINT, 2)
    draw.text((_MARGIN, 36), title, INK, bold)
    draw.text((_MARGIN + bold.getlength(title) + 18, 41), note, MUTED, plain)
    return image


# ---- key frames ----


def _aspect(shot: Shot) -> float:
    height, width = shot.picture.shape[:2]
    return width / height


def _columns(aspect: float) -> int:
    """Pictures in a row: more of them, the narrower they are."""
    return 3 if aspect > 2.2 else 4 if aspect > 1.15 else 6


def _label_colors(gallery: Gallery) -> dict[str, str]:
    """A colour each for the labels that show, the rarest sharing the last."""
    seconds: dict[str, int] = {}
    for *_, label in gallery.timeline.points():
        seconds[label] = seconds.get(label, 0) + 1
    common = sorted(seconds, key=lambda label: -seconds[label])
    colors = {label: _HUES[min(i, len(_HUES) - 1)] for i, label in enumerate(common)}
    return colors


def _heated(shot: Shot, scale: float, info: SheetInfo) -> Image.Image:
    return Image.fromarray(
        paint_heat(
            shot.picture, shot.window, int(shot.time * 1e9), scale,
            color_map=info.color_map, alpha=info.alpha, threshold=info.threshold,
        )
    )  # fmt: skip


def _key_frames(
    shots: list[Shot], scale: float, info: SheetInfo, colors: dict[str, str]
) -> Image.Image:
    columns = _columns(_aspect(shots[0]))
    width = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    height = max(1, round(width / _aspect(shots[0])))
    step = height + 66
    image, draw = _blank(step * -(-len(shots) // columns))
    bold, plain = font(19, bold=True), font(17)
    for number, shot in enumerate(shots):
        row, column = divmod(number, columns)
        x, y = _MARGIN + column * (width + _GAP), row * step
        image.paste(_heated(shot, scale, info).resize((width, height), Image.LANCZOS), (x, y))
        score = f"{100 * shot.window.score:.0f} %"
        time = clock(shot.time)
        color = colors.get(shot.window.label, _HUES[-1])
        draw.rectangle((x, y + height + 14, x + 9, y + height + 31), color)
        room = width - plain.getlength(f"{score}   {time}") - 56
        label = _fit(shot.window.label, bold, room)
        draw.text((x + 20, y + height + 10), label, INK, bold)
        draw.text((x + 32 + bold.getlength(label), y + height + 12), score, MUTED, plain)
        draw.text((x + width, y + height + 12), time, MUTED, plain, anchor="ra")
    return image


# ---- timeline ----


def _timeline(gallery: Gallery, shots: list[Shot], colors: dict[str, str]) -> Image.Image:
    points = gallery.timeline.points()
    times, values = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    height, ribbon = 230, 34
    image, draw = _blank(height + ribbon + 70)
    left, right, top = _MARGIN + 64, _WIDTH - _MARGIN, 22
    start, end = float(times[0]), float(max(times[-1], times[0] + 1e-3))
    low, high = min(0.0, float(values.min())), max(float(values.max()), 1e-9)

    def x_of(time: float) -> float:
        return left + (right - left) * (time - start) / (end - start)

    def y_of(value: float) -> float:
        return top + (height - top) * (1 - (value - low) / (high - low))

    for tick in _ticks(low, high, 4):
        draw.line((left, y_of(tick), right, y_of(tick)), FAINT, 1)
        draw.text((left - 12, y_of(tick)), f"{tick:g}", MUTED, font(16), anchor="rm")
    _curve(image, [(x_of(t), y_of(v)) for t, v in zip(times, values)], y_of(max(low, 0.0)))
    for shot in shots:
        x = min(max(x_of(shot.time), left), right)
        draw.polygon(((x - 7, 2), (x + 7, 2), (x, 14)), INK)
        draw.line((x, 14, x, height), "#9aa3af", 1)
    _ribbon(draw, points, colors, x_of, height + 12, ribbon)
    for tick in _ticks(start, end, 10):
        x, y = x_of(tick), height + 12 + ribbon
        draw.line((x, y, x, y + 6), MUTED, 1)
        draw.text((x, y + 12), clock(tick).replace(".0 s", " s"), MUTED, font(16), anchor="ma")
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


def _ribbon(draw, points, colors, x_of, top: int, height: int) -> None:
    """Which label held when: equal neighbours become one bar, with its name where it fits."""
    face, bars = font(16, bold=True), []
    for time, _, label in points:
        if bars and bars[-1][2] == label:
            bars[-1][1] = time
        else:
            bars.append([bars[-1][1] if bars else time, time, label])
    for begin, end, label in bars:
        left, right = x_of(begin), x_of(end)
        draw.rectangle((left, top, right - 1, top + height - 6), colors[label])
        if right - left > 44:
            name = _fit(label, face, right - left - 14)
            if len(name) > 2 or name == label:
                draw.text((left + 8, top + 4), name, "white", face)


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers between two bounds."""
    raw = max(high - low, 1e-9) / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    first, last = int(np.ceil(low / step)), int(high / step + 1e-9)
    return [round(i * step, 9) for i in range(first, last + 1)]


# ---- tube ----


def _tube_caption(gallery: Gallery) -> str:
    first, last = gallery.stack[0], gallery.stack[-1]
    window = first.window
    return (
        f"the strongest window, {clock(first.time)} to {clock(last.time)}:"
        f" {window.label}, {100 * window.score:.0f} %"
    )


def _tube(gallery: Gallery, info: SheetInfo) -> Image.Image:
    """The window's pictures as glass planes one behind the other in time, on which heat glows."""
    shots, pad = gallery.stack, 36
    height = _PLANE_HEIGHT
    width = round(min(height * _aspect(shots[0]) * 0.66, 0.36 * _WIDTH))
    lean, last = round(0.18 * width), max(1, len(shots) - 1)
    room = _WIDTH - 2 * (_MARGIN + pad) - width
    step, rise = min(room / last, 1.05 * width), min(9.0, 60 / last)
    image, draw = _blank(round(height + lean + rise * last + 2 * pad + 44))
    draw.rounded_rectangle((_MARGIN, 0, _WIDTH - _MARGIN, image.height - 14), 14, INK)
    left = (_WIDTH - width - step * last) / 2
    for number, shot in enumerate(shots):
        plane = _plane(shot, gallery.scale(), info, solid=number == len(shots) - 1)
        plane = _leaning(plane, width, height, lean)
        x, y = round(left + number * step), round(pad + rise * (last - number))
        image.paste(plane, (x, y), plane)
        at = (x + 2, y + height + lean + 8)
        text = f"{shot.time:.2f} s" if shot.time < 60 else clock(shot.time)
        draw.text(at, text, "#aab3c0", font(16))
    return image


def _plane(shot: Shot, scale: float, info: SheetInfo, solid: bool) -> Image.Image:
    """A picture with its heat, RGBA; all but heat is glass, unless it is solid."""
    picture = _heated(shot, scale, info)
    heat = heat_opacity((picture.height, picture.width), shot.window, int(shot.time * 1e9), scale)
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


def _legend(scale: float, info: SheetInfo, window: WindowRecord) -> Image.Image:
    """What the colours of heat say, and how much the strongest is."""
    image, draw = _blank(44)
    face, y = font(16), 12
    text = f"relevance of a cell, 0 to {scale:.2g} logits and more"
    right = _WIDTH - _MARGIN
    draw.text((right, y), text, MUTED, face, anchor="ra")
    right -= round(face.getlength(text)) + _GAP
    for word, bar in reversed(_bars(info, window)):
        colors = Image.fromarray(bar).resize((200 if word else 320, 14), Image.BILINEAR)
        right -= colors.width
        image.paste(colors, (right, y + 3))
        draw.text((right - 8, y), word, MUTED, face, anchor="ra")
        right -= round(face.getlength(word)) + 8 + _GAP
    return image


def _bars(info: SheetInfo, window: WindowRecord) -> list[tuple[str, np.ndarray]]:
    """Words and colours: of heat alone, or of heat without motion and of nothing else."""
    if window.motion is None:
        return [("", color_bar(info.color_map))]
    words = ("picture", "flow") if window.motion_by == "flow" else ("still", "moving")
    return [(word, bar[None]) for word, bar in zip(words, motion_tables(), strict=True)]
