"""The report on the terminal: a table of rows, what explanations cost, and the floor."""

from __future__ import annotations

from typing import Any

from .stream import print_stream
from .tables import latency_cells, ratio_text, table


def print_report(content: dict[str, Any], console=None) -> None:
    """Prints a document's results as tables; `console` is a rich Console."""
    from rich.console import Console

    console = console or Console()
    machine = content["provenance"]
    cpu = machine["cpu"]
    console.print(
        f"[bold]{machine['bundle']['name']}[/] on {cpu['model']}, {machine['threads']} threads"
        f"  [dim]load at start {machine['load_at_start'][0]:.1f}[/]",
        highlight=False,
    )
    if content["interrupted"]:
        console.print("[yellow]interrupted: what was measured so far[/]")
    if content["mode"] == "engine":
        _print_engine(content["engine"], console)
    else:
        print_stream(content["stream"], console)
    for note in content["notes"]:
        console.print(f"[dim]note:[/] {note}", highlight=False, markup=True)


def _print_engine(engine: dict[str, Any], console) -> None:
    length, height, width = engine["clip"]
    info = engine["engine"]
    title = (
        f"One clip of {length}×{height}×{width}, {info['name']} {info['version']}"
        f" {info['precision']}, layer {engine['layer']}; ms"
    )
    rows = table(
        title, "row", "p50", "p90", "p99", "max", "N", "spread", "clips/s", "frames/s", "MB"
    )
    for row in engine["rows"]:
        if row["skipped"]:
            continue
        rate, memory = row["clips_per_s"], row["memory_mb"]
        rows.add_row(
            row["name"], *latency_cells(row["latency_ms"]),
            *(_rate(r) for r in (rate, rate and rate * length)),
            "–" if memory is None else f"{memory:.0f}",
        )  # fmt: skip
    console.print(rows)
    _print_peers(engine["rows"], console)
    _print_overheads(engine["overheads"], console)
    if engine["floor"]:
        console.print(floor_text(engine["floor"]), highlight=False)
    console.print(
        f"peak memory {engine['peak_memory_mb']:.0f} MB, all rows in one process;"
        f" {engine['rounds']} rounds",
        highlight=False,
    )


def _rate(rate: float | None) -> str:
    return "–" if not rate else f"{rate:.2f}" if rate < 10 else f"{rate:.0f}"


def _print_peers(rows: list[dict[str, Any]], console) -> None:
    """What each peer is, and whether its map is ours; or why it has no figures."""
    for row in rows:
        if row["skipped"]:
            console.print(f"  {row['name']}: {row['skipped']}", highlight=False, markup=False)
        elif row["kind"] == "precision":
            text = f"  {row['name']}: {row['title']}: {drift_text(row['agreement'])}"
            console.print(text, highlight=False, markup=False)
        elif row["agreement"]:
            text = f"  {row['name']}: {row['title']}: {agreement_text(row['agreement'])}"
            console.print(text, highlight=False, markup=False)


def drift_text(agreement: dict[str, Any]) -> str:
    """How far a precision's maps lie from those of the row that it is compared with."""
    return (
        f"maps correlate by {agreement['correlation']:.4f} (least "
        f"{agreement['correlation_min']:.4f}), peaks moved {agreement['peak_shift']:.0f} cells at "
        f"most, {agreement['same_label']:.0%} of predictions the same"
    )


def agreement_text(agreement: dict[str, Any]) -> str:
    """`the same map (correlation 1.000000, drift 1.2e-06)`, or `another method`."""
    found, drift = agreement["correlation"], agreement["drift"]
    figures = [] if found is None else [f"correlation {found:.6f}"]
    if agreement["same_method"] and drift is not None and drift < 0.5:  # else in other units
        figures.append(f"drift {drift:.1e}")
    word = "the same map" if agreement["same_method"] else "another method"
    return f"{word} ({', '.join(figures)})" if figures else word


def floor_text(floor: dict[str, Any]) -> str:
    """What the machine could do at best, in a sentence."""
    text = (
        f"floor {floor['floor_ms']:.1f} ms: {floor['gmac']:.2f} GMAC at"
        f" {floor['peak_gmac_per_s']:.1f} GMAC/s (measured) take {floor['compute_ms']:.1f} ms,"
        f" {floor['megabytes']:.0f} MB at {floor['copy_gb_per_s']:.1f} GB/s take"
        f" {floor['memory_ms']:.1f} ms"
    )
    fastest = f"{floor['fastest_ms']:.1f} ms, {100 * floor['reached']:.0f} % of that speed"
    if floor["reached"] > 1:
        fastest += " (Winograd's algorithm needs fewer products than the definition counts)"
    return f"{text}; the fastest explanation took {fastest}"


def _print_overheads(overheads: dict[str, Any], console) -> None:
    if not overheads:
        return
    rows = table("Ratios of medians, 95 % bootstrap interval", "ratio", "value", "rounds")
    for name, found in overheads.items():
        rows.add_row(name, ratio_text(found), str(found["n"]))
    console.print(rows)
