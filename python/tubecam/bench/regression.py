"""What changed between two benches, beyond noise.

A row has changed when the 95 % interval of the ratio of its medians leaves out 1, and the medians
differ by more than each run's own spread: neighbours and clocks move whole runs, which resampling
one run cannot see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import _core
from ..errors import UsageError
from .statistics import ratio, spread

LEAST = 0.02  # a smaller change is never called one


@dataclass(frozen=True)
class Change:
    """A row that both documents have.

    Attributes
    ----------
    verdict : str
        faster, slower, same, or unknown (too few samples).
    before, after : float
        Medians, ms.
    ratio : dict or None
        After over before, with its interval.
    noise : float
        The greater of the two runs' spreads, relative; below it nothing is called a change.
    """

    name: str
    verdict: str
    before: float | None
    after: float | None
    ratio: dict[str, Any] | None
    noise: float


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Compares two documents of one mode, row by row.

    Raises
    ------
    UsageError
        They are of different modes, or have no row in common.
    """
    if before["mode"] != after["mode"]:
        raise UsageError(
            f"one bench is of {before['mode']} mode, the other of {after['mode']} mode;"
            " only the same can be compared"
        )
    old, new = (_series(document) for document in (before, after))
    names = [name for name in old if name in new]
    if not names:
        raise UsageError("the two benches have no row in common")
    return [_change(name, old[name], new[name]) for name in names]


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs in the circumstances, one line each."""
    one, other = (_circumstances(document) for document in (before, after))
    return [f"{name}: {one[name]} → {other[name]}" for name in one if one[name] != other.get(name)]


def _change(name: str, old: list[float], new: list[float]) -> Change:
    found = ratio(new, old)
    noise = max(LEAST, *(spread(series) or 0.0 for series in (old, new)))
    if found is None:
        return Change(name, "unknown", _median(old), _median(new), None, noise)
    beyond = abs(found["value"] - 1) > noise and not found["low"] <= 1 <= found["high"]
    verdict = ("slower" if found["value"] > 1 else "faster") if beyond else "same"
    return Change(name, verdict, _median(old), _median(new), found, noise)


def _median(samples: list[float]) -> float | None:
    import statistics

    return statistics.median(samples) if samples else None


def _row_name(name: str) -> str:
    """Of today: documents of version 0.1 have short words for precisions."""
    old = _core.old_precisions()
    return " ".join(old.get(word, word) for word in name.split(" "))


def _series(document: dict[str, Any]) -> dict[str, list[float]]:
    """Samples by row."""
    if document["mode"] == "engine":
        return {_row_name(row["name"]): row["samples_ms"] for row in document["engine"]["rows"]
                if not row["skipped"]}  # fmt: skip
    stream = document["stream"]
    series = {
        f"{name}, {live['streams']} at once": samples
        for live in stream["live"]
        for name, samples in live["samples_ms"].items()
    }
    for kind in ("on", "off"):
        series[f"time a frame, explanations {kind}"] = stream["full_speed"][kind]["frame_ms"]
    return series


def _circumstances(document: dict[str, Any]) -> dict[str, str]:
    source = document["provenance"]
    facts = {
        "cpu": source["cpu"].get("model", ""),
        "cores": source["cpu"].get("usable_cores", ""),
        "clock governor": source["cpu"].get("governor", ""),
        "gpu": ", ".join(source["gpu"]),
        "threads": source["threads"],
        "tubecam": source["tubecam"],
        "bundle": source["bundle"]["name"],
        "graph": source["bundle"]["files"].get("model.onnx", "")[:12],
    }
    facts |= {f"package {name}": version for name, version in source["packages"].items()}
    return {name: str(value) for name, value in facts.items()}


def print_comparison(before: dict[str, Any], after: dict[str, Any], console=None) -> None:
    """Prints what differs in the circumstances, then every row with its verdict."""
    from rich.console import Console

    from .report.tables import milliseconds, ratio_text, table

    console = console or Console()
    for line in differences(before, after):
        console.print(f"differs: {line}", highlight=False, markup=False)
    changes = compare(before, after)
    rows = table("After over before, 95 % interval", "row", "before ms", "after ms", "ratio",
                 "noise", "verdict")  # fmt: skip
    colours = {"faster": "green", "slower": "red"}
    for change in changes:
        times = ("–" if t is None else milliseconds(t) for t in (change.before, change.after))
        found = ratio_text(change.ratio) if change.ratio else "too few samples"
        colour = colours.get(change.verdict, "dim")
        rows.add_row(change.name, *times, found, f"{100 * change.noise:.0f} %",
                     f"[{colour}]{change.verdict}[/]")  # fmt: skip
    console.print(rows)
    changed = [c for c in changes if c.verdict in colours]
    console.print(f"{len(changed)} of {len(changes)} rows changed beyond noise", highlight=False)
