"""What an export gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .axes.receptive_field import Geometry
from .head.head import Head
from .verify.check_report import CheckReport
from .verify.sanity import Sanity


@dataclass(frozen=True)
class ExportReport:
    """What was exported.

    Attributes
    ----------
    path : Path
        The bundle folder.
    layer, layer_shape : str, (C, t, h, w)
        The explained tensor of the first graph: ``clip`` where that gives relevance to the input.
    layers : tuple of str
        All explained layers of the first graph.
    closed_form : bool
        The head is global average pool + linear, so no backward pass is in the graph.
    geometry : Geometry
        The layer's stride and offset on the clip.
    methods : tuple of str
        Explanations that the bundle offers.
    classes : int
        How many the model knows.
    folded, kept : int
        Batch normalisations folded into convolutions, and kept as affine operators.
    forms : dict
        How many convolution gradients took which form.
    check : CheckReport
        Agreement with autograd.
    sanity : dict
        By method: what its maps depend on.
    quantisation : dict
        Of an int8 graph: layers, clips, windows, rule, drift and limits, as in the sidecar.
    head : Head or None
        How scores follow from the logits; None where a bundle was converted.
    marks : tuple of str
        What explanations will bear, and by which methods.
    clip : (T, H, W)
    coarse : tuple of str
        Of each layer with few cells, a sentence that names a finer one.
    beside : str
        A sentence on pathways that were not explained, where none was named; empty without any.
    """

    path: Path
    layer: str
    layer_shape: tuple[int, int, int, int]
    layers: tuple[str, ...]
    closed_form: bool
    geometry: Geometry
    methods: tuple[str, ...]
    classes: int
    folded: int
    kept: int
    forms: dict[str, int]
    check: CheckReport
    sanity: dict[str, Sanity]
    quantisation: dict[str, Any] = field(default_factory=dict)
    head: Head | None = None
    marks: tuple[str, ...] = ()
    clip: tuple[int, int, int] = (0, 0, 0)
    coarse: tuple[str, ...] = ()
    beside: str = ""

    def __repr__(self) -> str:
        cells = "×".join(map(str, self.layer_shape[1:]))
        return (
            f"ExportReport({str(self.path)!r}: {', '.join(self.methods)} at {self.layer!r}, tube"
            f" {cells}, {self.classes} classes, error {self.check.max_relative_error:.1e})"
        )
