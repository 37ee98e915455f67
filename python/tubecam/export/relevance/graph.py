"""One method as one ordinary graph, and the place of its cells on the clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx
import torch
from torch import Tensor, nn

from ...errors import UsageError
from ..axes.receptive_field import Geometry
from ..axes.token_layout import TokenGrid
from ..gradient.autotune import FormMeasurer
from ..gradient.culprit import named_culprit
from ..gradient.differentiate import trace_forward_only
from ..layers.layer import Layer
from ..onnx.file import to_onnx, without_outputs
from ..trace.batch_norm_folding import fold_batch_norm, fold_constants
from ..trace.capture import capture
from ..trace.graph import Capture
from ..trace.model_input import COLOURS, input_names, packed, parts
from ..trace.nodes import shape_of
from .attentions import Attentions, attentions_of
from .composites import take_apart
from .domain import Domain
from .memory import refuse_too_large
from .methods import method_of
from .propagate import Relevance
from .refusals import NotApplicableError, advised
from .rollout import Rollout

Cells = tuple[int, int, int]
READABLE = 14  # cells along the shorter side
CLIP, REFERENCE = "decision/", "reference/"  # outputs that only the check reads, by node


@dataclass
class RelevanceGraph:
    """A graph before it is written, with what its check needs.

    Attributes
    ----------
    model, watched : ModelProto
        The graph, and the same one with its decisions (``linear_regions.py``) as further outputs.
    relevance : Relevance
        The same in any precision.

    The remaining attributes are those of an explained graph; the layers are the clip, or its
    tokens, and the flow where the model takes it.
    """

    method: str
    model: onnx.ModelProto
    watched: onnx.ModelProto
    relevance: Relevance | Rollout
    layers: tuple[Layer, ...]
    of_flow: tuple[bool, ...]
    classes: int
    folded: int
    kept: int
    forms: dict[str, int]
    closed_form: bool = False
    coarse: tuple[str, ...] = ()
    beside: str = ""

    @property
    def layer(self) -> Layer:
        return self.layers[0]


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


def readable_pool(clip_shape: Sequence[int]) -> Cells:
    """The largest square cells that leave 14 or more along each side of the picture.

    Single pixels are specks that cannot be seen on a picture, and an array that no operator reads.
    """
    height, width = clip_shape[3:]
    most = min(height, width) // READABLE
    side = max(p for p in range(1, max(most, 1) + 1) if height % p == width % p == 0)
    return 1, side, side


def build_relevance(
    module: nn.Module, example: Tensor, method: str, pool: Cells, domain: Domain,
    time_first: bool, measure: bool, stated: TokenGrid | None = None,
) -> RelevanceGraph:  # fmt: skip
    """Captures, folds, propagates and converts.

    The cells of a method that follows attentions are the model's tokens, `stated` where the graph
    does not say: `pool` does not apply.

    Raises
    ------
    ExportError
        The model cannot be traced, or the method has no rule for one of its operators.
    """
    captured = capture(module, example, time_first)
    fold_constants(captured.module)
    folded, kept = fold_batch_norm(captured, ())
    relevance, place = relevance_of(captured, method, pool, domain, example, stated)
    refuse_too_large(relevance, method)
    watching = Watched(relevance)
    chooser = FormMeasurer()
    inputs = (*parts(example), torch.tensor([-1]))
    layers, of_flow = place
    names = ("logits", *output_names(relevance, layers), *watching.names)
    with named_culprit(captured, [captured.clip], method):
        traced = chooser.trace(lambda: trace_forward_only(watching, example, chooser), measure)
        watched = to_onnx(traced, inputs, input_names(example), names)
    return RelevanceGraph(
        method, without_outputs(watched, watching.names), watched, relevance, layers, of_flow,
        shape_of(captured.logits)[1], folded, kept, chooser.counts(),
    )  # fmt: skip


def relevance_of(
    captured: Capture, method: str, pool: Cells, domain: Domain, example: Tensor,
    stated: TokenGrid | None,
) -> tuple[Relevance | Rollout, Places]:  # fmt: skip
    """A method on a captured model, and where its cells lie."""
    if method_of(method).class_agnostic:
        attentions = attentions_of(captured, example, stated)
        return Rollout(captured, attentions), _tokens(captured, attentions)
    relevance = _fitting(captured, method, pool, domain, example)
    return relevance, _place(captured, pool, relevance.method.by_colour)


def _fitting(
    captured: Capture, method: str, pool: Cells, domain: Domain, example: Tensor
) -> Relevance:
    """The method on this model; the refusal says which others were tried and fit."""

    def fits(name: str) -> bool:
        try:
            other = Watched(Relevance(captured, name, pool, domain))
            trace_forward_only(other, example, FormMeasurer())
        except Exception:  # torch's own, where it has no derivative
            return False
        return True

    try:
        if not method_of(method).is_gradient:
            take_apart(captured)
        return Relevance(captured, method, pool, domain)
    except NotApplicableError as error:
        raise advised(error, method, fits) from None


class Watched(nn.Module):
    """(inputs, target) → logits, relevance, and the values that decide; `names` are theirs."""

    def __init__(self, relevance: Relevance | Rollout) -> None:
        super().__init__()
        self.relevance = relevance
        runs = (CLIP, REFERENCE) if relevance.method.compares else (CLIP,)
        self.names = [f"{run}{node.name}" for run in runs for node in relevance.deciding]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        *clip, target = inputs
        values, references = self.relevance.evaluate(packed(*clip))
        runs = (values, references) if references else (values,)
        decisions = [run[node] for run in runs for node in self.relevance.deciding]
        return *self.relevance.explain(values, references, target), *decisions


def output_names(relevance: Relevance | Rollout, layers: Sequence[Layer]) -> tuple[str, ...]:
    """Of the outputs beside the logits: one, or one an input with its name."""
    name = "gradient" if relevance.method.by_colour else "relevance"
    return tuple(f"{name}_{a.pathway}" if a.pathway else name for a in layers)


Places = tuple[tuple[Layer, ...], tuple[bool, ...]]


def _place(captured: Capture, pool: Cells, by_colour: bool) -> Places:
    """Layers, and whether each is the flow."""
    _, t, channels, h, w = shape_of(captured.clip)
    cells = t // pool[0], h // pool[1], w // pool[2]
    shape = (COLOURS if by_colour else 1, *cells)
    stride = tuple(float(p) for p in pool)
    offset = tuple((p - 1) / 2 for p in pool)
    clip = Layer("clip", captured.clip, shape, Geometry(stride, offset, stride))
    if channels == COLOURS:
        return (clip,), (False,)
    shapes = {"clip": shape, "flow": (channels - COLOURS if by_colour else 1, *cells)}
    first, second = (replace(clip, name=n, pathway=n, shape=its) for n, its in shapes.items())
    between = clip.geometry.later(0.5)  # from a slice to the next
    return (first, replace(second, geometry=between)), (False, True)


def _tokens(captured: Capture, found: Attentions) -> Places:
    return (Layer("tokens", captured.clip, (1, *found.grid), found.geometry),), (False,)
