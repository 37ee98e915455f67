"""How an explanation came about, and how far it can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple


class Timings(NamedTuple):
    """Milliseconds that the stages of one window took."""

    preprocess: float  # all slices that are new to the window
    engine: float  # logits and the explanation's tensors
    explain: float  # tube, curve, peak, boxes


@dataclass(frozen=True)
class Receipt:
    """How far an explanation can be trusted."""

    bundle: str  # its name
    method: str  # that was run
    layer: str  # that was explained; "clip" where relevance goes to the input
    unit: str  # of relevance: "logit", "score", "logit per input", "share" … (unit.h)
    engine: str  # name and version
    precision: str  # what the engine really computes in
    relevance_sum: float  # before ReLU; with "hirescam", the logit less the head's bias
    logit: float  # of the target
    export_error: float  # relative, of the graph against autograd
    conservation: float  # relevance_sum / (logit − baseline_logit or 0); NaN: it means nothing
    class_specific: bool | None  # False: the export found that it ignores the class; None: unknown
    map_correlation: float  # of int8 maps with float32's, by the export; NaN: not quantised
    drifts: bool  # True: they differ beyond the limits, and the export was forced
    baseline_logit: float  # of the clip that relevance is told from; NaN: there is none
    passes: int  # through the engine
    downgraded_from: str = ""  # the method asked for, where the budget did not pay it
    fell_back_from: str = ""  # the device asked for and what failed there, where the CPU took over
    # Slices, rows and columns of the clip that a cell can depend on; None: the bundle says nothing.
    receptive_field: tuple[float, float, float] | None = None

    @property
    def bias_share(self) -> float:
        """The part of the logit that the biases took, NaN where `conservation` is."""
        return 1 - self.conservation

    def __repr__(self) -> str:
        """What says something: neither NaN nor empty."""
        known = [(f.name, getattr(self, f.name)) for f in fields(self)]
        said = [
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value!r}"
            for name, value in known
            if value not in ("", None) and not (isinstance(value, float) and math.isnan(value))
        ]
        return f"Receipt({', '.join(said)})"
