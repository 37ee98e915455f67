"""A graph's entry in the bundle: written, checked against its reference, examined."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from .. import _core
from ..errors import ExportError
from .cam.class_sanity import examine_maps
from .cam.graph import Graph, Progress, output_names
from .layers.layer import Layer
from .models.load import Source
from .onnx.file import as_engine_input, halve_weights, save
from .precision.precision import Precision, graph_files
from .relevance import METHODS
from .relevance.check import check_relevance, compare_relevance
from .relevance.class_sanity import examine_relevance
from .relevance.graph import RelevanceGraph
from .relevance.graph import output_names as output_names_of_inputs
from .relevance.reference import Reference as RelevanceReference
from .verify.autograd_reference import Reference
from .verify.check import check_graph, compare
from .verify.check_report import CheckReport
from .verify.sanity import COMPLETE, SPECIFIC, UNDECIDED, Sanity

GRAPH = "model.onnx"


@dataclass
class WrittenGraph:
    """A graph on disk: its entry in the sidecar, its files, its check, its sanity."""

    entry: dict[str, Any]
    files: list[str]
    check: CheckReport
    sanity: dict[str, Sanity]


def judge(method: str, sanity: Sanity, force: bool, log: Progress) -> None:
    """Refuses a method that ignores the class, unless it was forced.

    One that is defined without the class, or that shares out all that the model computes, is marked
    like a forced one; so is one for which that is unknown.
    """
    if sanity.dependence == SPECIFIC:
        return
    if sanity.dependence == UNDECIDED:
        log(f"whether {method} depends on the class cannot be told: {sanity.why}; it is marked so")
        return
    agnostic = method in METHODS and METHODS[method].class_agnostic
    if not (force or agnostic or method in COMPLETE):
        other = "hirescam" if method in _core.methods("class-activation") else "gradient-x-input"
        raise ExportError(
            f"{method} does not explain the class in this model: {sanity.why}. Nothing was "
            f"written. {other} shares out all that the model computes; --force (force=True) "
            f"exports {method} all the same and marks it."
        )
    log(f"{method} is marked as not class-specific: {sanity.why}")


def write_cam(
    graph: Graph,
    methods: tuple[str, ...],
    folder: Path,
    time_first: bool,
    seed: int,
    precision: Precision,
    log: Progress,
) -> WrittenGraph:
    """Saves the graph of the class-activation methods and compares it with autograd.

    In a narrower precision the graph that was compared stays beside it, as its reference.
    """
    files = save(graph.model, folder, GRAPH)
    reference = Reference(graph.source.model, graph.original, graph.layers, time_first)
    shape = graph.source.clip.input_shape
    check, cases = check_graph(folder / GRAPH, reference, shape, graph.classes, seed)
    extra: dict[str, Any] = {}
    if precision.name != "float32":  # the graph is right; now what rounding costs
        files, _, extra = graph_files(precision, graph.model, folder, GRAPH, log)
        if precision.name == "float16":
            check = compare(folder / GRAPH, cases, check, precision.name)
    sanity = examine_maps(folder / GRAPH, graph.captured, graph.layers, methods, cases)
    outputs = output_names(graph.layers, graph.closed_form)
    return WrittenGraph({**_entry(graph, GRAPH, sanity, outputs), **extra}, files, check, sanity)


def write_relevance(
    graph: RelevanceGraph,
    methods: tuple[str, ...],
    found: Source,
    folder: Path,
    time_first: bool,
    seed: int,
    precision: str,
) -> WrittenGraph:
    """Saves the graph of one method and compares it with the method in float64.

    The methods of several passes share a graph: what is examined of it holds for each. It computes
    in float32 in a bundle of any precision (``precision.py`` says why).
    """
    file = f"{graph.method}.onnx"
    files = save(graph.model, folder, file)
    if precision == "float32":
        graph.model = onnx.ModelProto()  # large, and on disk now
    reference = RelevanceReference(graph, found.model, time_first)
    shape = found.clip.input_shape
    with tempfile.TemporaryDirectory() as aside:
        watched = as_engine_input(graph.watched, Path(aside))
        graph.watched = onnx.ModelProto()  # as large as the model, and not needed again
        check, cases = check_relevance(
            folder / file, watched, reference, shape, graph.classes, seed
        )
    if precision == "float16":
        halve_weights(graph.model)
        files = save(graph.model, folder, file)
        check = compare_relevance(folder / file, cases, check, precision)
    found_sane = examine_relevance(folder / file, graph, cases, found.model, time_first)
    sanity = dict.fromkeys(methods, found_sane)
    outputs = ("logits", *output_names_of_inputs(graph.relevance, graph.layers))
    extra = {} if precision == "float32" else {"precision": "float32"}
    return WrittenGraph({**_entry(graph, file, sanity, outputs), **extra}, files, check, sanity)


def _entry(
    graph: Graph | RelevanceGraph, file: str, sanity: dict[str, Sanity], outputs: tuple[str, ...]
) -> dict[str, Any]:
    if len(graph.layers) > 1:
        explained = {"outputs": {"logits": "logits"}, "pathways": _pathways(graph, outputs)}
    else:
        layer = _layer(graph.layer)
        explained = {"outputs": {name: name for name in outputs}, "layer": layer}
    return {
        "file": file,
        "methods": list(sanity),
        "default_method": next(iter(sanity)),
        **explained,
        "sanity": {method: found.sidecar() for method, found in sanity.items()},
    }


def _pathways(graph: Graph | RelevanceGraph, outputs: tuple[str, ...]) -> list[dict[str, Any]]:
    _, *names = outputs
    kinds = ("activation", "gradient") if isinstance(graph, Graph) else (names[0].split("_")[0],)
    each = [names[i : i + len(kinds)] for i in range(0, len(names), len(kinds))]
    return [
        {
            "name": layer.pathway,
            "input": "flow" if of_flow else "clip",
            "outputs": dict(zip(kinds, own, strict=True)),
            "layer": _layer(layer),
        }
        for layer, of_flow, own in zip(graph.layers, graph.of_flow, each, strict=True)
    ]


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "shape": list(layer.shape),
        "stride": [_plain(v) for v in layer.geometry.stride],
        "offset": [_plain(v) for v in layer.geometry.offset],
        "receptive_field": [_plain(v) for v in layer.geometry.field],
    }


def _plain(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)
