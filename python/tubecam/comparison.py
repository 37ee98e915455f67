"""Methods side by side: what each makes of the same window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .errors import StreamError
from .explain import Explainer
from .explanation import Explanation
from .heat import paint_heat
from .sheet import FAINT, INK, MUTED, PAPER, font

_SHOTS, _WIDTH, _TEXT, _CURVE, _GAP = 4, 250, 310, 200, 8
_FULL = 99.5  # percentile of the tube that is shown as full heat: single pixels are no scale


@dataclass(frozen=True)
class Moment:
    """One window of a video: T pictures, uint8 [height, width, 3] RGB, and their seconds."""

    pictures: list[np.ndarray]
    times: list[float]


def strongest_moment(explainer: Explainer, source: str, at: float | None = None) -> Moment:
    """The window whose relevance peaks highest, or the first that ends at or after `at` seconds.

    Raises
    ------
    StreamError
        The video cannot be decoded or is too short.
    """
    from .source import parse_source
    from .stream import read_pictures

    spec, best, most = explainer.clip_spec, None, -math.inf
    recent: list[tuple[float, np.ndarray]] = []
    explainer.reset()
    for pts, picture in read_pictures(parse_source(source)):
        found = explainer.push(picture, pts / 1e9)
        recent.append((pts / 1e9, picture))
        if found is None:
            continue
        begin = found.times[0] - 1e-6
        recent = [(time, kept) for time, kept in recent if time >= begin]
        if found.peak.value > most and (at is None or found.times[-1] >= at):
            most, best = found.peak.value, Moment(*_nearest(found.times, recent))
            if at is not None:
                break
    if best is None:
        seconds = spec.length / spec.sample_fps
        raise StreamError(f"{source} has no window of {seconds:.2f} s there")
    return best


def _nearest(times: np.ndarray, recent: list[tuple[float, np.ndarray]]) -> tuple[list, list]:
    """The picture of each slice: the last one at or before its time."""
    known = np.array([time for time, _ in recent])
    places = np.clip(np.searchsorted(known, times + 1e-6, side="right") - 1, 0, None)
    return [recent[i][1] for i in places], [float(time) for time in times]


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
        _describe(sheet, explanation, top)
        window = explanation.record()
        scale = max(float(np.percentile(explanation.tube, _FULL)), 1e-12)
        for column, place in enumerate(places):
            time = round(moment.times[place] * 1e9)
            shot = Image.fromarray(paint_heat(pictures[place], window, time, scale))
            shot = shot.resize((_WIDTH, height), Image.LANCZOS)
            sheet.paste(shot, (_TEXT + column * (_WIDTH + _GAP), top))
        _draw_curve(sheet, explanation, places, (width - _CURVE, top, _CURVE - _GAP, height))
    return sheet


def _describe(sheet: Image.Image, explanation: Explanation, top: int) -> None:
    draw, receipt = ImageDraw.Draw(sheet), explanation.receipt
    draw.text((_GAP, top + 2), explanation.method, INK, font(22, bold=True))
    passes = "1 pass" if receipt.passes == 1 else f"{receipt.passes} passes"
    lines = [f"{explanation.target_name}  ·  {passes}, {explanation.timings.engine:.1f} ms"]
    if math.isfinite(explanation.motion_share):
        by = {"selective": "relevance that changes", "split": "against a frozen clip",
              "split-exact": "against all frozen"}  # fmt: skip
        share = f"{100 * explanation.motion_share:.0f} % {by[explanation.motion_by]}"
        lines.append(f"motion {share}")
    if math.isfinite(receipt.conservation):
        what = "logit" if math.isnan(receipt.baseline_logit) else "difference"
        lines.append(f"sums to {100 * receipt.conservation:.1f} % of the {what}")
    lines += [mark.text for mark in explanation.marks]
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
    """Saves the sheet; StreamError where the file cannot be written."""
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise StreamError(f"cannot write {path}: {error}") from error
