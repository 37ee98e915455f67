"""A graph's part of the bundle: written, checked against its reference, examined."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ExportError
from .cam_graph import Graph, Progress, output_names
from .check import CheckReport, Reference, check_graph, compare
from .examine import examine_maps
from .geometry import Geometry
from .layers import Layer
from .narrow import Narrow, graph_files
from .onnx_file import as_engine_input, halve_weights, save
from .relevance import METHODS
from .relevance.check import check_relevance, compare_relevance
from .relevance.examine import examine_relevance
from .relevance.graph import RelevanceGraph, output_of
from .relevance.reference import Reference as RelevanceReference
from .sanity import SAME, Sanity
from .source import Source

GRAPH = "model.onnx"


@dataclass
class Part:
    """A graph that was written: its entry in the sidecar, its files, its check, its sanity."""

    entry: dict[str, Any]
    files: list[str]
    check: CheckReport
    sanity: dict[str, Sanity]


def judge(method: str, sanity: Sanity, force: bool, say: Progress) -> None:
    """Refuses a method whose maps do not depend on the class, unless it was forced.

    One that is defined without the class is no surprise: it is marked like a forced one.
    """
    if sanity.class_specific:
        return
    if not force and not METHODS[method].class_agnostic:
        raise ExportError(
            f"{method} does not explain the class in this model: {sanity}; from {SAME} on they "
            "count as the same. Nothing was written. lrp-epsilon-plus and gradient-x-input depend "
            f"on the class; --force (force=True) exports {method} all the same and marks it."
        )
    say(f"{method} is marked as not class-specific: {sanity}")


def write_cam(
    graph: Graph,
    methods: tuple[str, ...],
    folder: Path,
    time_first: bool,
    seed: int,
    narrow: Narrow,
    say: Progress,
) -> Part:
    """Saves the graph of the class-activation methods and compares it with autograd.

    In a narrower precision the graph that was compared stays beside it, as its reference.
    """
    files = save(graph.model, folder, GRAPH)
    reference = Reference(graph.source.model, graph.original, graph.layers, time_first)
    shape = graph.source.clip.input_shape
    check, cases = check_graph(folder / GRAPH, reference, shape, graph.classes, seed)
    extra: dict[str, Any] = {}
    if narrow.precision != "float32":  # the graph is right; now what rounding costs
        files, _, extra = graph_files(narrow, graph.model, folder, GRAPH, say)
        if narrow.precision == "float16":
            check = compare(folder / GRAPH, cases, check, narrow.precision)
    sanity = examine_maps(folder / GRAPH, graph.captured, graph.layers, methods, cases)
    outputs = output_names(graph.layers, graph.closed_form)
    return Part({**_entry(graph, GRAPH, sanity, outputs), **extra}, files, check, sanity)


def write_relevance(
    graph: RelevanceGraph,
    methods: tuple[str, ...],
    found: Source,
    folder: Path,
    time_first: bool,
    seed: int,
    precision: str,
) -> Part:
    """Saves the graph of one method and compares it with the method in float64.

    The methods of several passes share a graph: what is examined of it holds for each. It computes
    in float32 in a bundle of any precision (``narrow.py`` says why).
    """
    file = f"{graph.method}.onnx"
    files = save(graph.model, folder, file)
    reference = RelevanceReference(graph, found.model, time_first)
    shape = found.clip.input_shape
    with tempfile.TemporaryDirectory() as aside:
        watched = as_engine_input(graph.watched, Path(aside))
        check, cases = check_relevance(
            folder / file, watched, reference, shape, graph.classes, seed
        )
    if precision == "float16":
        halve_weights(graph.model)
        files = save(graph.model, folder, file)
        check = compare_relevance(folder / file, cases, check, precision)
    found_sane = examine_relevance(folder / file, graph, cases, found.model, time_first)
    sanity = dict.fromkeys(methods, found_sane)
    outputs = ("logits", output_of(graph.relevance))
    extra = {} if precision == "float32" else {"precision": "float32"}
    return Part({**_entry(graph, file, sanity, outputs), **extra}, files, check, sanity)


def _entry(
    graph: Graph | RelevanceGraph, file: str, sanity: dict[str, Sanity], outputs: tuple[str, ...]
) -> dict[str, Any]:
    if isinstance(graph, Graph) and len(graph.layers) > 1:
        explained = {"outputs": {"logits": "logits"}, "pathways": _pathways(graph, outputs)}
    else:
        layer = _layer(graph.layer, graph.geometry)
        explained = {"outputs": {name: name for name in outputs}, "layer": layer}
    return {
        "file": file,
        "methods": list(sanity),
        "default_method": next(iter(sanity)),
        **explained,
        "sanity": {method: found.sidecar() for method, found in sanity.items()},
    }


def _pathways(graph: Graph, outputs: tuple[str, ...]) -> list[dict[str, Any]]:
    _, *names = outputs
    return [
        {
            "name": layer.pathway,
            "input": "flow" if of_flow else "clip",
            "outputs": {"activation": activation, "gradient": gradient},
            "layer": _layer(layer, geometry),
        }
        for layer, geometry, of_flow, activation, gradient in zip(
            graph.layers, graph.geometries, graph.of_flow, names[::2], names[1::2], strict=True
        )
    ]


def _layer(layer: Layer, geometry: Geometry) -> dict[str, Any]:
    return {
        "name": layer.name,
        "shape": list(layer.shape),
        "stride": [_plain(v) for v in geometry.stride],
        "offset": [_plain(v) for v in geometry.offset],
    }


def _plain(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)
