"""What sheets are drawn with: paper, text, colours, axes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import OutputError
from ..video.output import partial_name

WIDTH, MARGIN, GAP = 1720, 56, 20
INK, MUTED, FAINT, PAPER, CAUTION = "#14171c", "#566070", "#dfe3e8", "#ffffff", "#a13d00"
CURVE, AREA = "#2a52be", "#dfe6f7"
SMALL, PLAIN, TITLE = 19, 21, 25  # pixels, of text on a sheet that is WIDTH pixels wide


def font(size: int, bold: bool = False) -> ImageFont.ImageFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return ImageFont.load_default(size)


def fit(text: str, font: ImageFont.ImageFont, width: float) -> str:
    """The text, its end replaced by an ellipsis where it is too long."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def wrap(text: str, font: ImageFont.ImageFont, width: float) -> list[str]:
    """Lines that fit, broken between words; a word that is too long by itself is shortened."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(fit(word, font, width))
    return lines


def clock(seconds: float) -> str:
    """`3.2 s`, `1:03` or `2:05:07`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def blank(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (WIDTH, height), PAPER)
    return image, ImageDraw.Draw(image)


def header(title: str, facts: list[str], cautions: Sequence[str] = ()) -> Image.Image:
    """A title, a line of facts below it, and what speaks against believing what follows."""
    bold, line, inner = font(40, bold=True), font(PLAIN), WIDTH - 2 * MARGIN
    warnings = wrap("   ·   ".join(cautions), line, inner)
    image, draw = blank(96 + 32 * len(warnings))
    draw.text((MARGIN, 0), fit(title, bold, inner), INK, bold)
    draw.text((MARGIN, 58), fit("   ·   ".join(facts), line, inner), MUTED, line)
    for row, text in enumerate(warnings):
        draw.text((MARGIN, 90 + 32 * row), text, CAUTION, line)
    return image


def section(title: str, note: str) -> Image.Image:
    image, draw = blank(86)
    bold, plain = font(TITLE, bold=True), font(PLAIN)
    draw.line((MARGIN, 18, WIDTH - MARGIN, 18), FAINT, 2)
    draw.text((MARGIN, 36), title, INK, bold)
    left = MARGIN + bold.getlength(title) + 18
    draw.text((left, 40), fit(note, plain, WIDTH - MARGIN - left), MUTED, plain)
    return image


def readable_on(color: str) -> str:
    """White or ink, whichever stands out more from a colour such as #e69f00."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else PAPER


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers between two bounds."""
    raw = max(high - low, 1e-9) / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    first, last = int(np.ceil(low / step)), int(high / step + 1e-9)
    return [round(i * step, 9) for i in range(first, last + 1)]


def steps(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of steps from point to point, half way between them."""
    middles = (x[1:] + x[:-1]) / 2
    return np.r_[x[0], np.repeat(middles, 2), x[-1]], np.repeat(y, 2)


def stack(parts: list[Image.Image], margin: int = MARGIN) -> Image.Image:
    """One page of parts, from top to bottom."""
    page = Image.new("RGB", (WIDTH, sum(part.height for part in parts) + 2 * margin), PAPER)
    top = margin
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def save(path: str | os.PathLike, page: Image.Image) -> None:
    """Writes a page; an existing file is replaced when the new one is whole.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    part = partial_name(path)
    try:
        page.save(part)
        part.replace(path)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot write {path}: {getattr(error, 'strerror', '') or error}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
