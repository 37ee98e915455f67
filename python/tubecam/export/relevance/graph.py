"""One method as one ordinary graph, and the place of its cells on the clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
import torch
from torch import Tensor, nn

from ...errors import UsageError
from ..capture import Capture, capture, shape_of
from ..explained import trace_forward_only
from ..fold import fold_batch_norm, fold_constants
from ..geometry import Geometry
from ..layers import Layer
from ..measure import FormMeasurer
from ..onnx_file import to_onnx
from .domain import Domain
from .propagate import Relevance

Cells = tuple[int, int, int]


@dataclass
class RelevanceGraph:
    """A graph before it is written, with `relevance`, which evaluates the same in any precision.

    The remaining attributes are those of an explained graph; the layer is the clip.
    """

    method: str
    model: onnx.ModelProto
    relevance: Relevance
    layer: Layer
    geometry: Geometry
    classes: int
    folded: int
    kept: int
    forms: dict[str, int]
    closed_form: bool = False


def checked_pool(pool: Sequence[int], clip_shape: Sequence[int]) -> Cells:
    """Slices and pixels of a cell; UsageError unless they divide the clip."""
    cells = tuple(int(p) for p in pool)
    sizes = (clip_shape[1], clip_shape[3], clip_shape[4])
    if len(cells) != 3 or any(p < 1 or n % p for p, n in zip(cells, sizes, strict=True)):
        raise UsageError(
            f"relevance cannot be pooled over {'x'.join(map(str, pool))}: each number (slices, "
            f"rows, columns) must divide the clip's {sizes[0]}x{sizes[1]}x{sizes[2]}."
        )
    return cells


def build_relevance(
    module: nn.Module, example: Tensor, method: str, pool: Cells, domain: Domain,
    time_first: bool, measure: bool,
) -> RelevanceGraph:  # fmt: skip
    """Captures, folds, propagates and converts.

    Raises
    ------
    ExportError
        The model cannot be traced, or the method has no rule for one of its operators.
    """
    captured = capture(module, example, time_first)
    fold_constants(captured.module)
    folded, kept = fold_batch_norm(captured, None)
    relevance = Relevance(captured, method, pool, domain)
    chooser = FormMeasurer()
    traced = trace_forward_only(relevance, example, chooser, method)
    if measure and chooser.measure_pending():
        traced = trace_forward_only(relevance, example, chooser, method)
    inputs = (example, torch.tensor([-1]))
    model = to_onnx(traced, inputs, ("clip", "target"), ("logits", "relevance"))
    forms = list(chooser.chosen.values())
    return RelevanceGraph(
        method, model, relevance, *_place(captured, pool), shape_of(captured.logits)[1], folded,
        kept, {form: forms.count(form) for form in sorted(set(forms))},
    )  # fmt: skip


def _place(captured: Capture, pool: Cells) -> tuple[Layer, Geometry]:
    _, t, _, h, w = shape_of(captured.clip)
    shape = (1, t // pool[0], h // pool[1], w // pool[2])
    stride = tuple(float(p) for p in pool)
    offset = tuple((p - 1) / 2 for p in pool)
    return Layer("clip", captured.clip, shape, False), Geometry(stride, offset, True)
