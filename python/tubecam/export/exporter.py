"""The export, step by step: load, trace, fold, choose, differentiate, convert, check, write."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import Any

from torch import nn

from .._version import __version__
from ..errors import ExportError, UsageError
from . import bundle_folder
from .axes.token_layout import token_grid
from .cam.graph import Graph, Progress, class_activation, example_clip, explained_graph
from .convert_bundle import convert, is_bundle
from .graph_entry import WrittenGraph, judge, write_cam, write_relevance
from .head.find_head import headed_model
from .head.head import Head
from .methods import CAM, CAM_METHODS, check_methods, graph_kind, offered_by, with_graphs
from .models.load import Source, load_source
from .options import AnyPath, ExportOptions
from .precision.precision import Precision, check_precision, prepare
from .relevance.domain import domain_of
from .relevance.graph import RelevanceGraph, build_relevance, checked_pool, readable_pool
from .report import ExportReport
from .spec import clip_spec
from .trace.refusals import NoFormError
from .verify.check_report import CheckReport, joined

REPLACE = "Nothing else works for this model either: replace that module."


def export(
    source: str | nn.Module, out: AnyPath, *, progress: Progress | None = None, **options: Any
) -> ExportReport:
    """Writes a bundle: the model and its explanation as one graph, checked against autograd.

    Parameters
    ----------
    source : str or Module
        ``r3d_18``, ``mc3_18``, ``r2plus1d_18``; ``package.module:factory``; or a module, which is
        copied and explained in evaluation mode. Models take [N, 3, T, H, W] float32 and give
        logits [N, K]. Or a bundle's folder: its float32 graphs are written in another `precision`.
    out : path
        The bundle folder. Written as a whole or not at all.
    progress : callable, optional
        Receives one line of text per step.
    **options
        The fields of :class:`ExportOptions`.

    Raises
    ------
    UsageError
        An argument is wrong; nothing was touched.
    ExportError
        The model cannot be traced, the graph does not agree with autograd, a method of relevance
        does not depend on the class, or int8 moves the maps beyond the limits; nothing is left.
    StreamError
        A video to calibrate with is missing, no video, or shorter than a window.
    """
    inspect.signature(export).bind(source, out, **options)  # refuses unknown names
    given, log, out = ExportOptions(**options), progress or (lambda text: None), Path(out)
    check_methods(given.methods)
    check_precision(given)
    bundle_folder.refuse_overwrite(out, given.force)
    name = bundle_folder.checked_name(given.name or _file_name(out))
    if is_bundle(source):
        return convert(source, out, given, name, log)
    return ExportJob(source, given, log).write(out, name)


export.__signature__ = inspect.Signature(
    [
        *list(inspect.signature(export).parameters.values())[:3],
        *list(inspect.signature(ExportOptions, eval_str=True).parameters.values()),
    ],
    return_annotation="ExportReport",
)


class ExportJob:
    """One export of a model; the steps that come before anything is written."""

    def __init__(self, source: str | nn.Module, options: ExportOptions, log: Progress) -> None:
        self.options, self.log = options, log
        self.stated = None if options.tokens is None else token_grid(options.tokens)
        self.found, self.head, self.labels = self._load(source)
        shape = self.found.clip.input_shape
        pool = options.pool
        self.cells = readable_pool(shape) if pool is None else checked_pool(pool, shape)
        self.domain = domain_of(self.found.clip, options.reference)
        self.asked = with_graphs(options.methods)
        self.kinds = list(dict.fromkeys(graph_kind(m) for m in self.asked or CAM_METHODS))
        self.precision = self._precision()

    def _load(self, source: str | nn.Module) -> tuple[Source, Head, list[str]]:
        """The model with logits for its prediction, how these are read, and its labels."""
        options, labels = self.options, self.options.labels
        if isinstance(labels, (str, os.PathLike)):
            labels = bundle_folder.read_labels(Path(labels))
        self.log("loading the model")
        classes = len(labels) if labels else None
        found = load_source(source, options.weights, options.random_weights, options.seed, classes)
        found.clip = clip_spec(options.clip, found.clip)
        labels = labels or found.labels
        found.model, head = headed_model(found, options, labels, self.log)
        return found, head, bundle_folder.checked_labels(labels, head.classes, head)

    def _precision(self) -> Precision:
        if self.options.precision == "int8" and CAM not in self.kinds:
            raise UsageError(
                f"{self.kinds[0]} is computed in float32 only; int8 is for "
                f"{', '.join(CAM_METHODS)}."
            )
        return prepare(self.options, self.found.clip, self.log)

    def write(self, out: Path, name: str) -> ExportReport:
        """Builds every graph and writes the bundle; it is there as a whole or not at all."""
        first = self._build(self.kinds[0])
        with bundle_folder.new_folder(out) as folder:
            written = [self._write(first, folder)]
            written += [self._write(self._build(kind), folder) for kind in self.kinds[1:]]
            check = joined([each.check for each in written])
            labels = "\n".join(self.labels) + "\n"
            (folder / bundle_folder.LABELS).write_text(labels, encoding="utf-8")
            files = [*(file for each in written for file in each.files), bundle_folder.LABELS]
            content = self._sidecar(name, written, check)
            marks = bundle_folder.write_sidecar(folder, files, content).marks
        self.log(f"wrote {out}")
        return self._report(out, first, written, check, marks)

    def _build(self, kind: str) -> Graph | RelevanceGraph:
        """The graph of the methods of one kind; its error says what else works for the model."""
        try:
            return self._class_activation() if kind == CAM else self._relevance(kind)
        except NoFormError as error:
            found, options = self.found, self.options
            advice = class_activation(
                found, found.layer, self.stated, options.time_first, options.seed
            )
            raise ExportError(f"{error} {advice or REPLACE}") from error

    def _class_activation(self) -> Graph:
        found, options = self.found, self.options
        chosen = found.layer if options.layer is None else options.layer
        return explained_graph(
            found, chosen, self.stated, options.time_first, options.seed, options.measure, self.log
        )

    def _relevance(self, kind: str) -> RelevanceGraph:
        found, options = self.found, self.options
        self.log(f"tracing {kind}")
        return build_relevance(
            found.model, example_clip(found.clip, options.seed), kind, self.cells, self.domain,
            options.time_first, options.measure, self.stated,
        )  # fmt: skip

    def _write(self, graph: Graph | RelevanceGraph, folder: Path) -> WrittenGraph:
        if isinstance(graph, RelevanceGraph):
            return self._write_relevance(graph, folder)
        options, asked = self.options, self.asked
        named = None if asked is None else [m for m in asked if m in CAM_METHODS]
        offered = offered_by(graph, named)
        self.log("comparing with autograd on inputs that were not traced")
        written = write_cam(
            graph, offered, folder, options.time_first, options.seed, self.precision, self.log
        )
        for method in offered:  # what was not asked for by name is marked
            judge(method, written.sanity[method], options.force or asked is None, self.log)
        return written

    def _write_relevance(self, graph: RelevanceGraph, folder: Path) -> WrittenGraph:
        options = self.options
        self.log(f"comparing {graph.method} with float64 on inputs that were not traced")
        methods = tuple(m for m in self.asked or () if graph_kind(m) == graph.method)
        written = write_relevance(
            graph, methods, self.found, folder, options.time_first, options.seed, options.precision
        )
        for method in methods:
            judge(method, written.sanity[method], options.force, self.log)
        return written

    def _sidecar(
        self, name: str, written: list[WrittenGraph], check: CheckReport
    ) -> dict[str, Any]:
        return {
            "name": name,
            "labels": bundle_folder.LABELS,
            "clip": self.found.clip.sidecar(),
            "head": self.head.sidecar(),
            "graphs": [each.entry for each in written],
            "precision": self.precision.name,
            "check": check.sidecar(),
            "provenance": {
                "source": self.found.description,
                "license": self.options.license,
                "created_by": f"tubecam {__version__}",
                **self.precision.provenance(),
            },
        }

    def _report(
        self, out: Path, first: Graph | RelevanceGraph, written: list[WrittenGraph],
        check: CheckReport, marks: tuple[str, ...],
    ) -> ExportReport:  # fmt: skip
        entries = [each.entry for each in written]
        _, length, _, height, width = self.found.clip.input_shape
        return ExportReport(
            path=out,
            layer=first.layer.name,
            layer_shape=first.layer.shape,
            layers=tuple(layer.name for layer in first.layers),
            closed_form=first.closed_form,
            geometry=first.layer.geometry,
            methods=tuple(method for entry in entries for method in entry["methods"]),
            classes=first.classes,
            folded=first.folded,
            kept=first.kept,
            forms=first.forms,
            check=check,
            sanity={name: sanity for each in written for name, sanity in each.sanity.items()},
            quantisation=next((e["quantisation"] for e in entries if "quantisation" in e), {}),
            head=self.head,
            marks=marks,
            clip=(length, height, width),
            coarse=first.coarse,
            beside=first.beside,
        )


def _file_name(out: Path) -> str:
    """The folder's name without what a name may not hold, cut to what the runtime accepts."""
    plain = re.sub(r"[^\w.+-]+", "-", out.absolute().name).strip("-")
    return plain.encode()[: bundle_folder.MAX_NAME_BYTES].decode(errors="ignore") or "model"
