"""The graph that the class-activation methods share: built, not yet written or checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import onnx
import torch
from torch import Tensor

from .capture import Capture, capture
from .culprit import named_culprit
from .explained import trace_explained
from .flow_input import input_names, parts, sees_flow_alone, without_last_flow
from .fold import fold_batch_norm, fold_constants
from .geometry import Geometry, layer_geometry
from .layers import Layer, Paths, choose_layer, choose_layers, closed_form
from .measure import FormMeasurer
from .nodes import shape_of
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
    layers: tuple[Layer, ...]  # one, or several pathways
    closed_form: bool
    geometries: tuple[Geometry, ...]
    classes: int
    folded: int
    kept: int
    of_flow: tuple[bool, ...]  # by layer: it sees the optical flow and no colour
    forms: dict[str, int]

    @property
    def layer(self) -> Layer:
        return self.layers[0]

    @property
    def geometry(self) -> Geometry:
        return self.geometries[0]


def build_graph(
    found: Source, paths: Paths, time_first: bool, seed: int, measure: bool, say: Progress
) -> Graph:
    """Everything between a model and its ONNX graph; nothing is written or checked."""
    example = example_clip(found.clip, seed)
    say("tracing the forward pass")
    original = capture(found.model, example, time_first)
    captured = capture(found.model, example, time_first)
    fold_constants(captured.module)
    classes = shape_of(captured.logits)[1]
    layers = choose_layers(captured, paths, found.clip.length)
    of_flow = tuple(sees_flow_alone(captured, layer.node, example) for layer in layers)
    geometries = tuple(
        layer_geometry(captured, layer.node, layer.frame_wise, 0.5 if flow else 0.0)
        for layer, flow in zip(layers, of_flow, strict=True)
    )
    folded, kept = fold_batch_norm(captured, [layer.node for layer in layers])
    layers = tuple(
        replace(choose_layer(captured, a.name, found.clip.length), pathway=a.pathway)
        for a in layers
    )
    matrix = closed_form(captured, layers[0], example) if len(layers) == 1 else None
    names = ", ".join(f"'{layer.name}'" for layer in layers)
    if matrix is None:
        say(f"tracing the gradient at {names}")
    else:
        say(f"the head on {names} is average pool + linear: no backward pass is needed")
    chooser = FormMeasurer()
    outputs = output_names(layers, matrix is not None)
    inputs = (*parts(example), torch.tensor([-1]))
    starts = [layer.node for layer in layers]
    with named_culprit(captured, starts, f"the gradient of the logits at layer {names}"):
        traced = trace_explained(captured, layers, matrix, example, chooser)
        if measure and chooser.measure_pending():
            traced = trace_explained(captured, layers, matrix, example, chooser)
        say("converting to ONNX")
        model = to_onnx(traced, inputs, input_names(example), outputs)
    forms = list(chooser.chosen.values())
    return Graph(
        model, found, original, captured, layers, matrix is not None, geometries, classes, folded,
        kept, of_flow, {form: forms.count(form) for form in sorted(set(forms))},
    )  # fmt: skip


def output_names(layers: Sequence[Layer], closed: bool) -> tuple[str, ...]:
    """Logits, then activation and weight or gradient of each layer, the pathway in the name."""
    third = "weight" if closed else "gradient"
    ends = [f"_{layer.pathway}" if layer.pathway else "" for layer in layers]
    return ("logits", *(f"{name}{end}" for end in ends for name in ("activation", third)))


def example_clip(clip: ClipSpec, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed + 104729)
    return without_last_flow(torch.randn(clip.input_shape, generator=random))
