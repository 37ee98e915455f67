"""A bundle: the folder of a model together with its explanation, read and verified."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import _core
from . import clip_spec
from .clip_spec import ClipSpec
from .layer_grid import field_text, is_coarse

_HEADS = {
    "softmax": "softmax: one of the classes",
    "sigmoid": "sigmoid: each class by itself",
    "scores": "scores: no probabilities",
}


@dataclass(frozen=True)
class Bundle:
    """What a bundle's sidecar says (``engines/README.md`` defines the format).

    Attributes
    ----------
    folder : Path
        Where it lies, absolute.
    name : str
    labels : tuple of str
        One a class, in the order of the logits.
    clip : ClipSpec
        What the model sees: length, size, sampling rate, mean, std, colour order, resize rule.
    graphs : tuple of GraphSpec
        Each with its file, methods, output names and explained layer.
    methods : tuple of str
        Names of the explanation methods: its graphs' own, then those of motion, made of them.
    precision : str
        Of its narrowest graph: "float32", "float16", "bfloat16" or "int8".
    sidecar_stated : bool
        Whether ``bundle.json`` states its own hash, which was then verified; older ones do not.
    export_error : float
        Greatest relative error against autograd that the export's check saw.
    sidecar : dict
        All of ``bundle.json``, with its ``check`` and ``provenance``.
    core
        The same as the compiled core has it, for this package's own use.
    """

    folder: Path
    name: str
    labels: tuple[str, ...]
    clip: ClipSpec
    graphs: tuple[_core.GraphSpec, ...]
    methods: tuple[str, ...]
    precision: str
    export_error: float
    sidecar_stated: bool
    sidecar: dict[str, Any]
    core: _core.Bundle = field(repr=False)

    @property
    def default_method(self) -> str:
        """The method that is used when none is asked for."""
        return self.graphs[0].default_method

    def graph_of(self, method: str) -> _core.GraphSpec:
        """The graph that serves a method; UsageError for one that the bundle has not."""
        return self.graphs[_core.graph_of(self.core, method)]

    @property
    def marks(self) -> tuple[str, ...]:
        """What explanations will bear, and by which methods: "not class-specific: sensitivity"."""
        return tuple(text for graph in self.graphs for text in _marks(graph))

    def __reduce__(self) -> tuple[Any, ...]:
        return load_bundle, (self.folder,)  # which verifies it again

    def describe(self) -> str:
        """The bundle in a few lines for a person."""
        rows = [("bundle", f"{self.name}  ({self.folder})"), ("labels", _some(self.labels))]
        rows += [("head", f"{_HEADS[self.core.head]}; explained is the {self.core.unit}")]
        rows += [("clip", _clip(self.clip)), ("colours", _colours(self.clip))]
        for graph in self.graphs:
            rows += _graph(graph, self.default_method, self.clip)
        motion = [m for m in self.methods if m in _core.methods("motion")]
        rows += [("motion", ", ".join(motion))] if motion else []
        check = self.sidecar["check"]
        error = f"relative error {self.export_error:.1e} on {check['inputs']} unseen inputs"
        rows += [("precision", self.precision), ("checked", error), *_drift(self.sidecar)]
        rows += self.sidecar["provenance"].items()
        return "\n".join(f"{str(name):<14}{value}" for name, value in rows)


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Reads a bundle and verifies the SHA-256 of each of its files.

    Parameters
    ----------
    folder : path
        The bundle's folder.

    Raises
    ------
    BundleError
        The folder or a file is missing, changed, of a newer format, or holds a value outside its
        limits; the message names the place in the sidecar.
    """
    return from_core(_core.load_bundle(os.fspath(folder)))


def from_core(core: _core.Bundle) -> Bundle:
    """The same bundle with Python's types."""
    return Bundle(
        folder=Path(core.folder),
        name=core.name,
        labels=tuple(core.labels),
        clip=clip_spec.from_core(core.clip),
        graphs=tuple(core.graphs),
        methods=tuple(_core.offered_methods(core)),
        precision=core.precision,
        export_error=core.export_error,
        sidecar_stated=core.sidecar_stated,
        sidecar=json.loads(core.sidecar),
        core=core,
    )


def _some(names: tuple[str, ...], most: int = 12) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _clip(clip: ClipSpec) -> str:
    rule = f"crop of short side {clip.short_side}" if clip.resize == "crop" else clip.resize
    seconds = clip.length / clip.sample_fps
    size = f"{clip.length} slices of {clip.width}×{clip.height}"
    flow = ", with optical flow" if clip.flow else ""
    return f"{size}, {clip.sample_fps:g} a second ({seconds:.2f} s), {rule}{flow}"


def _colours(clip: ClipSpec) -> str:
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (clip.mean, clip.std))
    return f"{clip.color}, mean {mean}, std {std}"


def _graph(graph: _core.GraphSpec, default: str, clip: ClipSpec) -> list[tuple[str, str]]:
    first, several = graph.layers[0], len(graph.layers) > 1
    names = [f"{m} (default)" if m == default else m for m in graph.methods]
    names.sort(key=lambda name: not name.endswith(")"))
    size = os.path.getsize(graph.file) / 1e6
    head = "head weight, no backward pass" if first.weight else "gradient"
    head = "relevance to the input" if graph.gives_relevance else head
    head = head if first.activation or first.relevance else "gradient of the input"
    return [
        ("graph", f"{Path(graph.file).name}  ({size:.1f} MB; {head})"),
        ("methods", ", ".join(names)),
        *(("mark", mark) for mark in _marks(graph)),
        *(
            ("layer", f"{f'{e.name}: ' if several else ''}{e.layer.name} {_layer(e.layer, clip)}")
            for e in graph.layers
        ),
    ]


def _marks(graph: _core.GraphSpec) -> list[str]:
    """What every explanation by a method will bear."""
    found: dict[str, list[str]] = {}
    for method in graph.methods:
        for mark in _core.graph_marks(graph, method):
            found.setdefault(mark.text, []).append(method)
    return [f"{text}: {', '.join(methods)}" for text, methods in found.items()]


def _layer(layer: _core.LayerSpec, clip: ClipSpec) -> str:
    """Shape, stride, what a cell sees, and whether cells are few."""
    field = field_text(layer.receptive_field, (clip.length, clip.height, clip.width))
    sees = f", a cell sees {field}" if field else ""
    coarse = "; a coarse grid, drawn as blocks" if is_coarse(layer.shape) else ""
    return f"{_numbers(layer.shape)}, stride {_numbers(layer.stride)}{sees}{coarse}"


def _drift(sidecar: dict[str, Any]) -> list[tuple[str, str]]:
    """What quantising costs, by the export."""
    rows = []
    for found in (graph.get("quantisation") for graph in sidecar["graphs"]):
        if found:
            drift, more = found["drift"], "" if found["accepted"] else ": beyond the limits"
            text = f"maps correlate by {drift['map_correlation']:.4f} with float32's"
            rows.append(("int8", f"{text} on {found['held_out_windows']} unseen windows{more}"))
    return rows


def _numbers(values: list[int] | list[float]) -> str:
    return "×".join(f"{value:g}" for value in values)
