"""Methods side by side: what each makes of the same window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .. import _core
from ..drawing.heat import (
    HeatStyle,
    color_bars,
    describe_scale,
    evidence_of,
    has_few_times,
    paint_heat,
    steps_of,
)
from ..errors import StreamError
from ..explainer.explain_frames import explained, too_short
from ..explainer.explainer import Explainer
from ..explainer.explanation import Explanation
from ..video.reader import read_pictures
from ..video.source import Source
from ..windows import sampling
from ..windows.window_record import WindowRecord
from .page import (
    AREA,
    CURVE,
    FAINT,
    GAP,
    INK,
    MARGIN,
    MUTED,
    SMALL,
    WIDTH,
    blank,
    font,
    header,
    stack,
    steps,
    wrap,
)

_SHOTS, _TEXT, _CURVE, _SPACE = 4, 470, 220, 8
_SHOT = (WIDTH - 2 * MARGIN - _TEXT - _CURVE) // _SHOTS - _SPACE
_LINE = 25


@dataclass(frozen=True)
class Moment:
    """One window of a video: T pictures, uint8 [height, width, 3] RGB, their seconds, and notes.

    The notes say how the pictures were sampled, where that is not the model's own way.
    """

    pictures: list[np.ndarray]
    times: list[float]
    notes: tuple[str, ...] = ()

    @property
    def places(self) -> np.ndarray:
        """Of the pictures that are shown."""
        return np.linspace(0, len(self.times) - 1, _SHOTS + 2).round().astype(int)[1:-1]


def strongest_moment(
    explainer: Explainer, source: Source, at: float | None = None, pad: str = "last"
) -> Moment:
    """The window whose relevance peaks highest, or the first that ends at or after `at` seconds.

    Raises
    ------
    StreamError
        The video cannot be decoded, or has no window there.
    """
    best, most = None, -math.inf
    recent: list[tuple[float, np.ndarray]] = []
    explainer.reset()
    for pts, picture, found in explained(explainer, read_pictures(source), pad):
        recent.append((pts / 1e9, picture))
        if found is None:
            continue
        begin = found.times[0] - 1e-6
        recent = [(time, kept) for time, kept in recent if time >= begin]
        if found.peak.value > most and (at is None or found.times[-1] >= at):
            most, best = found.peak.value, _moment(found, recent)
            if at is not None:
                break
    if best is None:
        raise (
            too_short(source.name, explainer)
            if at is None
            else StreamError(f"{source.name} has no window that ends at {at:g} s or after")
        )
    return best


def _moment(found: Explanation, recent: list[tuple[float, np.ndarray]]) -> Moment:
    """The picture of each slice: the last one at or before its time; padding repeats some."""
    known = np.array([time for time, _ in recent])
    shown = len(found.times) - found.sampling.padded
    slices = np.arange(len(found.times))
    slices = slices % shown if found.sampling.padding == "loop" else np.minimum(slices, shown - 1)
    places = np.searchsorted(known, found.times[slices] + 1e-6, side="right") - 1
    pictures = [recent[i][1] for i in np.clip(places, 0, None)]
    notes = tuple(mark.text for mark in found.marks if mark.key in sampling.MARKS)
    return Moment(pictures, found.times.tolist(), notes)


def explain_moment(
    explainer: Explainer, moment: Moment, methods: Sequence[str]
) -> Iterator[Explanation]:
    """The same class of the same window by one method after the other."""
    target = None
    for method in methods:
        explanation = explainer.explain(moment.pictures, target, method, moment.times)
        target = explanation.target
        yield explanation


def draw_comparison(
    moment: Moment,
    explanations: Sequence[Explanation],
    title: str = "",
    style: HeatStyle = HeatStyle(),  # noqa: B008 (frozen)
) -> Image.Image:
    """A row a method: its name and receipt, four frames with heat, relevance over time.

    Full colour is of each row's own scale, as methods differ in their units; `style.scale` is for
    those in logits.
    """
    model = explanations[0].receipt.bundle
    facts = [f"model {model}", f"explained class: {explanations[0].target}"]
    rows = [_row(moment, explanation, style) for explanation in explanations]
    return stack(
        [header(title, facts, moment.notes), _heads(moment), *rows, _legend(explanations, style)]
    )


def _heads(moment: Moment) -> Image.Image:
    """What the columns show."""
    image, draw = blank(36)
    for column, place in enumerate(moment.places):
        draw.text((_left_of(column), 4), f"{moment.times[place]:.2f} s", MUTED, font(SMALL))
    draw.text((WIDTH - MARGIN - _CURVE, 4), "relevance over time", MUTED, font(SMALL))
    return image


def _left_of(column: int) -> int:
    return MARGIN + _TEXT + column * (_SHOT + _SPACE)


def _row(moment: Moment, explanation: Explanation, style: HeatStyle) -> Image.Image:
    window = explanation.record()
    evidence = evidence_of(window)
    if math.isnan(evidence.decision):
        style = HeatStyle(style.show, style.color_map, style.alpha, style.threshold)
    scale = style.scale or _core.full_heat(evidence)
    height = round(_SHOT * moment.pictures[0].shape[0] / moment.pictures[0].shape[1])
    words = facts(explanation)
    if explanation.valid:
        words.append(describe_scale(scale, style, window))
    lines = [line for text in words for line in wrap(text, font(SMALL), _TEXT - GAP)]
    image, draw = blank(max(height, 34 + _LINE * len(lines)) + 2 * _SPACE)
    draw.line((MARGIN, 0, WIDTH - MARGIN, 0), FAINT)
    draw.text((MARGIN, _SPACE), explanation.method, INK, font(24, bold=True))
    for place, line in enumerate(lines):
        draw.text((MARGIN, 42 + _LINE * place), line, MUTED, font(SMALL))
    for column, place in enumerate(moment.places):
        time = round(moment.times[place] * 1e9)
        shot = Image.fromarray(paint_heat(moment.pictures[place], window, time, scale, style))
        image.paste(shot.resize((_SHOT, height), Image.LANCZOS), (_left_of(column), _SPACE))
    _draw_curve(draw, window, moment.places, (_SPACE, height))
    return image


def facts(explanation: Explanation) -> list[str]:
    """What the receipt says, in words."""
    receipt = explanation.receipt
    passes = "1 pass" if receipt.passes == 1 else f"{receipt.passes} passes"
    cells = "×".join(map(str, explanation.tube.shape))
    lines = [f"{passes}, {explanation.timings.engine:.1f} ms; {cells} cells"]
    shares = [f"{p.name} {p.share:.0f} %" for p in explanation.pathways if math.isfinite(p.share)]
    lines += [", ".join(shares)] if shares else []
    if math.isfinite(explanation.motion_share):
        how = _core.motion_sources()[explanation.motion_by]
        lines.append(f"motion {100 * explanation.motion_share:.0f} % ({how})")
    if math.isfinite(receipt.conservation):
        what = receipt.unit if math.isnan(receipt.baseline_logit) else "difference"
        lines.append(f"sums to {100 * receipt.conservation:.1f} % of the {what}")
    lines += [mark.text for mark in explanation.marks]
    if not explanation.valid:
        lines.append(explanation.problem)
    return lines


def _draw_curve(
    draw: ImageDraw.ImageDraw, window: WindowRecord, places: np.ndarray, span: tuple[int, int]
) -> None:
    """Relevance over time, with a line at each picture; what is even in time fills half of it."""
    (top, height), left = span, WIDTH - MARGIN - _CURVE
    few = has_few_times(window)
    curve = steps_of(window) if few else window.curve
    high = max(_core.full_curve(evidence_of(window), float(curve.max())), 1e-12)
    low = min(0.0, float(curve.min()))
    x = left + np.arange(len(curve)) * _CURVE / max(1, len(curve) - 1)
    y = top + height - 6 - (curve - low) / (high - low) * (height - 12)
    base = top + height - 6 + low / (high - low) * (height - 12)
    for place in places:
        draw.line([(x[place], top), (x[place], top + height)], FAINT)
    corners = steps(x, y) if few else (x, y)
    line = list(zip(*(corner.tolist() for corner in corners), strict=True))
    draw.polygon([(x[0], base), *line, (x[-1], base)], fill=AREA)
    draw.line(line, CURVE, 3, joint="curve")
    draw.line([(left, base), (left + _CURVE, base)], MUTED)


def _legend(explanations: Sequence[Explanation], style: HeatStyle) -> Image.Image:
    """The colours of all rows, from none to full heat."""
    image, draw = blank(64)
    face, left = font(SMALL), MARGIN
    draw.line((MARGIN, 0, WIDTH - MARGIN, 0), FAINT)
    words: dict[bytes, list[str]] = {}  # of each bar: hues have two meanings
    for explanation in explanations:
        for word, colors in color_bars(style, explanation.record()):
            known = words.setdefault(colors.tobytes(), [])
            known += [word] if word not in known else []
    for colors, meanings in words.items():
        text = " or ".join(meanings) or "relevance"
        draw.text((left, 24), text, MUTED, face)
        left += round(face.getlength(text)) + 10
        bar = Image.frombytes("RGB", (256, 1), colors).resize((180, 18), Image.BILINEAR)
        image.paste(bar, (left, 27))
        left += bar.width + 2 * GAP
    draw.text((left, 24), "from none to full colour, by each row's own scale", MUTED, face)
    return image
