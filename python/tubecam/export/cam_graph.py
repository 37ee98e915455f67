"""The graph that the class-activation methods share: built, not yet written or checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx
import torch
from torch import Tensor

from .capture import Capture, capture, shape_of
from .explained import trace_explained
from .fold import fold_batch_norm, fold_constants
from .geometry import Geometry, layer_geometry
from .layers import Layer, choose_layer, closed_form
from .measure import FormMeasurer
from .onnx_file import to_onnx
from .source import Source
from .spec import ClipSpec

Progress = Callable[[str], None]


@dataclass
class Graph:
    """An explained graph before it is written."""

    model: onnx.ModelProto
    source: Source
    original: Capture
    captured: Capture
    layer: Layer
    closed_form: bool
    geometry: Geometry
    classes: int
    folded: int
    kept: int
    forms: dict[str, int]


def build_graph(
    found: Source, path: str | None, time_first: bool, seed: int, measure: bool, say: Progress
) -> Graph:
    """Everything between a model and its ONNX graph; nothing is written or checked."""
    example = example_clip(found.clip, seed)
    say("tracing the forward pass")
    original = capture(found.model, example, time_first)
    captured = capture(found.model, example, time_first)
    fold_constants(captured.module)
    classes = shape_of(captured.logits)[1]
    layer = choose_layer(captured, path, found.clip.length)
    geometry = layer_geometry(captured, layer.node, layer.frame_wise)
    folded, kept = fold_batch_norm(captured, layer.node)
    layer = choose_layer(captured, layer.name, found.clip.length)
    matrix = closed_form(captured, layer, example)
    if matrix is None:
        say(f"tracing the gradient at {layer.name}")
    else:
        say(f"the head on {layer.name} is average pool + linear: no backward pass is needed")
    chooser = FormMeasurer()
    traced = trace_explained(captured, layer, matrix, example, chooser)
    if measure and chooser.measure_pending():
        traced = trace_explained(captured, layer, matrix, example, chooser)
    say("converting to ONNX")
    third = "gradient" if matrix is None else "weight"
    inputs = (example, torch.tensor([-1]))
    model = to_onnx(traced, inputs, ("clip", "target"), ("logits", "activation", third))
    forms = list(chooser.chosen.values())
    return Graph(
        model, found, original, captured, layer, matrix is not None, geometry, classes, folded,
        kept, {form: forms.count(form) for form in sorted(set(forms))},
    )  # fmt: skip


def example_clip(clip: ClipSpec, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed + 104729)
    return torch.randn(clip.input_shape, generator=random)
