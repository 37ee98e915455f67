"""Methods side by side: what each makes of the same window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from . import sampling
from ._core import motion_texts
from .errors import OutputError, StreamError
from .explain import Explainer
from .explanation import Explanation
from .heat import paint_heat
from .output import partial_name
from .reader import read_pictures
from .sheet import FAINT, INK, MUTED, PAPER, font
from .source import Source
from .stream import explained, too_short

_SHOTS, _WIDTH, _TEXT, _CURVE, _GAP = 4, 250, 310, 200, 8
_FULL = 99.5  # percentile of the tube that is shown as full heat: single pixels are no scale


@dataclass(frozen=True)
class Moment:
    """One window of a video: T pictures, uint8 [height, width, 3] RGB, their seconds, and notes.

    The notes say how the pictures were sampled, where that is not the model's own way.
    """

    pictures: list[np.ndarray]
    times: list[float]
    notes: tuple[str, ...] = ()


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
        raise too_short(source.name, explainer) if at is None else StreamError(
            f"{source.name} has no window that ends at {at:g} s or after"
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
    for method in methods:
        explainer.method = method
        explanation = explainer.explain(moment.pictures, moment.times)
        explainer.target = explanation.target
        yield explanation


def draw_comparison(moment: Moment, explanations: Sequence[Explanation]) -> Image.Image:
    """A row a method: its name and receipt, four frames with heat, relevance over time."""
    pictures = moment.pictures
    places = np.linspace(0, len(pictures) - 1, _SHOTS + 2).round().astype(int)[1:-1]
    height = round(_WIDTH * pictures[0].shape[0] / pictures[0].shape[1])
    width = _TEXT + _SHOTS * (_WIDTH + _GAP) + _CURVE + _GAP
    sheet = Image.new("RGB", (width, len(explanations) * (height + _GAP) + _GAP), PAPER)
    for row, explanation in enumerate(explanations):
        top = _GAP + row * (height + _GAP)
        _describe(sheet, moment, explanation, top)
        window = explanation.record()
        scale = max(float(np.percentile(explanation.tube, _FULL)), 1e-12)
        for column, place in enumerate(places):
            time = round(moment.times[place] * 1e9)
            shot = Image.fromarray(paint_heat(pictures[place], window, time, scale))
            shot = shot.resize((_WIDTH, height), Image.LANCZOS)
            sheet.paste(shot, (_TEXT + column * (_WIDTH + _GAP), top))
        _draw_curve(sheet, explanation, places, (width - _CURVE, top, _CURVE - _GAP, height))
    return sheet


def _describe(sheet: Image.Image, moment: Moment, explanation: Explanation, top: int) -> None:
    draw, receipt = ImageDraw.Draw(sheet), explanation.receipt
    draw.text((_GAP, top + 2), explanation.method, INK, font(22, bold=True))
    passes = "1 pass" if receipt.passes == 1 else f"{receipt.passes} passes"
    lines = [f"{explanation.target_name}  ·  {passes}, {explanation.timings.engine:.1f} ms"]
    if math.isfinite(explanation.motion_share):
        how = motion_texts()[explanation.motion_by]
        share = f"{100 * explanation.motion_share:.0f} % {how}"
        lines.append(f"motion {share}")
    if math.isfinite(receipt.conservation):
        what = "logit" if math.isnan(receipt.baseline_logit) else "difference"
        lines.append(f"sums to {100 * receipt.conservation:.1f} % of the {what}")
    lines += [mark.text for mark in explanation.marks]
    lines += moment.notes
    if not explanation.valid:
        lines.append(explanation.problem)
    for place, line in enumerate(lines):
        draw.text((_GAP, top + 34 + 21 * place), line, MUTED, font(15))


def _draw_curve(
    sheet: Image.Image, explanation: Explanation, places: np.ndarray, box: tuple[int, ...]
) -> None:
    left, top, width, height = box
    draw, curve = ImageDraw.Draw(sheet), explanation.curve
    low, high = min(0.0, float(curve.min())), max(float(curve.max()), 1e-12)
    x = left + np.arange(len(curve)) * width / max(1, len(curve) - 1)
    y = top + height - 6 - (curve - low) / (high - low) * (height - 12)
    base = top + height - 6 + low / (high - low) * (height - 12)
    for place in places:
        draw.line([(x[place], top), (x[place], top + height)], FAINT)
    line = list(zip(x.tolist(), y.tolist(), strict=True))
    draw.polygon([(x[0], base), *line, (x[-1], base)], fill="#dfe6f7")
    draw.line(line, "#2a52be", 3, joint="curve")
    draw.line([(left, base), (left + width, base)], MUTED)


def write_comparison(path: Path, sheet: Image.Image) -> None:
    """Saves the sheet; OutputError where the file cannot be written."""
    part = partial_name(path)
    try:
        sheet.save(part)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
