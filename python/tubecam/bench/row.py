"""A line of the report of the engine mode."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .statistics import summarise
from .timing import Contender


@dataclass
class Row:
    """A line of the report."""

    name: str
    kind: str  # plain, graph, method, precision, peer
    title: str
    contender: Contender | None = None
    skipped: str = ""  # why there are no figures
    memory_mb: float = math.nan
    agreement: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, list[float]] = field(default_factory=dict)  # ms

    def facts(self) -> dict[str, Any]:
        """The row in JSON."""
        samples = [s * 1e3 for s in self.contender.seconds] if self.contender else []
        kept = [s for s in samples if math.isfinite(s)]
        p50 = summarise(kept)["p50"]
        return {
            "name": self.name, "kind": self.kind, "title": self.title, "skipped": self.skipped,
            "latency_ms": summarise(kept), "samples_ms": [round(s, 4) for s in kept],
            "clips_per_s": 1e3 / p50 if p50 else None,
            "memory_mb": None if math.isnan(self.memory_mb) else round(self.memory_mb, 1),
            "agreement": self.agreement,
            "stages_ms": {n: float(np.median(v)) for n, v in self.stages.items() if v},
        }  # fmt: skip
