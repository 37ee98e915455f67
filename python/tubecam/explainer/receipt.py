"""How an explanation came about, and how far it can be trusted.

Written by `make receipt` from csrc/explain/receipt/receipt.h and explanation_fields.h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple


class Timings(NamedTuple):
    """Milliseconds that the stages of one window took.

    Attributes
    ----------
    preprocess : float
        All sampled frames new to this window, and their optical flow.
    engine : float
        Logits and the explanation's tensors.
    explain : float
        Tube, curve, peak, boxes.
    """

    preprocess: float = math.nan
    engine: float = math.nan
    explain: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """How far an explanation can be trusted.

    Attributes
    ----------
    bundle : str
        The bundle's name.
    method : str
        How relevance was found.
    layer : str
        What is explained.
    unit : str
        Of relevance: logit, score, logit per input, share … (csrc/bundle/method_table.h).
    engine : str
        What ran the graph, with its version.
    precision : str
        What the engine really computes in.
    relevance_sum : float
        Before ReLU; with hirescam, the logit less the head's bias.
    logit : float
        Of the target.
    export_error : float
        Relative, of the graph against autograd, from the bundle's check.
    conservation : float
        Relevance's sum over logit − baseline's logit, or 0; NaN: it means nothing.
    class_specific : bool | None
        False: the export found that the method ignores the class; None: its check was inconclusive.
    map_correlation : float
        Of a quantised graph's maps with float32's, by the export; NaN: it is not quantised.
    drifts : bool
        True: those maps differ beyond the limits, and the export was forced.
    baseline_logit : float
        Of the clip that relevance is relative to; NaN: there is none.
    passes : int
        Through the engine.
    downgraded_from : str
        The method asked for, where the budget did not pay it.
    fell_back_from : str
        The device asked for and what failed there ("cuda:0: …"), where the CPU took over.
    receptive_field : tuple[float, float, float] | None
        Sampled frames, rows and columns of the clip that a cell can depend on; None: the bundle
        states none.
    """

    bundle: str = ""
    method: str = ""
    layer: str = ""
    unit: str = ""
    engine: str = ""
    precision: str = ""
    relevance_sum: float = math.nan
    logit: float = math.nan
    export_error: float = math.nan
    conservation: float = math.nan
    class_specific: bool | None = None
    map_correlation: float = math.nan
    drifts: bool = False
    baseline_logit: float = math.nan
    passes: int = 0
    downgraded_from: str = ""
    fell_back_from: str = ""
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
