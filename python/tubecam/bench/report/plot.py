"""The bench as a picture: stacked stages a configuration, and what explanations cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...libraries.extras import needed_for
from .tables import milliseconds

# Colour-blind safe (Okabe & Ito), one a stage everywhere.
COLORS = {
    "decode": "#56B4E9", "convert": "#F0E442", "preprocess": "#009E73", "window wait": "#BBBBBB",
    "engine": "#0072B2", "explanation": "#D55E00", "overlay": "#CC79A7",
}  # fmt: skip
OWN, EXPLAIN, OTHER = "#0072B2", "#D55E00", "#999999"
STACKED = ("decode", "convert", "preprocess", "window wait", "engine", "explanation", "overlay")


def check_available() -> None:
    """Finds before the run that matplotlib is missing."""
    with needed_for("--plot", "bench"):
        import matplotlib  # noqa: F401


def plot(content: dict[str, Any], path: Path) -> None:
    """Draws a document into a PNG of about 1600×900 pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6.5), dpi=125, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    if content["mode"] == "engine":
        _latencies(left, content["engine"])
        _overheads(right, content["engine"]["overheads"])
    else:
        _stages(left, content["stream"]["live"])
        _full_speed(right, content["stream"]["full_speed"])
    machine = content["provenance"]
    figure.suptitle(
        f"{machine['bundle']['name']} on {machine['cpu']['model']}, {machine['threads']} threads",
        fontsize=13,
    )
    figure.savefig(path)


def _latencies(axes, engine: dict[str, Any]) -> None:
    """One bar a row, ours in stages; whiskers reach to p90."""
    rows = [row for row in engine["rows"] if row["latency_ms"]["p50"]]
    for y, row in enumerate(rows):
        latency = row["latency_ms"]
        explain = min(row["stages_ms"].get("explain", 0.0), latency["p50"])
        color = OTHER if row["kind"] == "peer" else OWN
        axes.barh(y, latency["p50"] - explain, color=color, height=0.65)
        axes.barh(y, explain, left=latency["p50"] - explain, color=EXPLAIN, height=0.65)
        end = latency["p90"] or latency["max"]
        axes.plot([latency["p50"], end], [y, y], color="#222222", linewidth=1.2)
        note = "" if row["agreement"].get("same_method", True) else "  another method"
        axes.text(end, y, f"  {milliseconds(latency['p50'])} ms{note}", va="center", fontsize=9)
    _label_rows(axes, [row["name"] for row in rows])
    floor = engine["floor"].get("floor_ms")
    if floor:
        axes.axvline(floor, color="#222222", linestyle=":", linewidth=1)
        text = f" floor of {engine['engine']['precision']}"
        axes.text(floor, -0.5, text, fontsize=9, ha="left")
    _handles(axes, [("forward and graph", OWN), ("tube, curve, peak, boxes", EXPLAIN),
                    ("peers", OTHER)])  # fmt: skip
    _finish(axes, "One clip: median, line to p90", "ms")


def _overheads(axes, overheads: dict[str, Any]) -> None:
    """Ratios as bars from 1, with their intervals."""
    for y, found in enumerate(overheads.values()):
        value, low, high = found["value"], found["low"], found["high"]
        name = list(overheads)[y]
        color = OWN if name.endswith("/plain") else OTHER
        axes.barh(y, value - 1, left=1, color=color, height=0.6)
        axes.plot([low, high], [y, y], color="#222222", linewidth=1.6)
        axes.text(max(value, high, 1.0), y, f"  {value:.3f}", va="center", fontsize=9)
    _label_rows(axes, [name.replace("/", " / ") for name in overheads])
    axes.axvline(1, color="#222222", linewidth=0.8)
    _finish(axes, "Ratios of medians, 95 % interval", "×")


def _stages(axes, live: list[dict[str, Any]]) -> None:
    """The medians of a frame's and a window's stages, a bar a number of streams."""
    for y, level in enumerate(live):
        start = 0.0
        for name in STACKED:
            value = (level["stages_ms"].get(name) or {}).get("p50") or 0.0
            axes.barh(y, value, left=start, color=COLORS[name], height=0.6)
            start += value
        state = "saturated" if level["saturated"] else "sustained"
        axes.text(start, y, f"  {start:.1f} ms, {state}", va="center", fontsize=9)
    names = [f"{v['streams']} stream{'s' if v['streams'] > 1 else ''}" for v in live]
    _label_rows(axes, names)
    _handles(axes, [(name, COLORS[name]) for name in STACKED])
    _finish(axes, "Stages at the video's own pace, medians", "ms")


def _full_speed(axes, full: dict[str, Any]) -> None:
    kinds = [kind for kind in ("off", "on") if full[kind]["frames_per_s"]]
    for y, kind in enumerate(kinds):
        rate = full[kind]["frames_per_s"]
        axes.barh(y, rate, color=EXPLAIN if kind == "on" else OTHER, height=0.6)
        axes.text(rate, y, f"  {rate:.0f}", va="center", fontsize=9)
    _label_rows(axes, [f"explanations {kind}" for kind in kinds])
    _finish(axes, "As fast as possible", "frames/s")


def _label_rows(axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=10)
    axes.set_ylim(max(len(names), 4) - 0.4, -0.7)  # the first row on top, thin even when alone


def _handles(axes, pairs: list[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=color, label=name) for name, color in pairs]
    axes.legend(handles=patches, fontsize=9, loc="upper center", ncols=4, frameon=False,
                bbox_to_anchor=(0.5, -0.1))  # fmt: skip


def _finish(axes, title: str, unit: str) -> None:
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel(unit)
    axes.margins(x=0.18)
    axes.spines[["top", "right"]].set_visible(False)
