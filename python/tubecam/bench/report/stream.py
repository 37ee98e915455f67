"""The report of stream mode."""

from __future__ import annotations

from typing import Any

from .tables import latency_cells, ratio_text, table

STAGES = (
    "decode", "convert", "preprocess", "window wait", "transfer", "engine", "explanation",
    "overlay", "last frame to result", "source to sink",
)  # fmt: skip


def print_stream(stream: dict[str, Any], console) -> None:
    """Prints full speed with explanations on and off, then each number of streams at once."""
    for live in stream["live"]:
        word = "stream" if live["streams"] == 1 else "streams at once"
        rows = table(
            f"{live['streams']} {word} at the video's own pace, ms",
            "stage", "p50", "p90", "p99", "max", "N", "spread",
        )  # fmt: skip
        for name in STAGES:
            stage = live["stages_ms"].get(name)
            if stage and stage["n"]:
                rows.add_row(name, *latency_cells(stage))
        console.print(rows)
        console.print(_live_text(live), highlight=False)
    full = stream["full_speed"]
    if full["on"]["frames_per_s"]:
        console.print(
            f"as fast as possible: {full['on']['frames_per_s']:.0f} frames/s explained, "
            f"{full['off']['frames_per_s'] or float('nan'):.0f} frames/s with explanations off, "
            f"{full['on']['windows_per_s']:.1f} windows/s",
            highlight=False,
        )
    if full["cost"]:
        console.print(f"time a frame, on over off: {ratio_text(full['cost'])}", highlight=False)
    console.print(f"peak memory {stream['peak_memory_mb']:.0f} MB", highlight=False)


def _live_text(live: dict[str, Any]) -> str:
    state = "saturated" if live["saturated"] else "sustained"
    return (
        f"  {state}: {live['frames']} frames, {live['late_frames']} late,"
        f" {live['missing_frames']} missing; {live['windows']} windows explained,"
        f" {live['dropped_windows']} dropped; {live['windows_per_s']:.1f} windows/s,"
        f" {live['cpu_cores']:.2f} cores busy"
    )
