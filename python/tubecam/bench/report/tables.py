"""Cells and tables for 80 columns."""

from __future__ import annotations

from typing import Any

from ..statistics import PERCENTILES, samples_needed


def latency_cells(latency: dict[str, Any]) -> list[str]:
    """p50, p90, p99, max, N, spread as text; `N≥100` where that many samples are needed."""
    cells = []
    for q in PERCENTILES:
        value = latency[f"p{q}"]
        cells.append(f"N≥{samples_needed(q)}" if value is None else milliseconds(value))
    spread = latency["spread"]
    return [
        *cells,
        "–" if latency["max"] is None else milliseconds(latency["max"]),
        str(latency["n"]),
        "–" if spread is None else f"{100 * spread:.0f} %",
    ]


def milliseconds(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def ratio_text(found: dict[str, Any]) -> str:
    """As `1.020 × (1.010 … 1.030)`."""
    return f"{found['value']:.3f} × ({found['low']:.3f} … {found['high']:.3f})"


def table(title: str, *headings: str):
    """A rich table for 80 columns: the first one to the left, the others to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim",
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), collapse_padding=True,
    )  # fmt: skip
    for i, heading in enumerate(headings):
        made.add_column(heading, justify="left" if i == 0 else "right", no_wrap=True)
    return made
