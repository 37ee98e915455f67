"""The graph that the class-activation methods share: built, not yet written or checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import onnx
import torch
from torch import Tensor

from ...errors import ExportError, UsageError
from ..axes.token_layout import TokenGrid
from ..gradient.autotune import FormMeasurer
from ..gradient.culprit import named_culprit
from ..gradient.differentiate import trace_explained
from ..layers.candidates import Candidates
from ..layers.choose import Paths, choose_layers
from ..layers.layer import Layer, closed_form
from ..models.load import Source
from ..onnx.file import to_onnx
from ..spec import ClipSpec
from ..trace.batch_norm_folding import fold_batch_norm, fold_constants
from ..trace.capture import capture
from ..trace.graph import Capture
from ..trace.model_input import input_names, parts, sees_flow_alone, without_last_flow
from ..trace.nodes import PATHS, shape_of
from ..trace.refusals import LostLayerError

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
    classes: int
    folded: int
    kept: int
    of_flow: tuple[bool, ...]  # by layer: it sees the optical flow and no colour
    forms: dict[str, int]
    coarse: tuple[str, ...] = ()  # sentences on layers of few cells
    beside: str = ""  # a sentence on layers that were not chosen

    @property
    def layer(self) -> Layer:
        return self.layers[0]


def build_graph(
    found: Source, paths: Paths, tokens: TokenGrid | None, time_first: bool, seed: int,
    measure: bool, log: Progress,
) -> Graph:  # fmt: skip
    """Everything between a model and its ONNX graph; nothing is written or checked."""
    example = example_clip(found.clip, seed)
    log("tracing the forward pass")
    original = capture(found.model, example, time_first)
    captured = original.copy()
    fold_constants(captured.module)
    classes = shape_of(captured.logits)[1]
    candidates = Candidates(captured, tokens)
    layers = choose_layers(candidates, paths)
    coarse = _coarse(layers, candidates)
    beside = _beside(layers[0], candidates) if paths is None else ""
    for sentence in filter(None, (*coarse, beside)):
        log(sentence)
    layers, of_flow = _later_where_flow(captured, layers, example)
    layers, folded, kept = _fold(captured, layers)
    matrix = closed_form(captured, layers[0], example) if len(layers) == 1 else None
    chooser = FormMeasurer()
    model = _converted(captured, layers, matrix, example, chooser, measure, log)
    return Graph(
        model, found, original, captured, layers, matrix is not None, classes, folded, kept,
        of_flow, chooser.counts(), coarse, beside,
    )  # fmt: skip


def _later_where_flow(
    captured: Capture, layers: tuple[Layer, ...], example: Tensor
) -> tuple[tuple[Layer, ...], tuple[bool, ...]]:
    """The layers, and which see the optical flow alone, which lies between two sampled frames."""
    of_flow = tuple(sees_flow_alone(captured, layer.node, example) for layer in layers)
    placed = tuple(
        replace(layer, geometry=layer.geometry.later(0.5)) if flow else layer
        for layer, flow in zip(layers, of_flow, strict=True)
    )
    return placed, of_flow


def _converted(
    captured: Capture, layers: tuple[Layer, ...], matrix: Tensor | None, example: Tensor,
    chooser: FormMeasurer, measure: bool, log: Progress,
) -> onnx.ModelProto:  # fmt: skip
    """Differentiated where the head has no closed form (`matrix`), and converted to ONNX."""
    names = ", ".join(f"'{layer.name}'" for layer in layers)
    if matrix is None:
        log(f"tracing the gradient at {names}")
    else:
        log(f"the head on {names} is average pool + linear: no backward pass is needed")
    starts = [layer.node for layer in layers]
    with named_culprit(captured, starts, f"the gradient of the logits at layer {names}"):
        traced = chooser.trace(
            lambda: trace_explained(captured, layers, matrix, example, chooser), measure
        )
        log("converting to ONNX")
        inputs = (*parts(example), torch.tensor([-1]))
        outputs = output_names(layers, matrix is not None)
        return to_onnx(traced, inputs, input_names(example), outputs)


def explained_graph(
    found: Source, paths: Paths, tokens: TokenGrid | None, time_first: bool, seed: int,
    measure: bool, log: Progress,
) -> Graph:  # fmt: skip
    """As :func:`build_graph`; no layer is asked for that has no derivative either."""
    try:
        return build_graph(found, paths, tokens, time_first, seed, measure, log)
    except LostLayerError as error:
        build_graph(found, error.layer, tokens, time_first, seed, False, lambda text: None)
        raise


def class_activation(
    found: Source, paths: Paths, tokens: TokenGrid | None, time_first: bool, seed: int
) -> str:
    """A sentence that recommends these methods, which have been tried; empty if they fail, too."""
    try:
        graph = build_graph(found, paths, tokens, time_first, seed, False, lambda text: None)
    except LostLayerError as error:
        places = [(error.layer, tokens)]
        if error.behind is not None:
            path, grid = error.behind
            places.append((path, TokenGrid(grid)))
        each = (class_activation(found, *place, time_first, seed) for place in places)
        return next(filter(None, each), "")
    except (ExportError, UsageError):
        return ""
    where = ", ".join(f"'{layer.name}'" for layer in graph.layers)
    stated = f" with --tokens {tokens}, if these are its cells" if tokens else ""
    return (
        f"The class-activation methods (gradcam and its kin) work for this model, at {where}"
        f"{stated}."
    )


def _fold(captured: Capture, layers: tuple[Layer, ...]) -> tuple[tuple[Layer, ...], int, int]:
    """The layers by the nodes that they then are, and how many normalisations went and stayed."""
    for layer in layers:
        layer.node.meta.setdefault(PATHS, [layer.name])
    folded, kept = fold_batch_norm(captured, [layer.node for layer in layers])
    found = tuple(replace(layer, node=captured.find(layer.name)) for layer in layers)
    return found, folded, kept


def _coarse(layers: tuple[Layer, ...], candidates: Candidates) -> tuple[str, ...]:
    """A sentence on each layer of few cells."""
    found = []
    for layer in (each for each in layers if each.is_coarse):
        finer = candidates.finer(layer)
        other = f"--layer {finer.name} has {finer.cells_text}" if finer else "no layer has more"
        found.append(
            f"{layer.name} has {layer.cells_text} only, and maps of so few cells tell "
            f"little of places; {other}"
        )
    return tuple(found)


def _beside(layer: Layer, candidates: Candidates) -> str:
    """A sentence on other pathways than the one that was chosen; empty where it is the only one."""
    others = candidates.beside(layer)
    if not others:
        return ""
    named = ", ".join(f"'{other.name}' ({other.cells_text})" for other in others)
    every = ",".join(each.name for each in (*others, layer))
    return (
        f"the head reads {named} as well, which is not explained: --layer {every} gives each a "
        "tube and its share of the decision"
    )


def output_names(layers: Sequence[Layer], closed: bool) -> tuple[str, ...]:
    """Logits, then activation and weight or gradient of each layer, the pathway in the name."""
    third = "weight" if closed else "gradient"
    ends = [f"_{layer.pathway}" if layer.pathway else "" for layer in layers]
    return ("logits", *(f"{name}{end}" for end in ends for name in ("activation", third)))


def example_clip(clip: ClipSpec, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed + 104729)
    return without_last_flow(torch.randn(clip.input_shape, generator=random))
