"""A bundle in another precision, made from a bundle: its float32 graphs are taken as they are."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .._version import __version__
from ..bundle.bundle import Bundle, load_bundle
from ..errors import ExportError, UsageError
from . import bundle_folder
from .axes.receptive_field import Geometry
from .cam.graph import Progress
from .onnx.constant_folding import drop_unread, without_copies
from .options import ExportOptions
from .precision.precision import Precision, graph_files, prepare
from .report import ExportReport
from .spec import ClipSpec, clip_spec
from .trace.model_input import feeds
from .verify.check_report import INPUTS, LIMITS, CheckReport
from .verify.engine import compile_in_engine, engine_version
from .verify.map_errors import relative_error
from .verify.unseen_clips import unseen_clips


def is_bundle(source: object) -> bool:
    """Whether an export's source is a bundle's folder."""
    return isinstance(source, str) and (Path(source) / bundle_folder.SIDECAR).is_file()


def spec_of(source: Bundle) -> ClipSpec:
    """What clips it takes."""
    return clip_spec(source.sidecar["clip"], ClipSpec())


def load_wide(folder: str, precision: str) -> Bundle:
    """The bundle, if it can be made narrower.

    Raises
    ------
    UsageError
        float32 is asked for, or its graphs are not float32 and have no reference.
    """
    found = load_bundle(folder)
    if precision == "float32":
        raise UsageError(f"{folder} is a bundle already; say the --precision to make of it.")
    if not any(_wide_file(entry) for entry in found.sidecar["graphs"]):
        raise UsageError(
            f"{folder} holds no float32 graph of the class-activation methods, of which "
            f"{precision} is made."
        )
    return found


def convert(
    folder: str, out: Path, options: ExportOptions, name: str, log: Progress
) -> ExportReport:
    """Writes `out`: the graphs of the bundle in `folder`, in another precision.

    Raises
    ------
    UsageError
        As `load_wide`; or a setting is given that would need other graphs.
    ExportError
        As ``quantised`` and ``halve``; or float16 differs from the float32 graph by more than 1e-2.
    """
    _refuse_settings(folder, options)
    source = load_wide(folder, options.precision)
    precision = prepare(options, spec_of(source), log)
    with bundle_folder.new_folder(out) as new:
        graphs = [_convert_graph(source, entry, precision, new, log)
                  for entry in source.sidecar["graphs"]]  # fmt: skip
        labels = "\n".join(source.labels) + "\n"
        (new / bundle_folder.LABELS).write_text(labels, encoding="utf-8")
        files = dict.fromkeys(file for graph in graphs for file in graph.files)
        known = {k: v for k, v in source.sidecar.items() if k not in ("format", "files")}
        content = {
            **known, "name": name, "labels": bundle_folder.LABELS,
            "graphs": [graph.entry for graph in graphs], "precision": precision.name,
            "check": _check(source, graphs),
            "provenance": _provenance(source, precision, options.license),
        }  # fmt: skip
        bundle_folder.write_sidecar(new, [*files, bundle_folder.LABELS], content)
    log(f"wrote {out}")
    return _report(out)


@dataclass(frozen=True)
class _Converted:
    """A graph's entry and files, and how far it lies from float32 where that was measured."""

    entry: dict[str, Any]
    files: list[str]
    errors: dict[str, float] = field(default_factory=dict)


def _convert_graph(
    source: Bundle, entry: dict[str, Any], precision: Precision, folder: Path, log: Progress
) -> _Converted:
    """Written into `folder`; a graph of relevance to the input stays as it is."""
    wide = _wide_file(entry)
    if wide is None:
        files = [n for n in source.sidecar["files"] if n.split(".data")[0] == entry["file"]]
        for file in files:
            shutil.copyfile(source.folder / file, folder / file)
        return _Converted({**entry, "precision": "float32"}, files)
    model = onnx.load(str(source.folder / wide))
    without_copies(model)
    drop_unread(model)
    files, made, extra = graph_files(precision, model, folder, entry["file"], log)
    kept = {k: v for k, v in entry.items() if k not in ("quantisation", "reference")}
    errors = _errors(model, made, spec_of(source)) if precision.name == "float16" else {}
    return _Converted({**kept, **extra}, files, errors)


