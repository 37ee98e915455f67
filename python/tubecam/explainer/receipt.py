"""How far an explanation can be trusted: written by `make receipt` from csrc/explain/receipt.h."""

from __future__ import annotations

from dataclasses import dataclass


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
        Of relevance: logit, score, logit per input, share … (csrc/explain/unit.h).
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
        Relevance-sum / (logit − baseline-logit or 0); NaN: it means nothing.
    class_specific : bool | None
        False: the export found that the method ignores the class; None: it could not tell.
    map_correlation : float
        Of a quantised graph's maps with float32's, by the export; NaN: it is not quantised.
    drifts : bool
        True: those maps differ beyond the limits, and the export was forced.
    baseline_logit : float
        Of the clip that relevance is told from; NaN: there is none.
    passes : int
        Through the engine.
    downgraded_from : str
        The method asked for, where the budget did not pay it.
    fell_back_from : str
        The device asked for and what failed there ("cuda:0: …"), where the CPU took over.
    receptive_field : tuple[float, float, float] | None
        Slices, rows and columns of the clip that a cell can depend on; None: the bundle does not
        tell.
    """

    bundle: str
    method: str
    layer: str
    unit: str
    engine: str
    precision: str
    relevance_sum: float
    logit: float
    export_error: float
    conservation: float
    class_specific: bool | None = None
    map_correlation: float
    drifts: bool
    baseline_logit: float
    passes: int
    downgraded_from: str = ""
    fell_back_from: str = ""
    receptive_field: tuple[float, float, float] | None = None

    @property
    def bias_share(self) -> float:
        """The part of the logit that the biases took, NaN where `conservation` is."""
        return 1 - self.conservation