def _refuse_settings(source: str, options: ExportOptions) -> None:
    """A bundle's graphs are fixed: what would make others of them is refused."""
    given = {
        "--weights": options.weights, "--random-weights": options.random_weights,
        "--layer": options.layer, "--method": options.methods, "--labels": options.labels,
        "clip settings": options.clip, "--time-first": options.time_first,
        "--tokens": options.tokens, "--head": options.head, "--output-key": options.output,
        "--reduce": options.reduce,
    }  # fmt: skip
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise UsageError(f"{source} is a bundle, whose graphs are fixed: leave out {wrong[0]}.")


def _report(out: Path) -> ExportReport:
    """What a bundle says of itself that was made from another."""
    bundle = load_bundle(out)
    graphs = bundle.sidecar["graphs"]
    layers = [pathway["layer"] for pathway in graphs[0].get("pathways", [graphs[0]])]
    first = layers[0]
    place = (tuple(first.get(name, ())) for name in ("stride", "offset", "receptive_field"))
    return ExportReport(
        path=out,
        layer=first["name"],
        layer_shape=tuple(first["shape"]),
        layers=tuple(layer["name"] for layer in layers),
        closed_form="weight" in graphs[0]["outputs"],
        geometry=Geometry(*place),
        methods=tuple(method for graph in graphs for method in graph["methods"]),
        classes=len(bundle.labels),
        folded=0,
        kept=0,
        forms={},
        check=report_of(bundle.sidecar),
        sanity={},
        quantisation=next((g["quantisation"] for g in graphs if "quantisation" in g), {}),
        marks=bundle.marks,
        clip=tuple(bundle.sidecar["clip"][name] for name in ("length", "height", "width")),
    )


def report_of(sidecar: dict[str, Any]) -> CheckReport:
    """The export check that a sidecar states."""
    check = sidecar["check"]
    errors = check.get("relative_errors") or {"all": check["max_relative_error"]}
    return CheckReport(
        check["inputs"], check.get("replaced", 0), errors, check.get("reference", "autograd"),
        check.get("engine", "OpenVINO"),
    )  # fmt: skip


def _wide_file(entry: dict[str, Any]) -> str | None:
    """The float32 graph of the class-activation methods; None for graphs that stay as they are."""
    explains_layers = "pathways" in entry or "activation" in entry["outputs"]
    if not explains_layers:
        return None
    return entry.get("reference", entry["file"])


def _provenance(source: Bundle, precision: Precision, license: str) -> dict[str, Any]:
    known = {k: v for k, v in source.sidecar["provenance"].items() if k != "calibration"}
    if license != "unstated":
        known["license"] = license
    made = {"made_from": f"the bundle {source.name}", "created_by": f"tubecam {__version__}"}
    return {**known, **made, **precision.provenance()}


def _errors(model: onnx.ModelProto, made: onnx.ModelProto, spec: ClipSpec) -> dict[str, float]:
    """Largest relative error of each output over clips that nothing was made from."""
    first, second = (compile_in_engine(m.SerializeToString()) for m in (model, made))
    errors: dict[str, float] = {}
    for clip in itertools.islice(unseen_clips(spec.input_shape, 0), INPUTS):
        results = [compiled(feeds(clip.numpy(), 0)) for compiled in (first, second)]
        for output in model.graph.output:
            want, got = (np.asarray(r[output.name], np.float64) for r in results)
            name = output.name.partition("_")[0]
            errors[name] = max(relative_error(got, want), errors.get(name, 0.0))
    if not max(errors.values()) <= LIMITS["float16"]:
        figures = ", ".join(f"{name} {error:.2g}" for name, error in errors.items())
        raise ExportError(
            f"float16 differs from float32 ({engine_version()}): relative errors {figures}; at "
            f"most {LIMITS['float16']:g} is accepted. Nothing was written."
        )
    return errors


def _check(source: Bundle, graphs: Sequence[_Converted]) -> dict[str, Any]:
    """The check's figures, where rounding makes them worse."""
    check = dict(source.sidecar["check"])
    for errors in (graph.errors for graph in graphs if graph.errors):
        known = check.get("relative_errors", {})
        worst = {n: max(known.get(n, 0.0), errors.get(n, 0.0)) for n in {**known, **errors}}
        check["relative_errors"] = worst
        check["max_relative_error"] = max(check["max_relative_error"], *worst.values())
    return check
